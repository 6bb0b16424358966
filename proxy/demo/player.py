"""The play as a whole: raise the curtain (origin, then proxy), play the scenes, invite the audience, leave in order.

What lives here: starting, stopping and the verdict on the evening. How a proxy is started is handed in, since the
command line knows that and this room must not.
"""

import asyncio
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TextIO

from proxy.demo.narration import Narrator
from proxy.demo.origin import serve
from proxy.demo.scenes import PAGE, Stage, counting, guarded_editors, unguarded_editors
from proxy.demo.visitor import Unexpected, open_session

StartProxy = Callable[[str], AbstractAsyncContextManager[str]]
"""Given the origin's URL, runs a proxy in front of it and yields the proxy's URL."""


async def play(once: bool, out: TextIO, start_proxy: StartProxy) -> int:  # noqa: FBT001 - the command's --once
    """Play all scenes and return the exit code; unless `once`, stay open for visitors until interrupted.

    0 when every step was answered as it must be, or when the audience left (SIGINT, SIGTERM); 1 when a step was
    not, with a line that names it, or when the play was interrupted though it was to run `once`.
    """
    narrator = Narrator(out)
    with _interruption() as interrupted, serve() as origin:
        async with start_proxy(origin) as guarded, open_session() as session:
            stage = Stage(origin, guarded, session, narrator)
            try:
                await _unless(interrupted, _evening(stage, once=once))
            except Unexpected as failure:
                narrator.failure(str(failure))
                return 1
    return int(once and interrupted.is_set())


async def _evening(stage: Stage, *, once: bool) -> None:
    stage.narrator.line("A wiki that knows no entity tags, first by itself and then behind ifmatch.")
    for scene in (unguarded_editors, guarded_editors, counting):
        await scene(stage)
    if not once:
        await _invite(stage)
        await asyncio.Event().wait()  # for the interruption


async def _invite(stage: Stage) -> None:
    """Say what can be tried by hand, with the tag that is current now."""
    current = await stage.visitor("the stage hand", stage.guarded, told=False).get(PAGE)
    url = stage.guarded + PAGE
    write = f"curl -i -X PUT {url} -H 'Content-Type: application/json'"
    stage.narrator.heading("Try it: the second command is done once; after that its tag is stale, and it gets 412.")
    stage.narrator.say(f"origin   {stage.origin}")
    stage.narrator.say(f"ifmatch  {stage.guarded}")
    stage.narrator.line()
    stage.narrator.say(f"curl -i {url}")
    stage.narrator.say(f'{write} -H \'If-Match: {current.tag}\' -d \'{{"title": "Shopping", "text": "tea"}}\'')
    stage.narrator.line()
    stage.narrator.say("Ctrl-C ends it.")


@contextmanager
def _interruption() -> Iterator[asyncio.Event]:
    """Yield what is set by SIGINT or SIGTERM, so that an interrupted play still strikes the stage."""
    interrupted = asyncio.Event()
    loop = asyncio.get_running_loop()
    numbers = (signal.SIGINT, signal.SIGTERM)
    for number in numbers:
        loop.add_signal_handler(number, interrupted.set)
    try:
        yield interrupted
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)


async def _unless(interrupted: asyncio.Event, evening: Coroutine[None, None, None]) -> None:
    """Run the evening to its end or to the interruption, whichever comes first."""
    playing, leaving = asyncio.ensure_future(evening), asyncio.ensure_future(interrupted.wait())
    try:
        await asyncio.wait({playing, leaving}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        leaving.cancel()
        playing.cancel()
        await asyncio.wait({playing, leaving})
    if not playing.cancelled():
        playing.result()
