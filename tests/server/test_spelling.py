"""Answers of the short way as bytes, put together from parts."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from proxy.core.cors import AllowedOrigins
from proxy.core.entity_tag import EntityTag
from proxy.core.fields import Fields
from proxy.core.matching import Routes
from proxy.core.message import Response
from proxy.core.minting import Validator
from proxy.core.verdict import NotModified, Perform, Reason, Verdict
from proxy.server import spelling
from proxy.server.questions import Question
from proxy.server.spelling import KEPT, Spelling
from tests.server.conftest import routes
from tests.server.sides import Side, side
from tests.server.test_brief import get
from tests.server.test_questions import PEER, asking

SHOWN, SAME = Perform(Reason.NO_CONDITIONS), NotModified(Reason.STALE)
NEVER = Fields([("Content-Length", "3")])


def said(*lines: tuple[str, str], content: bytes = b"one", status: int = 200) -> Response:
    """Return what the origin server showed."""
    fields = Fields([("Date", "now"), ("Content-Length", str(len(content))), *lines])
    return Response(status, fields, content)


def tag(text: str, *, weak: bool = False) -> Validator:
    """Return a validator with this tag."""
    return Validator(EntityTag(text, weak=weak), None, minted=True)


@asynccontextmanager
async def spelled(rules: Routes | None = None) -> AsyncIterator[tuple[Spelling, Side]]:
    """Return what spells the answers of a server."""
    async with side(rules=rules) as here:
        yield Spelling(here.gateway, "ifmatch"), here


def question(here: Side, *lines: bytes, target: bytes = b"/wiki/1") -> Question:
    """Return what a head asks."""
    found = asking(here).of(get(*lines, target=target), PEER, "http")
    assert found is not None
    return found[0]


def message(by: Spelling, asks: Question, seen: Response, verdict: Verdict, current: Validator) -> bytes:
    """Return the answer to a read that was looked at."""
    assert asks.guarded
    return by.message(asks, seen, verdict, current)


def kept(by: Spelling) -> int:
    """Return how many answers have their parts remembered."""
    return len(by._known)  # noqa: SLF001 - what is remembered shows nowhere else


async def test_an_answer() -> None:
    """An answer has the origin server's fields, the tag, our line of Via, and the content."""
    async with spelled() as (by, here):
        assert message(by, question(here), said(), SHOWN, tag("t")) == (
            b"HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 3\r\nAccept-Ranges: bytes\r\n"
            b'ETag: "t"\r\nVia: 1.1 ifmatch\r\n\r\none'
        )


async def test_an_answer_of_known_parts() -> None:
    """Answers with the same fields have their own tag, weak or strong, and content; they differ in nothing else."""
    async with spelled() as (by, here):
        seen = said()
        first = message(by, question(here), seen, SHOWN, tag("first"))
        other = message(by, question(here), replace(seen, content=b"two"), SHOWN, tag("x\xff", weak=True))
        assert kept(by) == 1
        assert other == first.replace(b'"first"', b'W/"x\xff"').replace(b"one", b"two")


async def test_what_tells_answers_apart() -> None:
    """Another verdict, page, route, or object of fields is another answer, with parts of its own."""
    async with spelled(routes(cors=AllowedOrigins(("https://a.example",)))) as (by, here):
        plain, page = question(here), question(here, b"Origin: https://a.example")
        seen, same = said(), said(("A", "b"))
        whole = [message(by, asks, seen, SHOWN, tag("t")) for asks in (plain, page) for _ in range(2)]
        assert [b"Access-Control-Allow-Origin" in each for each in whole] == [False, False, True, True]
        unmodified = message(by, plain, seen, SAME, tag("t"))
        assert unmodified.startswith(b"HTTP/1.1 304 Not Modified\r\n")
        assert unmodified.endswith(b"\r\n\r\n")
        assert b"\r\nA: b\r\n" in message(by, plain, same, SHOWN, tag("t"))
        here.gateway.adopt(routes())
        assert b"Origin" not in message(by, question(here), seen, SHOWN, tag("t"))
        assert kept(by) == 5


async def test_an_answer_that_is_passed_on() -> None:
    """What is passed on has no tag of ours; another status of the same fields is another answer."""
    async with spelled() as (by, _):
        seen = said(("ETag", '"o"'))
        assert by.passed(seen) == (
            b'HTTP/1.1 200 OK\r\nDate: now\r\nContent-Length: 3\r\nETag: "o"\r\nVia: 1.1 ifmatch\r\n\r\none'
        )
        assert by.passed(replace(seen, content=b"two")) == by.passed(seen).replace(b"one", b"two")
        assert by.passed(replace(seen, status=404)).startswith(b"HTTP/1.1 404 Not Found\r\n")
        assert kept(by) == 2


async def test_an_answer_without_a_date() -> None:
    """An answer that we date is not remembered: it would keep its date."""
    async with spelled() as (by, here):
        seen = Response(200, NEVER, b"one")
        assert b"\r\nDate: " in message(by, question(here), seen, SHOWN, tag("t"))
        assert b"\r\nDate: " in by.passed(seen)
        assert kept(by) == 0


@pytest.mark.parametrize("known", [False, True])
async def test_a_mark_of_the_origin_servers(known: bool) -> None:
    """Where the origin server's fields have the mark in them, the tag is put in its own place all the same."""
    mark = '"ifmatch:the-tag-goes-here"'
    async with spelled() as (by, here):
        seen, asks = said(("A", mark)), question(here)
        if known:
            message(by, asks, seen, SHOWN, tag("first"))
        got = message(by, asks, seen, SHOWN, tag("t"))
        assert b'\r\nETag: "t"\r\n' in got
        assert b"\r\nA: " + mark.encode() + b"\r\n" in got
        assert got.endswith(b"\r\n\r\none")


@pytest.mark.parametrize("guarded", [True, False])
async def test_memory_is_bounded(guarded: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """So many answers are remembered and no more, and none is taken for another whose place in memory it has got."""
    assert KEPT <= 512
    monkeypatch.setattr(spelling, "KEPT", 3)
    async with spelled() as (by, here):
        asks = question(here)
        for number in range(200):
            seen = said(("A", str(number)))
            got = message(by, asks, seen, SHOWN, tag("t")) if guarded else by.passed(seen)
            assert b"\r\nA: %d\r\n" % number in got
        assert kept(by) == 3
