"""The play as a whole, with a stand-in for the proxy."""

import asyncio
import io
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest

from proxy.demo.player import play
from tests.demo.standin import Fault, guarding, sound


class Interrupting(io.StringIO):
    """An audience that sends a signal as soon as it has heard a certain line."""

    def __init__(self, cue: str, number: signal.Signals) -> None:
        super().__init__()
        self._cue = cue
        self._number = number

    def write(self, text: str) -> int:
        """Listen."""
        if self._cue in text:
            signal.raise_signal(self._number)
        return super().write(text)


async def test_a_guard_that_guards_ends_well() -> None:
    """All three scenes are played in order, and the play that ran once returns 0."""
    out = io.StringIO()
    assert await play(once=True, out=out, start_proxy=sound) == 0
    assert re.findall(r"^([0-9])\. ", out.getvalue(), re.MULTILINE) == ["1", "2", "3"]
    assert re.search(r"^lost updates: [1-9][0-9]* without, 0 with$", out.getvalue(), re.MULTILINE)
    assert "Ctrl-C" not in out.getvalue()


@pytest.mark.parametrize("once", [True, False])
async def test_a_step_that_goes_wrong_ends_the_play(once: bool) -> None:
    """With a guard that fails the play returns 1 at once, and its last line names the step."""
    out = io.StringIO()
    assert await play(once, out, lambda origin: guarding(origin, Fault.TAGS_IN_VAIN)) == 1
    assert out.getvalue().splitlines()[-1] == "failed: Bob's PUT /wiki/shopping: expected 412, got 204"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_stays_open_until_interrupted(number: signal.Signals) -> None:
    """Without --once both URLs and commands are shown; a signal ends the evening with 0 and the ports are closed."""
    out = Interrupting("Ctrl-C ends it.", number)
    assert await play(once=False, out=out, start_proxy=sound) == 0
    told = out.getvalue()
    origin, guarded = re.findall(r"^  (?:origin|ifmatch)  +(http://\S+)$", told, re.MULTILINE)
    assert f"curl -i {guarded}/wiki/shopping" in told
    assert re.search(r"-H 'If-Match: \"[^\"]+\"' -d '\{.*\}'", told)
    async with aiohttp.ClientSession() as session:
        for url in (origin, guarded):
            with pytest.raises(aiohttp.ClientConnectorError):
                await session.get(url)


@pytest.mark.parametrize(("once", "code"), [(True, 1), (False, 0)])
async def test_an_interruption_in_mid_play_strikes_the_stage(once: bool, code: int) -> None:
    """Interrupted before the end, a play that was to run once has not shown it all: 1; else the audience left: 0."""
    out = Interrupting("2. The same editors", signal.SIGTERM)
    struck = asyncio.Event()

    @asynccontextmanager
    async def start(origin: str) -> AsyncIterator[str]:
        async with sound(origin) as url:
            yield url
        struck.set()

    assert await play(once, out, start) == code
    assert struck.is_set()
    assert "lost updates" not in out.getvalue()
