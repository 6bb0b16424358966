"""Which offers to speak another protocol are passed on, and which answers accept one."""

import pytest

from proxy.core import upgrading
from proxy.core.fields import Fields
from tests.support import websocket

KEY = ("Sec-WebSocket-Key", websocket.KEY)
OFFER = [("Connection", "Upgrade"), ("Upgrade", "websocket"), KEY]
ACCEPTANCE = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Accept", websocket.PROOF)]
Line = tuple[str, str]


def test_the_proof_is_that_of_the_rfc() -> None:
    """The example of RFC 6455 §1.3."""
    assert upgrading.proof(websocket.KEY) == websocket.PROOF == websocket.proof(websocket.KEY)


@pytest.mark.parametrize(
    "lines",
    [
        OFFER,
        [("connection", "keep-alive, UPGRADE"), ("upgrade", "WebSocket"), KEY],
        [*OFFER, ("Content-Length", "0")],
        [*OFFER, ("Sec-WebSocket-Version", "8"), ("HTTP2-Settings", "AAMAAABk")],
    ],
)
def test_a_websocket_is_offered(lines: list[Line]) -> None:
    """Case, other options of the connection and an announced length of 0 do not count."""
    assert upgrading.offered("GET", (1, 1), Fields(lines))


@pytest.mark.parametrize(
    ("method", "version", "lines"),
    [
        ("GET", (1, 1), []),
        ("GET", (1, 0), OFFER),
        ("GET", (1, 2), OFFER),
        ("POST", (1, 1), OFFER),
        ("HEAD", (1, 1), OFFER),
        ("GET", (1, 1), [*OFFER, ("Content-Length", "1")]),
        ("GET", (1, 1), [*OFFER, ("Transfer-Encoding", "chunked")]),
        ("GET", (1, 1), OFFER[1:]),
        ("GET", (1, 1), [("Connection", "close"), *OFFER[1:]]),
        ("GET", (1, 1), [OFFER[0], KEY]),
        ("GET", (1, 1), OFFER[:2]),
        ("GET", (1, 1), [*OFFER, KEY]),
        ("GET", (1, 1), [*OFFER[:2], ("Sec-WebSocket-Key", "")]),
        ("GET", (1, 1), [("Connection", "Upgrade, Sec-WebSocket-Key"), *OFFER[1:]]),
        *(
            ("GET", (1, 1), [OFFER[0], ("Upgrade", named), KEY])
            for named in ["h2c", "websocket, h2c", "h2c, websocket", "websocket/13", "websockets", "", "x", "TLS/1.2"]
        ),
        ("GET", (1, 1), [*OFFER, ("Upgrade", "h2c")]),
        ("GET", (1, 1), [*OFFER, ("Upgrade", "websocket")]),
    ],
)
def test_nothing_else_is_offered(method: str, version: tuple[int, int], lines: list[Line]) -> None:
    """Another protocol beside it, content, another method or version, no key, two of anything."""
    assert not upgrading.offered(method, version, Fields(lines))


def test_an_offer_is_accepted_by_its_proof() -> None:
    """Whatever else the 101 says."""
    assert upgrading.accepted(Fields(OFFER), Fields([*ACCEPTANCE, ("Sec-WebSocket-Protocol", "chat")]))


@pytest.mark.parametrize(
    "lines",
    [
        ACCEPTANCE[1:],
        [ACCEPTANCE[0], ACCEPTANCE[2]],
        ACCEPTANCE[:2],
        [*ACCEPTANCE[:2], ("Sec-WebSocket-Accept", websocket.PROOF.lower())],
        [*ACCEPTANCE[:2], ("Sec-WebSocket-Accept", websocket.KEY)],
        [*ACCEPTANCE, ACCEPTANCE[2]],
        [*ACCEPTANCE, ("Content-Length", "0")],
        [*ACCEPTANCE, ("Transfer-Encoding", "chunked")],
        [ACCEPTANCE[0], ("Upgrade", "h2c"), ACCEPTANCE[2]],
        [*ACCEPTANCE, ("Upgrade", "h2c")],
    ],
)
def test_anything_else_accepts_nothing(lines: list[Line]) -> None:
    """A status alone, a proof of another key, another protocol, framing of content that a 101 cannot have."""
    assert not upgrading.accepted(Fields(OFFER), Fields(lines))


def test_nothing_is_accepted_without_a_key() -> None:
    """There is no proof of what was not asked."""
    assert not upgrading.accepted(Fields(OFFER[:2]), Fields(ACCEPTANCE))
