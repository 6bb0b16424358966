"""What aiohttp is told of an answer that it did not write."""

import pytest

from proxy.core.fields import Fields
from proxy.core.message import Response
from proxy.server import Patience
from proxy.server.sent import parting
from tests.server.conftest import Serving
from tests.server.origin import Origin, OriginReply, answering

GET = b"GET /open/x HTTP/1.1\r\nHost: x\r\n"


def test_a_parting_message_closes() -> None:
    """A message to a client whose request could not be read is whole, and says that the connection closes."""
    head, _, content = parting(Response(400, Fields([("X", "y")]), b"abc")).partition(b"\r\n\r\n")
    lines = head.split(b"\r\n")
    assert lines[:3] == [b"HTTP/1.1 400 Bad Request", b"X: y", b"Content-Length: 3"]
    assert lines[-1] == b"Connection: close"
    assert content == b"abc"


async def test_aiohttp_adds_nothing(serving: Serving) -> None:
    """Not a byte of an answer is aiohttp's: no Server, no Content-Type, no second end."""
    fields = Fields([("Content-Length", "3"), ("Date", "now")])
    stand = await serving(Origin(script=answering(OriginReply(fields=fields, content=b"abc"))))
    wire = await stand.ask(GET + b"Connection: close\r\n\r\n")
    assert await wire.ended() == (
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nDate: now\r\nVia: 1.1 ifmatch\r\nConnection: close\r\n\r\nabc"
    )


@pytest.mark.parametrize(("line", "goes_on"), [(b"", True), (b"Connection: close\r\n", False)])
async def test_the_connection_goes_on_as_the_client_wishes(serving: Serving, line: bytes, goes_on: bool) -> None:
    """A client that asks for the end of the connection gets it after its answer; others can ask again."""
    stand = await serving(patience=Patience(linger=1e6))
    wire = await stand.ask(GET + line + b"\r\n")
    assert (await wire.answer()).status == 200
    if goes_on:
        wire.send(GET + b"\r\n")
        assert (await wire.answer()).status == 200
    else:
        assert await wire.ended() == b""


async def test_no_lingering_over_content_that_has_come(serving: Serving) -> None:
    """A connection whose request is whole closes at once: its client is not made to wait for `linger`."""
    stand = await serving(patience=Patience(linger=1e6))
    wire = await stand.ask(GET.replace(b"GET", b"POST") + b"Connection: close\r\nContent-Length: 3\r\n\r\nabc")
    assert (await wire.answer()).fields.get("connection") == "close"
    assert await stand.server.drain(30)
