"""As much of WebSocket (RFC 6455) as an origin server and a client need that talk to each other through a proxy.

What lives here: the handshake and frames as bytes, written from the RFC and not from what the proxy does.
"""

import base64
import hashlib
import struct
from collections.abc import Callable

KEY = "dGhlIHNhbXBsZSBub25jZQ=="
PROOF = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
"""What answers `KEY`; both are the example of RFC 6455 §1.3."""

CLOSE = 8

Read = Callable[[int], bytes]


def handshake(target: str, *lines: str, authority: str = "x", upgrade: str = "websocket") -> bytes:
    """Return a request that offers to speak WebSocket."""
    own = [f"Upgrade: {upgrade}", "Connection: Upgrade", f"Sec-WebSocket-Key: {KEY}", "Sec-WebSocket-Version: 13"]
    head = [f"GET {target} HTTP/1.1", f"Host: {authority}", *own, *lines]
    return "\r\n".join(head).encode("latin-1") + b"\r\n\r\n"


def proof(key: str) -> str:
    """Return what Sec-WebSocket-Accept has to say (RFC 6455 §4.2.2)."""
    digest = hashlib.sha1(f"{key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11".encode(), usedforsecurity=False).digest()
    return base64.b64encode(digest).decode()


def switching(*lines: str, accept: str = PROOF) -> bytes:
    """Return the 101 that accepts the offer."""
    own = ["Upgrade: websocket", "Connection: Upgrade", f"Sec-WebSocket-Accept: {accept}"]
    return "\r\n".join(["HTTP/1.1 101 Switching Protocols", *own, *lines]).encode("latin-1") + b"\r\n\r\n"


def frame(content: bytes, opcode: int = 2, mask: bytes = b"") -> bytes:
    """Return a frame (RFC 6455 §5.2); a client masks what it sends."""
    size = len(content)
    if size < 126:
        length = bytes([size | 0x80 * bool(mask)])
    elif size < 1 << 16:
        length = bytes([126 | 0x80 * bool(mask)]) + struct.pack("!H", size)
    else:
        length = bytes([127 | 0x80 * bool(mask)]) + struct.pack("!Q", size)
    return bytes([0x80 | opcode]) + length + mask + masked(content, mask)


def read_frame(read: Read) -> tuple[int, bytes]:
    """Read one frame with what reads exactly so many bytes; return its opcode and content."""
    first, second = read(2)
    size = second & 0x7F
    if size == 126:
        (size,) = struct.unpack("!H", read(2))
    elif size == 127:
        (size,) = struct.unpack("!Q", read(8))
    mask = read(4) if second & 0x80 else b""
    return first & 0x0F, masked(read(size), mask)


def masked(content: bytes, mask: bytes) -> bytes:
    """Mask content, or unmask it (RFC 6455 §5.3)."""
    if not mask:
        return content
    whole = (mask * (len(content) // 4 + 1))[: len(content)]
    return (int.from_bytes(content, "big") ^ int.from_bytes(whole, "big")).to_bytes(len(content), "big")
