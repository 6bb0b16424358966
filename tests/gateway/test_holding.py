"""A write that has its resource to itself is told what others see only while it waits for that."""

import asyncio

import pytest

from proxy.adapters.memory import MemoryLock, MemoryState
from proxy.core.moment import SOMETIME
from proxy.core.preconditions import Preconditions
from proxy.errors import ResourceBusy
from proxy.gateway.exchange import Write, matched
from proxy.gateway.holding import Holding
from proxy.gateway.sharing import Sharing
from proxy.ports import LeaseTerms, Step
from proxy.telemetry import RequestJournal
from tests.support.scripted import Canned, Rig, answering, request
from tests.support.world import Text

KEY = "/wiki/1"
PATIENT, IMPATIENT = LeaseTerms(5.0, 5.0, 5.0, None), LeaseTerms(0.0, 5.0, 5.0, None)


class Stand:
    """Writes of one resource, each with a journal of its own."""

    def __init__(self) -> None:
        self.lock = MemoryLock(MemoryState())
        self.sharing = Sharing()
        self.journals: list[RequestJournal] = []

    def hold(self, terms: LeaseTerms = PATIENT) -> Holding:
        """Return the hold of another write."""
        asked = request("PUT", KEY)
        match = matched(Rig(answering(Canned())).gateway.identify(asked))
        self.journals.append(RequestJournal())
        write = Write(asked, asked, Text(b""), match, Preconditions(), SOMETIME, self.journals[-1])
        return Holding(self.lock.hold(KEY, terms), write, self.sharing)


async def test_who_holds_waits_no_longer() -> None:
    """The step is over once the lease is there, and nothing is told to its holder; the resource is free behind it."""
    stand = Stand()
    async with stand.hold() as lease:
        assert lease.lasts
        assert not stand.sharing.awaits(KEY)
        assert (stand.journals[0].current, stand.journals[0].latest) == (None, Step.HOLD)
    assert stand.lock.resources() == 0


async def test_who_waits_is_told() -> None:
    """While another holds the resource, what is seen of it is for who waits."""
    stand = Stand()

    async def hold() -> None:
        async with stand.hold():
            assert not stand.sharing.awaits(KEY)

    async with stand.hold():
        waiting = asyncio.ensure_future(hold())
        await asyncio.sleep(0)
        assert stand.sharing.awaits(KEY)
        assert stand.journals[1].current is Step.HOLD
    await waiting


async def test_who_gave_up_waits_no_longer() -> None:
    """A wait that ends without a lease ends the step, and that anything is told."""
    stand = Stand()
    async with stand.hold():
        with pytest.raises(ResourceBusy):
            await stand.hold(IMPATIENT).__aenter__()
        assert not stand.sharing.awaits(KEY)
        assert stand.journals[1].current is None
        assert stand.lock.waiting() == 0


async def test_a_fault_under_the_lease_passes() -> None:
    """It is no business of the lock, which is given back."""
    stand = Stand()
    with pytest.raises(KeyError):
        async with stand.hold():
            raise KeyError
    assert stand.lock.resources() == 0
