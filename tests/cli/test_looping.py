"""Which event loop serves, and when the garbage collector looks for cycles."""

import asyncio
import gc
import subprocess
import sys

import uvloop

from proxy.cli import looping

WITHOUT_UVLOOP = """
import sys
sys.modules["uvloop"] = None
from proxy.cli import looping
async def name():
    import asyncio
    return type(asyncio.get_running_loop()).__module__
print(looping.run(name()))
"""


def test_uvloop_runs_where_it_is_installed() -> None:
    """The loop of a serving process is uvloop's, and `run` returns what the coroutine did."""

    async def loop() -> asyncio.AbstractEventLoop:
        return asyncio.get_running_loop()

    assert isinstance(looping.run(loop()), uvloop.Loop)


def test_without_uvloop_asyncio_serves() -> None:
    """The loop of uvloop is an extra: nothing fails without it."""
    ran = subprocess.run([sys.executable, "-c", WITHOUT_UVLOOP], capture_output=True, text=True, check=True)
    assert ran.stdout.startswith("asyncio.")


def test_what_is_there_at_the_start_is_never_looked_at_again() -> None:
    """After `settle_down` the collector leaves what was made before alone, and looks at young objects less often."""
    before = gc.get_threshold()
    try:
        looping.settle_down()
        assert gc.get_freeze_count() > 0
        assert gc.get_threshold() == (looping.YOUNG, *before[1:])
    finally:
        gc.unfreeze()
        gc.set_threshold(*before)
