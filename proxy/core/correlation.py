"""The name by which a request is known across systems: in logs, and in the body of a refusal.

What lives here: which name of a client's is taken. What must not: names that we make up, for which dice are needed.
"""

import re
from typing import Final

from proxy.core.fields import Fields

NAMED_BY: Final = ("x-correlation-id", "x-request-id")
"""The fields in which clients and proxies name a request, the first that is sound counts."""

# UUIDs, hexadecimal numbers, ULIDs, `<uuid>#1` as gateways count; nothing that a log or a page could take for more.
_SOUND: Final = re.compile(r"[A-Za-z0-9._~:/+=@#-]{1,128}")


def sent(fields: Fields) -> str | None:
    """Return the name that a request came with; None where it has none, or one that is long, odd or said twice."""
    for name in NAMED_BY:
        values = fields.by_name.get(name, ())
        if len(values) == 1 and _SOUND.fullmatch(values[0]):
            return values[0]
    return None
