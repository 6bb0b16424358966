"""Values of Proxy-Status (RFC 9209): what this intermediary says of an answer that it made, or passes on.

What lives here: the spelling. Which error type fits a failure stands in the table of `proxy.problems`.
"""

import re
from typing import Final

from proxy.core.fields import Fields
from proxy.core.message import Response

NAME: Final = "ifmatch"

TAKEN_FOR_OURS: Final = frozenset({412, 428, 503})
"""Statuses that say, where they are ours, that the request was not forwarded."""

_UNPRINTABLE: Final = re.compile(r"[^ -~]")  # RFC 8941 §3.3.3: a String is printable ASCII


def of_ours(details: str, error: str | None = None) -> str:
    """Return a value for an answer of ours: our name, the error type if one fits, and a sentence."""
    plain = _UNPRINTABLE.sub("?", details)
    quoted = plain.replace("\\", "\\\\").replace('"', '\\"')
    kind = "" if error is None else f" error={error};"
    return f'{NAME};{kind} details="{quoted}"'


def of_theirs(response: Response, note: str | None) -> Fields:
    """Return the fields of an answer of the origin server's, marked where they could mislead about the request.

    `note`: why it stands in for the answer to a request that was not forwarded.
    """
    if note is not None:
        return response.fields.adding("Proxy-Status", of_ours(note))
    if response.status in TAKEN_FOR_OURS:
        return response.fields.adding("Proxy-Status", f"{NAME}; received-status={response.status}")
    return response.fields
