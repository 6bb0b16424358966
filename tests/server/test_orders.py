"""What is known about a write before it is guarded."""

import pytest

from proxy.core.route import Guard, Limits
from proxy.gateway import Kind
from proxy.server.orders import LONGEST, MOST, Order, Orders
from tests.server.conftest import routes
from tests.server.sides import Side, side
from tests.server.test_brief import get
from tests.server.test_errand import ANY, put

PEER = "127.0.0.1"


def ordering(here: Side) -> Orders:
    """Return what is ordered by writes."""
    ways = here.server._shortcuts  # noqa: SLF001 - what is known beforehand shows nowhere else
    assert ways
    return ways[1].orders


def ordered(here: Side, message: bytes) -> Order:
    """Return what a write orders."""
    order = ordering(here).of(message, PEER, "http")
    assert order is not None
    return order


async def test_an_order_says_what_is_written_and_told_of_it() -> None:
    """An order has the request as it goes to the gateway, its plan and content, and what is logged."""
    async with side() as here:
        order = ordered(here, put(b'If-Match: "a"', b"X-Request-Id: n", target=b"/wiki/1?q"))
        assert (order.request.method, order.request.target.raw) == ("PUT", "/wiki/1?q")
        assert (order.path, order.if_match, order.content) == ("/wiki/1", '"a"', b"new")
        assert order.plan.kind is Kind.GUARD
        assert order.fields.get("x-request-id") == "n"


@pytest.mark.parametrize("place", range(5))
@pytest.mark.parametrize("length", range(6))
@pytest.mark.parametrize("name", [b"If-Match", b"if-match"])
async def test_lines_go_on_in_their_order(place: int, length: int, name: bytes) -> None:
    """The line that names a state goes on where it stood, spelled as it was, wherever the length is told."""
    lines = [b"Host: x", b"Keep-Alive: 5", b'If-None-Match: "b"', b"A: b"]
    lines.insert(place, name + b': "a"')
    lines.insert(length, b"Content-Length: 3")
    message = b"PUT /wiki/1 HTTP/1.1\r\n" + b"\r\n".join(lines) + b"\r\n\r\nnew"
    expected = [line.decode() for line in lines if not line.startswith((b"Content-Length", b"Keep-Alive"))]
    async with side() as here:
        sent = [f"{field}: {value}" for field, value in ordered(here, message).request.fields]
        assert sent[:4] == expected


async def test_lines_are_read_once() -> None:
    """Writes that differ in target, content, trace and the state they name share all that is known of other lines."""
    async with side() as here:
        one = ordered(here, put(b'If-Match: "a"', b"A: b", b"traceparent: 00-1"))
        other = ordered(here, put(b'if-match: "b"', b"A: b", content=b"longer", target=b"/wiki/2", method=b"PATCH"))
        assert one.fields is other.fields
        assert one.request.fields.get("traceparent") == "00-1"
        assert (one.if_match, other.if_match) == ('"a"', '"b"')
        assert ordered(here, put(b"A: b")).if_match is None
        assert ordered(here, put(b"IF-MATCH: *", b"A: b")).if_match == "*"


@pytest.mark.parametrize("head", [b"Connection: close", b"A b: c", b"Expect: 100-continue", b"If_Match: a"])
async def test_what_was_read_before_changes_nothing(head: bytes) -> None:
    """A head that orders nothing leaves nothing behind for the next."""
    async with side() as here:
        for _ in range(2):
            assert ordering(here).of(put(ANY, head), PEER, "http") is None
            assert ordered(here, put(ANY)).if_match == "*"


@pytest.mark.parametrize(
    "piece",
    [
        b"",
        b"PUT ",
        b"PUT /wiki/1 HTTP/1.1\r\n",
        b"PUT /wiki/1 HTTP/1.1\r\n\r\n",
        b"PUT /wiki/1 HTTP/1.1 \r\nHost: x\r\n\r\n",
        b"PUT /wiki/1 HTTP/1.1\nHost: x\r\n\r\n",
        b"\r\n\r\n",
        b"\r\n" + put(ANY),
        put(ANY)[:-1],
        put(ANY) + b"\r\n",
        put(ANY) + put(ANY),
        put(ANY) + b"GET",
        put(ANY).replace(b"\r\n", b"\n"),
        put(ANY, length=b"Content-Length: 99999999"),
        put(ANY, length=b"Content-Length: \xb2"),
        put(ANY, length=b"Content-Length: "),
        get(),
        get().replace(b"GET", b"HEAD"),
        get().replace(b"GET", b"OPTIONS"),
    ],
)
async def test_what_is_no_lone_write(piece: bytes) -> None:
    """What came in one piece and is not one whole write, and nothing else, orders nothing."""
    async with side() as here:
        assert ordering(here).of(piece, PEER, "http") is None


async def test_how_long_it_may_be() -> None:
    """A head of 2 KiB, its empty line included, and 32 KiB of content are an order; a byte more of either is none."""
    async with side() as here:
        head = len(put(ANY, b"A: ")) - len(b"new")
        for more, known in ((0, True), (1, False)):
            message = put(ANY, b"A: " + b"b" * (LONGEST - head + more))
            assert len(message) - len(b"new") == LONGEST + more
            assert (ordering(here).of(message, PEER, "http") is not None) is known
            message = put(ANY, content=b"x" * (MOST + more))
            assert (ordering(here).of(message, PEER, "http") is not None) is known


async def test_only_what_is_guarded_is_an_order() -> None:
    """What is relayed, only reported on, or larger than its route takes, orders nothing; the present rules decide."""
    async with side() as here:
        for rules in ({"guard": Guard.REPORT}, {"guard": Guard.OFF}, {"limits": Limits(content=2)}):
            here.gateway.adopt(routes(**rules))
            assert ordering(here).of(put(ANY), PEER, "http") is None
        here.gateway.adopt(routes(limits=Limits(content=3)))
        assert ordered(here, put(ANY)).plan.match is not None
        assert ordering(here).of(put(ANY, target=b"/else"), PEER, "http") is None
