"""Which offers to speak another protocol are passed on, and which answers accept one (RFC 9110 §7.8, RFC 6455 §4).

What lives here: the two checks without which a tunnel would be a way around the guard. What must not: whether the path
is guarded (`matching`), and the bytes that pass behind the answer.

WebSocket is the only protocol. Behind `Upgrade: h2c` an origin server takes further requests, for any path, where
nobody looks at them; whatever else could be named might do the same.
"""

import hashlib
from base64 import b64encode
from typing import Final

from proxy.core.fields import Fields
from proxy.core.framing import has_content

WEBSOCKET: Final = "websocket"
SWITCHING: Final = Fields([("Connection", "Upgrade"), ("Upgrade", WEBSOCKET)])
"""What both messages of a handshake say of it, as we write it."""
SWITCHED: Final = 101

_MODERN: Final = (1, 1)
_KEY, _ACCEPT = "sec-websocket-key", "sec-websocket-accept"
_GUID: Final = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 §1.3


def offered(method: str, version: tuple[int, int], fields: Fields) -> bool:
    """Tell whether a request, as received, opens a WebSocket and offers nothing else.

    Without its key no answer could be told from one that some other code of the origin server gave the status of.
    """
    if "upgrade" not in fields:  # nearly every request
        return False
    asks = fields.elements("upgrade") == (WEBSOCKET,) and "upgrade" in fields.connection_options()
    return asks and method == "GET" and version == _MODERN and not has_content(fields) and _key(fields) is not None


def accepted(asked: Fields, answered: Fields) -> bool:
    """Tell whether the fields of a 101 accept the WebSocket for which a request with the fields `asked` was sent.

    The proof that the answer comes from who read the request (RFC 6455 §4.1) makes it no use to talk an origin server
    into the mere status. A 101 has no content, so one that frames it could be read in two ways (RFC 9112 §6.3).
    """
    key = _key(asked)
    switches = answered.elements("upgrade") == (WEBSOCKET,) and "upgrade" in answered.connection_options()
    framed = "content-length" in answered or "transfer-encoding" in answered
    return key is not None and switches and not framed and answered.get_all(_ACCEPT) == (proof(key),)


def proof(key: str) -> str:
    """Return what Sec-WebSocket-Accept says to a Sec-WebSocket-Key (RFC 6455 §4.2.2)."""
    digest = hashlib.sha1((key + _GUID).encode("latin-1"), usedforsecurity=False).digest()
    return b64encode(digest).decode("ascii")


def _key(fields: Fields) -> str | None:
    """Return the one key of a handshake, unless `Connection` would have it dropped on the way."""
    keys = fields.end_to_end().get_all(_KEY)
    return keys[0] if len(keys) == 1 and keys[0] else None
