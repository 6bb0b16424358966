"""Cancelled at whatever moment, an exchange leaves no open socket and no task behind."""

import asyncio
import inspect
from collections.abc import Callable, Coroutine
from dataclasses import replace
from pathlib import Path

import pytest

from proxy.adapters import upstream as adapter
from proxy.adapters.upstream import HttpUpstream
from proxy.ports import Content, Purpose, Upstream
from tests.adapters.upstream.origin import GUARD, OK, PATIENT, Peer, Pieces, Text, request, serving

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3\r\nllo\r\n0\r\n\r\n"
ADAPTER = Path(adapter.__file__).parent
MEBIBYTE = 1024 * 1024


async def slowly(peer: Peer) -> None:
    """Answer each request in many small pieces, an interim response first; behind an upload there is none."""
    asked = b"GET"
    while asked.startswith(b"GET"):
        asked = await peer.head()
        for wire in (b"HTTP/1.1 103 A\r\n\r\n", CHUNKED):
            for at in range(0, len(wire), 16):
                await peer.send(wire[at : at + 16])
                await asyncio.sleep(0)


async def answered(upstream: Upstream, method: str, content: Content | None, purpose: Purpose) -> None:
    """One exchange, read to its end and closed, as every owner of a reply does."""
    reply = await upstream.send(request(method), content, purpose=purpose, budget=PATIENT)
    try:
        await reply.read(1000)
    finally:
        await reply.aclose()


async def iterated(upstream: Upstream) -> None:
    """One exchange whose content is iterated."""
    reply = await upstream.send(request(), None, purpose=Purpose.RELAY, budget=PATIENT)
    try:
        assert b"".join([piece async for piece in reply]) == b"hello"
    finally:
        await reply.aclose()


async def unhurried() -> None:
    """A last check that takes a few turns of the loop."""
    for _ in range(5):
        await asyncio.sleep(0)


async def checked(upstream: Upstream) -> None:
    """One guarded write that is checked before it is sent."""
    reply = await upstream.send(
        request("PUT"), Text(b"hello"), purpose=Purpose.PERFORM, budget=PATIENT, check=unhurried
    )
    try:
        await reply.read(1000)
    finally:
        await reply.aclose()


async def twice(upstream: Upstream) -> None:
    """Two exchanges, the second on the connection of the first."""
    await answered(upstream, "GET", None, Purpose.SELECT)
    await answered(upstream, "GET", None, Purpose.SELECT)


SCENES: dict[str, Callable[[Upstream], Coroutine[None, None, None]]] = {
    "write": lambda upstream: answered(upstream, "PUT", Text(b""), Purpose.PERFORM),
    "upload": lambda upstream: answered(upstream, "POST", Pieces([bytes(MEBIBYTE)] * 4, 4 * MEBIBYTE), Purpose.RELAY),
    "endless": lambda upstream: answered(upstream, "POST", Pieces([b"a"], endless=True), Purpose.RELAY),
    "iteration": iterated,
    "reuse": twice,
    "check": checked,
}


async def cancelled_after(steps: int, work: Coroutine[None, None, None]) -> bool:
    """Run `work` for that many turns of the loop, then cancel it; tell whether it was still running."""
    task = asyncio.create_task(work)
    for _ in range(steps):
        await asyncio.sleep(0)
    running = task.cancel()
    async with asyncio.timeout(GUARD):
        await asyncio.wait([task])
    return running


def is_ours(task: asyncio.Task[object]) -> bool:
    """Tell whether the adapter started this task: neither the test nor asyncio's server did."""
    coroutine = task.get_coro()
    return inspect.iscoroutine(coroutine) and Path(coroutine.cr_code.co_filename).is_relative_to(ADAPTER)


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize("scene", SCENES.values(), ids=SCENES.keys())
async def test_cancelled_at_any_moment_nothing_is_left(
    scene: Callable[[Upstream], Coroutine[None, None, None]], tls: bool
) -> None:
    """At each turn of the loop until the work is done: every connection ends, no task runs on."""
    steps = 0
    running = True
    while running and steps < 400:
        async with serving(slowly, tls=tls) as origin:
            async with origin.upstream() as upstream:
                running = await cancelled_after(steps, scene(upstream))
            await origin.closed()
            assert not any(is_ours(task) for task in asyncio.all_tasks())
        steps += 1
    assert steps > 10
    assert steps < 400


async def test_cancelled_while_tls_is_set_up_nothing_is_left() -> None:
    """A handshake that is under way is given up with its socket."""
    accepted = asyncio.Event()

    async def silent(peer: Peer) -> None:
        accepted.set()

    async with serving(silent) as origin:
        upstream = HttpUpstream(replace(origin.origin, tls=True))
        asking = asyncio.create_task(answered(upstream, "GET", None, Purpose.SELECT))
        await accepted.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        await origin.closed()
        await upstream.aclose()


@pytest.mark.parametrize("tls", [False, True])
async def test_cancelled_within_the_last_check_nothing_was_sent(tls: bool) -> None:
    """Whoever gives up while it is asked whether the request may be sent knows that it was not."""
    asked, seen = asyncio.Event(), list[bytes]()

    async def looks(peer: Peer) -> None:
        seen.append(await peer.reader.read(1))

    async def check() -> None:
        asked.set()
        await asyncio.Event().wait()

    async with serving(looks, tls=tls) as origin, origin.upstream() as upstream:
        sending = asyncio.create_task(
            upstream.send(request("PUT"), Text(b"hello"), purpose=Purpose.PERFORM, budget=PATIENT, check=check)
        )
        await asked.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending
        await origin.peer(0)
        await origin.closed()
    assert not any(seen)


async def test_closing_can_be_cancelled() -> None:
    """Whoever gives up waiting for the closing finds the idle connections closed all the same."""

    async def answers_once(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)

    async with serving(answers_once, tls=True) as origin, origin.upstream() as upstream:
        await answered(upstream, "GET", None, Purpose.SELECT)
        await cancelled_after(1, upstream.aclose())
        await origin.closed()
