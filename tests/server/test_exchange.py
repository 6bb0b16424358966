"""A request as it came in."""

import asyncio

import pytest

from proxy.core.fields import Fields
from proxy.server.exchange import Exchange
from proxy.server.handling import Handling
from tests.server.conftest import Serving


@pytest.fixture
def exchanges(monkeypatch: pytest.MonkeyPatch) -> list[Exchange]:
    """Return the exchanges that the server handles, as they come."""
    seen: list[Exchange] = []
    carry_out = Handling._carry_out  # noqa: SLF001 - where an exchange is whole

    async def noticed(self: Handling, exchange: Exchange) -> None:
        seen.append(exchange)
        await carry_out(self, exchange)

    monkeypatch.setattr(Handling, "_carry_out", noticed)
    return seen


async def test_a_character_is_a_byte(serving: Serving, exchanges: list[Exchange]) -> None:
    """Target, names and values are what stood in the message, one character a byte, in order and case."""
    stand = await serving()
    await stand.answer(b"GET /a%C3%A9//b?q=%zz+&&= HTTP/1.1\r\nhOST: x\r\nB: \xc3\xa9\xff\r\nA:  1 \r\nb:\r\n\r\n")
    (exchange,) = exchanges
    assert exchange.raw_target == "/a%C3%A9//b?q=%zz+&&="
    assert exchange.fields == Fields([("hOST", "x"), ("B", "\xc3\xa9\xff"), ("A", "1"), ("b", "")])
    assert (exchange.method, exchange.version) == ("GET", (1, 1))


@pytest.mark.parametrize("target", ["http://h:1/a?b", "*", "//a", "/?", "/a;b=c:d@e!$&'()*+,~"])
async def test_targets_of_every_form(serving: Serving, exchanges: list[Exchange], target: str) -> None:
    """No form of the target is taken apart or changed on its way in."""
    stand = await serving()
    await stand.answer(f"OPTIONS {target} HTTP/1.1\r\nHost: h:1\r\n\r\n".encode())
    assert exchanges[0].raw_target == target


@pytest.mark.parametrize(
    ("lines", "framed", "length"),
    [
        (b"\r\n", False, 0),
        (b"Content-Length: 0\r\n\r\n", True, 0),
        (b"Content-Length: 007\r\n\r\nabcdefg", True, 7),
        (b"Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", True, None),
    ],
)
async def test_framing(
    serving: Serving, exchanges: list[Exchange], lines: bytes, framed: bool, length: int | None
) -> None:
    """Whether content was announced, and how much, is known before it is read."""
    stand = await serving()
    await stand.answer(b"PUT /wiki/1 HTTP/1.1\r\nHost: x\r\n" + lines)
    assert exchanges[0].framed is framed
    assert exchanges[0].content().length == length


@pytest.mark.parametrize(
    ("version", "value", "expected"),
    [("1.1", "100-Continue", "100-continue"), ("1.1", "x", "x"), ("1.0", "100-continue", None)],
)
async def test_expectation(
    serving: Serving, exchanges: list[Exchange], version: str, value: str, expected: str | None
) -> None:
    """An expectation is read without regard to case, and not at all from HTTP/1.0."""
    stand = await serving()
    await stand.answer(f"GET / HTTP/{version}\r\nHost: x\r\nExpect: {value}\r\n\r\n".encode())
    assert exchanges[0].expectation == expected


async def test_pipelined_writes_are_serial(serving: Serving, exchanges: list[Exchange]) -> None:
    """Two requests on one connection never overlap: the second is taken up when the first is answered."""
    stand = await serving()
    message = b"PUT /wiki/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\n\r\n"
    wire = await stand.ask(message + b"1" + message)
    assert (await wire.answer()).status == 204
    await asyncio.sleep(0)
    wire.send(b"2")
    assert (await wire.answer()).status == 204
    assert [seen.content for seen in stand.origin.writes] == [b"1", b"2"]
    assert len(exchanges) == 2
