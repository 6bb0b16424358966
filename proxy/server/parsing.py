"""What is read of a request's head, by whatever parses one."""

from typing import Any, Final

from proxy.core.admission import MAX_FIELD_LINES

MAX_LINE: Final = 8190
"""Bytes of a request line, and of a field line, that are read."""

LIMITS: Final[dict[str, Any]] = {"max_line_size": MAX_LINE, "max_field_size": MAX_LINE, "max_headers": MAX_FIELD_LINES}
"""The same as aiohttp's parsers take it."""

PLAIN_TARGET: Final = rb"/[A-Za-z0-9/._~%?&=+:@,;!$'()*-]*"
"""Matches targets of which every parser makes the same; a request that has another takes the long way."""
