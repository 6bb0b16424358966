"""What is known about a read before the origin server is asked."""

import pytest

from proxy.core.route import Guard
from proxy.server import blocks, questions
from proxy.server.questions import KEPT, LONGEST, Questions
from tests.server.conftest import routes
from tests.server.sides import ANSWERED, LONG, Side, Trail, lay_trail, says, side
from tests.server.test_brief import ONE, get

PEER = "127.0.0.1"


@pytest.fixture
def trail(monkeypatch: pytest.MonkeyPatch) -> Trail:
    """Which way the reads of a test go."""
    return lay_trail(monkeypatch)


def asking(here: Side) -> Questions:
    """Return what the server asks by heads."""
    ways = here.server._shortcuts  # noqa: SLF001 - what is known beforehand shows nowhere else
    assert ways
    return ways[0].questions


async def test_a_head_is_worked_out_once() -> None:
    """The same head from the same peer is the same question, whatever names the request across systems."""
    async with side() as here:
        ask = asking(here).of
        first = ask(get(b"X-Request-Id: a", b"A: b"), PEER, "http")
        assert first is not None
        question, values = first
        assert values == [(b"X-Request-Id", b"a")]
        again = ask(get(b"X-Request-Id: b", b"A: b"), PEER, "http")
        assert again is not None
        assert again[0] is question
        for other in (
            ask(get(b"A: b"), PEER, "http"),
            ask(get(b"x-request-id: a", b"A: b"), PEER, "http"),
            ask(get(b"X-Request-Id: a", b"A: b"), "127.0.0.2", "http"),
            ask(get(b"X-Request-Id: a", b"A: b"), PEER, "https"),
        ):
            assert other is not None
            assert other[0] is not question


async def test_a_question_says_what_is_told_of_it() -> None:
    """A question has the path that is logged, its condition, its page, and a request cut where a value was."""
    async with side() as here:
        found = asking(here).of(
            get(b'If-Match: "a"', b"Origin: o", b"X-Request-Id: n", target=b"/wiki/1?q"), PEER, "http"
        )
        assert found is not None
        question = found[0]
        assert (question.path, question.target, question.guarded) == ("/wiki/1", b"/wiki/1?q", True)
        assert question.selector is not None


async def test_what_selects_is_each_reader_s_own() -> None:
    """Readers that differ in their credentials ask one question, and what each is shown speaks for that one alone."""
    async with side() as here:
        ask = asking(here).of
        found = [ask(get(b"Authorization: " + each, b"Referer: x"), PEER, "http") for each in (b"Basic 1", b"Basic 2")]
        (question, one), (same, other) = [each for each in found if each is not None]
        assert question is same
        assert question.selector is None
        assert question.selected_by(one) != question.selected_by(other)
        assert question.ready(other).count(b"\r\nAuthorization: Basic 2\r\nReferer: x\r\n") == 1


async def test_a_value_that_is_dropped(trail: Trail) -> None:
    """What a peer that is not trusted claims goes nowhere, whatever it is, and its read goes the short way."""
    async with side(says(ONE), says(ONE), says(ONE)) as here:
        wire = await here.ask(get())
        await wire.answer()
        for number in (1, 2):
            wire.send(get(b"X-Forwarded-For: 192.0.2.%d" % number, b"Cookie: %d" % number))
            assert (await wire.answer()).content == b"one"
            assert b"192.0.2" not in here.asked[-1]
            assert b"\r\nCookie: %d\r\n" % number in here.asked[-1]
        assert trail.ways[-2:] == [ANSWERED, ANSWERED]


@pytest.mark.parametrize(
    "piece",
    [
        b"",
        b"GET ",
        b"GET /wiki/1 HTTP/1.1\r\n",
        b"\r\n\r\n",
        b"\r\n" + get(),
        get()[:-1],
        get() + b"\r\n",
        get() + get(),
        get() + b"abc",
        get().replace(b"\r\n", b"\n"),
        b"GET " + b"\x00" * 40 + b"\r\n\r\n",
    ],
)
async def test_what_is_no_lone_read(piece: bytes) -> None:
    """What came in one piece and is not one whole head of a GET, and nothing else, asks nothing here."""
    async with side() as here:
        assert asking(here).of(piece, PEER, "http") is None


async def test_a_long_head(trail: Trail) -> None:
    """A head of 2 KiB goes the short way, one of a byte more the long way."""
    empty = len(get(b"A: "))
    async with side(says(ONE), says(ONE)) as here:
        wire = await here.connect()
        for length in (LONGEST, LONGEST + 1):
            message = get(b"A: " + b"b" * (length - empty))
            assert len(message) == length
            wire.send(message)
            assert (await wire.answer()).content == b"one"
        assert trail.ways == [ANSWERED, LONG]


BEFORE = {
    "one that ends its connection": get(b"Connection: close"),
    "one that cannot be read": get(b"A b: c"),
    "one with content": get(b"Content-Length: 9"),
    "one with chunks": get(b"Transfer-Encoding: chunked"),
    "one that speaks of another protocol": get(b"Connection: upgrade", b"Upgrade: websocket"),
    "an old one": get().replace(b"1.1", b"1.0"),
}


@pytest.mark.parametrize("before", BEFORE.values(), ids=BEFORE)
async def test_a_head_is_read_by_itself(before: bytes) -> None:
    """Nothing that was read before changes what a head asks."""
    async with side() as here:
        ask = asking(here).of
        assert ask(before, PEER, "http") is None
        assert ask(get(), PEER, "http") is not None


async def test_content_that_was_announced_is_not_taken_from_another_head() -> None:
    """A head is never read as the content that another announced, so that nobody is shown what somebody else names."""
    innocent = get(host=b"A: GET /wiki/2 HTTP/1.1\r\nHost: x")
    announced = innocent.index(b"GET /wiki/2")
    async with side() as here:
        ask = asking(here).of
        assert ask(get(b"Content-Length: %d" % announced), PEER, "http") is None
        found = ask(innocent, PEER, "http")
        assert found is not None
        assert found[0].path == "/wiki/1"


async def test_other_rules_are_another_question() -> None:
    """Once the gateway has adopted other rules, a head that is known is worked out again."""
    async with side() as here:
        ask = asking(here).of
        assert ask(get(), PEER, "http") is not None
        here.gateway.adopt(routes(guard=Guard.REPORT))
        assert ask(get(), PEER, "http") is None
        here.gateway.adopt(routes())
        assert ask(get(), PEER, "http") is not None


async def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """So many heads are remembered and no more, those that ask nothing here among them; the oldest leave."""
    assert KEPT * LONGEST <= 2**21
    for room in (questions, blocks):
        monkeypatch.setattr(room, "KEPT", 3)
    async with side() as here:
        ask = asking(here).of
        first = ask(get(), PEER, "http")
        for number in range(5):
            ask(get(b"A: %d" % number), PEER, "http")
            ask(get(b"Range: bytes=%d-" % number), PEER, "http")
        for cache in (asking(here)._known, asking(here)._blocks.of):  # noqa: SLF001 - what is kept shows nowhere else
            assert cache.cache_info().currsize == 3
        again = ask(get(), PEER, "http")
        assert first is not None
        assert again is not None
        assert again[0] is not first[0]
