"""Work beside the event loop."""

import asyncio
import gc
import os
import threading
import weakref
from collections.abc import AsyncIterator, Iterator
from functools import partial
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from proxy.adapters.workshop.shop import Shop
from proxy.core.effort import Effort
from proxy.core.fields import Fields
from proxy.core.matching import Routes
from proxy.core.message import Request, Response
from proxy.core.minting import Minter
from proxy.core.tagging import tagged, tagged_content
from proxy.core.target import parse
from proxy.errors import Failure
from tests.adapters.workshop.test_hand import ENDLESS
from tests.support.child import python
from tests.support.ending import ended
from tests.support.injecting import ITEM, JSON_TYPE, LIST
from tests.support.json_documents import documents, spellings

PATH = "__import__('pathlib').Path"
EFFORTS = [Effort.COMPILED, Effort.INTERPRETED]


@pytest.fixture
async def shop() -> AsyncIterator[Shop]:
    """A shop that is closed in the end."""
    shop = Shop(1)
    yield shop
    await shop.aclose()


@pytest.mark.parametrize("effort", EFFORTS)
async def test_work_is_done(shop: Shop, effort: Effort) -> None:
    """What comes back is what the work makes of the content; what it raises is raised."""
    assert await shop.do(bytes.upper, b"abc", effort) == b"ABC"
    with pytest.raises(ValueError, match="invalid literal"):
        await shop.do(int, b"abc", effort)


async def test_hashing_stays_in_this_process(shop: Shop) -> None:
    """Work that lets others go on needs no other process, so a digest can be gone on with."""
    held: list[bytes] = []
    await shop.do(held.append, b"abc", Effort.COMPILED)
    assert held == [b"abc"]
    assert shop.pids == []


async def test_reading_is_done_in_another_process(shop: Shop) -> None:
    """What keeps every thread of a process waiting keeps none of ours waiting."""
    pid = await shop.do(eval, b"__import__('os').getpid()", Effort.INTERPRETED)
    assert [pid] == shop.pids
    assert pid != os.getpid()


@pytest.mark.parametrize("effort", EFFORTS)
async def test_the_event_loop_goes_on(shop: Shop, effort: Effort, tmp_path: Path) -> None:
    """While work is under way others are served: here, the one without whom it never ends."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    doing = asyncio.ensure_future(shop.do(eval, f"{PATH}({str(pipe)!r}).read_text()".encode(), effort))
    await asyncio.sleep(0)
    pipe.write_text("served", "utf-8")
    assert await doing == "served"


async def test_where_no_process_can_be_had_a_thread_does_it() -> None:
    """Everybody is served, if slower."""
    shop = Shop(1, python("-c", "pass"))
    assert await shop.do(
        lambda content: (len(content), threading.current_thread().name), b"abc", Effort.INTERPRETED
    ) == (
        3,
        "reading_0",
    )
    await shop.aclose()


async def test_work_of_a_caller_that_left_is_never_begun(shop: Shop) -> None:
    """Who waits behind other work and leaves, leaves the queue."""
    gate = threading.Event()
    begun: list[bytes] = []
    busy = [asyncio.ensure_future(shop.do(lambda _: gate.wait(30), b"", Effort.COMPILED)) for _ in range(2)]
    left = asyncio.ensure_future(shop.do(begun.append, b"x", Effort.COMPILED))
    await asyncio.sleep(0)
    left.cancel()
    with pytest.raises(asyncio.CancelledError):
        await left
    gate.set()
    assert await asyncio.gather(*busy) == [True, True]
    assert await shop.do(len, b"abc", Effort.COMPILED) == 3
    assert begun == []


class Length:
    """Work that can be seen to be let go of."""

    def __call__(self, content: bytes) -> int:
        """Return the length."""
        return len(content)


async def test_work_of_a_caller_that_left_is_not_kept(shop: Shop) -> None:
    """Who leaves takes along what was to be worked on: clients that come and leave cost no memory."""
    gate = threading.Event()
    busy = [asyncio.ensure_future(shop.do(lambda _: gate.wait(30), b"", Effort.COMPILED)) for _ in range(2)]
    work = Length()
    kept = weakref.ref(work)
    left = asyncio.ensure_future(shop.do(work, b"x", Effort.COMPILED))
    await asyncio.sleep(0)
    left.cancel()
    with pytest.raises(asyncio.CancelledError):
        await left
    del work, left
    await asyncio.sleep(0)  # the event loop has yet to let go of what was cancelled
    gc.collect()
    try:
        assert kept() is None
    finally:
        gate.set()
        await asyncio.gather(*busy)


async def test_closing_gives_up_what_is_under_way(tmp_path: Path) -> None:
    """A shop ends without hanging, with its processes, whatever they do; whoever waits is told."""
    shop, pipe = Shop(1), tmp_path / "pipe"
    os.mkfifo(pipe)
    work = f"{PATH}({str(pipe)!r}).write_text('begun') and {ENDLESS.decode()}".encode()
    working = asyncio.ensure_future(shop.do(eval, work, Effort.INTERPRETED))
    waiting = asyncio.ensure_future(shop.do(len, b"", Effort.INTERPRETED))
    assert await asyncio.to_thread(pipe.read_text) == "begun"
    (pid,) = shop.pids
    await shop.aclose()
    assert ended(pid)
    assert shop.pids == []
    with pytest.raises(Failure):
        await working
    with pytest.raises(asyncio.CancelledError):
        await waiting


async def test_an_idle_shop_is_nothing() -> None:
    """Before its first work it has neither process nor thread, so it costs a proxy nothing."""
    before = threading.active_count()
    shop = Shop()
    assert (threading.active_count(), shop.pids) == (before, [])
    await shop.aclose()


ROUTES = Routes([ITEM, LIST])


@pytest.fixture(scope="module")
def kept() -> Iterator[Shop]:
    """A shop for many examples."""
    shop = Shop(1)
    yield shop
    asyncio.run(shop.aclose())


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data(), st.sampled_from(["/items/1", "/items"]), st.sampled_from([JSON_TYPE, ("Content-Type", "text/plain")]))
async def test_tags_do_not_depend_on_who_makes_them(
    kept: Shop, data: st.DataObject, path: str, kind: tuple[str, str]
) -> None:
    """Here, in a thread and in a process, the tag and the content shown are the same, whatever the document."""
    document = data.draw(documents)
    content = data.draw(spellings({"items": [document, {"_links": {"self": {"href": "/items/1"}}, "a": document}]}))
    request, head, minter = (
        Request("GET", parse(path, None), Fields([("Host", "h")])),
        Response(200, Fields([kind])),
        Minter("x"),
    )
    match = ROUTES.match("GET", request.target)
    assert match is not None
    validator, shown = tagged(request, match, Response(200, head.fields, content), ROUTES, minter)
    work = partial(
        tagged_content, request=request, match=match, head=head, routes=ROUTES, minter=minter, writes=None, whole=None
    )
    for effort in EFFORTS:
        again, changed = await kept.do(work, content, effort)
        assert again == validator
        assert (content if changed is None else changed.content) == shown.content
