"""Fixtures of the upstream's tests."""

import asyncio

import pytest

from tests.adapters.upstream.origin import Clock


@pytest.fixture
async def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock of the test's loop, to be set forward by hand."""
    loop = asyncio.get_running_loop()
    clock = Clock(loop)
    monkeypatch.setattr(loop, "time", clock.time)
    return clock
