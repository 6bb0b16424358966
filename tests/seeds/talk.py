"""What the rows of the seeds read out of answers.

What lives here: what must be there for a row to go on.
"""

import httpx

from tests.seeds.rows import Unplayable


def tag(answer: httpx.Response) -> str:
    """Return the tag in an answer, quotes included. Raised when there is none: `Unplayable`."""
    if "ETag" not in answer.headers:
        raise Unplayable(f"no ETag in the answer to {answer.request.method} ({answer.status_code})")
    return answer.headers["ETag"]


def opaque(answer: httpx.Response) -> str:
    """Return the tag in an answer without its quotes. Raised when there is none: `Unplayable`."""
    return tag(answer).strip('"')
