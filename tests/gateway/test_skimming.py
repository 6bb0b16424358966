"""Content that passes by: hashed as it arrives, and not kept."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import ClassVar, Self

import pytest

from proxy.core.effort import LARGE, Effort
from proxy.core.fields import Fields
from proxy.core.message import Request
from proxy.core.route import Limits, Query, Route
from proxy.core.tag_rules import TagRules
from proxy.core.template import Template
from proxy.core.verdict import NotModified, Perform, PreconditionFailed, Reason
from proxy.core.version import FieldVersion
from proxy.errors import Failure, Unanswered, Unverifiable
from proxy.gateway.skimming import PART, announced
from proxy.ports import Purpose, Taker
from tests.support.at_once import AtOnce
from tests.support.injecting import ITEM, JSON_TYPE
from tests.support.scripted import TEXT, Canned, Rig, answering

STATE = bytes(range(256)) * (LARGE // 256)
LENGTH = ("Content-Length", str(LARGE))
ROUTE = Route("wiki", Template.parse("/wiki/{id}"))


class Passing(Canned):
    """An answer that can be skimmed and nothing else."""

    async def read(self, limit: int) -> bytes | None:
        raise AssertionError("its content is kept")


def passing(content: bytes = STATE, *lines: tuple[str, str]) -> Passing:
    """Return an answer that announces how long it is."""
    return Passing(200, content, (*TEXT, ("Content-Length", str(len(content))), *lines))


async def test_a_large_state_is_compared_without_being_kept() -> None:
    """The write goes through with the tag that a GET showed, and with no other."""
    shown = (await Rig(answering(Canned(200, STATE, (*TEXT, LENGTH)))).get()).response
    assert shown is not None
    rig = Rig(answering(passing()))
    assert (await rig.write("PATCH", ("If-Match", shown.fields.get("etag") or ""))).verdict == Perform(Reason.HOLDS)
    refused = (await rig.write("PATCH", ("If-Match", '"x"'))).verdict
    assert isinstance(refused, PreconditionFailed)
    assert refused.current is not None
    assert str(refused.current) == shown.fields.get("etag")
    assert len(rig.upstream.performed()) == 1


async def test_the_answer_to_a_head_needs_no_content() -> None:
    """Its fields are those of the answer to GET, its length included; so are its preconditions."""
    shown = (await Rig(answering(Canned(200, STATE, (*TEXT, LENGTH)))).get()).response
    rig = Rig(answering(passing()))
    head = (await rig.get(method="HEAD")).response
    assert shown is not None
    assert head is not None
    assert (head.status, head.fields, head.content) == (200, shown.fields, b"")
    tag = shown.fields.get("etag") or ""
    assert isinstance((await rig.get("/wiki/1", ("If-None-Match", tag), method="HEAD")).verdict, NotModified)


@pytest.mark.parametrize(("sent", "said"), [(STATE, True), (STATE[:-1] + b"x", False)])
async def test_what_was_stored_is_compared_without_being_kept(sent: bytes, *, said: bool) -> None:
    """After a PUT the tag is said where the new state is what was sent, byte for byte."""
    rig = Rig(answering(passing()))
    answer = (await rig.write("PUT", content=sent)).response
    assert answer is not None
    assert answer.fields.get("etag") == (rig.tag(STATE) if said else None)


async def test_a_view_needs_no_content_of_the_whole() -> None:
    """The state of the whole is named by its tag alone."""

    def showing(whole: Canned) -> Rig:
        def script(request: Request, purpose: Purpose) -> Canned:
            return Canned(200, b"view", TEXT) if request.target.query else whole

        return Rig(script, replace(ROUTE, query=Query.VIEW))

    kept, skimmed = showing(Canned(200, STATE, (*TEXT, LENGTH))), showing(passing())
    assert await skimmed.get("/wiki/1?x") == await kept.get("/wiki/1?x")


@pytest.mark.parametrize(
    ("route", "lines"),
    [
        (ROUTE, (("ETag", '"theirs"'),)),
        (replace(ROUTE, rules=TagRules(version=FieldVersion("Last-Modified"))), (("Last-Modified", "x"),)),
        (replace(ROUTE, inject=ITEM.inject), ()),
    ],
    ids=["kept tag", "version in a field", "nothing to inject into"],
)
async def test_what_else_passes_by(route: Route, lines: tuple[tuple[str, str], ...]) -> None:
    """Whatever the tag is, it is the one that was shown."""
    shown = (await Rig(answering(Canned(200, STATE, (*TEXT, LENGTH, *lines))), route).get()).response
    assert shown is not None
    rig = Rig(answering(passing(STATE, *lines)), route)
    assert (await rig.write("PATCH", ("If-Match", shown.fields.get("etag") or ""))).verdict == Perform(Reason.HOLDS)


@pytest.mark.parametrize(
    ("answer", "route", "line"),
    [
        (Canned(200, STATE, TEXT), ROUTE, ("If-Match", '"x"')),
        (Canned(200, STATE[:-1], (*TEXT, ("Content-Length", str(LARGE - 1)))), ROUTE, ("If-Match", '"x"')),
        (Canned(200, STATE, (*TEXT, LENGTH)), ROUTE, ("Prefer", "return=representation")),
        (Canned(200, STATE, (*TEXT, LENGTH)), replace(ROUTE, already_applied=True), ("If-Match", '"x"')),
        (Canned(200, STATE, (JSON_TYPE, LENGTH)), replace(ROUTE, inject=ITEM.inject), ("If-Match", '"x"')),
        (Canned(200, STATE, (*TEXT, LENGTH, ("Content-Encoding", "gzip"))), ROUTE, ("If-Match", '"x"')),
    ],
    ids=["length unknown", "small", "shown when refused", "compared when refused", "injected into", "compressed"],
)
async def test_what_is_kept(
    answer: Canned, route: Route, line: tuple[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Content that somebody looks at, or that is soon read, is read whole."""
    skimmed: list[Taker] = []

    async def skim(self: Canned, taker: Taker) -> None:
        skimmed.append(taker)

    monkeypatch.setattr(Canned, "skim", skim)
    refused = await Rig(answering(answer), route).write("PUT", ("If-Match", '"x"'), line)
    assert isinstance(refused.verdict, PreconditionFailed)
    assert skimmed == []


async def test_beyond_the_limit_nothing_is_taken() -> None:
    """What is announced to be larger than the route mints from shows no state."""
    rig = Rig(answering(Canned(200, STATE, (*TEXT, LENGTH))), replace(ROUTE, limits=Limits(mint=LARGE - 1)))
    with pytest.raises(Unverifiable):
        await rig.write("PUT", ("If-Match", '"x"'))


@pytest.mark.parametrize("breaks", [Unanswered("ends early"), Unanswered("late", timed_out=True)])
async def test_content_that_breaks_off_shows_nothing(breaks: Failure) -> None:
    """A selection that was not whole permits nothing, and its reply is let go of (I7)."""
    answer = replace(passing(), breaks=breaks)
    rig = Rig(answering(answer))
    with pytest.raises(Unanswered):
        await rig.write("PUT", ("If-Match", "*"))
    assert rig.upstream.performed() == []
    assert answer.closed == 1


class Piece(bytes):
    """A piece of content that is counted while there is any reference to it."""

    alive: ClassVar[int] = 0
    most: ClassVar[int] = 0

    def __new__(cls, content: bytes) -> Self:
        cls.alive += len(content)
        cls.most = max(cls.most, cls.alive)
        return super().__new__(cls, content)

    def __del__(self) -> None:
        Piece.alive -= len(self)


@dataclass
class Long(Passing):
    """Content of so many pieces, each made when it is asked for."""

    pieces: int = 0

    def made(self) -> Iterator[Piece]:
        return (Piece(number.to_bytes(2, "big") * (LARGE // 2)) for number in range(self.pieces))

    async def skim(self, taker: Taker) -> None:
        for piece in self.made():
            await taker(piece)


@pytest.mark.parametrize("workshop", [None, AtOnce()], ids=["at once", "in the workshop"])
async def test_memory_does_not_grow_with_the_state(workshop: AtOnce | None) -> None:
    """However large it is, no more of it is held at a time than is hashed in one go; its tag is that of all of it."""
    pieces = 64
    lines = (*TEXT, ("Content-Length", str(pieces * LARGE)))
    answer = Long(200, b"", lines, pieces=pieces)
    whole = b"".join(answer.made())
    Piece.most = Piece.alive = 0
    route = replace(ROUTE, limits=Limits(mint=pieces * LARGE))
    rig = Rig(answering(answer), route, workshop=workshop)
    refused = (await rig.write("PUT", ("If-Match", '"x"'))).verdict
    assert isinstance(refused, PreconditionFailed)
    assert str(refused.current) == rig.tag(whole)
    assert Piece.most <= PART + LARGE
    assert workshop is None or workshop.done == [Effort.COMPILED] * (pieces * LARGE // PART)


async def test_the_measure_of_memory_measures() -> None:
    """Who keeps the pieces is found out by the same count."""
    Piece.most = Piece.alive = 0
    kept = list(Long(200, pieces=64).made())
    assert Piece.most == sum(map(len, kept)) == 64 * LARGE


@pytest.mark.parametrize(
    ("lines", "length"),
    [([], None), (["5"], 5), (["5", "5"], None), (["-5"], None), (["x"], None), (["9" * 19], None)],
)
def test_announced_length(lines: list[str], length: int | None) -> None:
    """A single number, and none that is longer than any content."""
    assert announced(Fields([("Content-Length", line) for line in lines])) == length
