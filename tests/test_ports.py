"""The ports are contracts: the adapters have their shape, which the type checker proves of these assignments."""

from proxy import ports
from proxy.adapters.memory import MemoryLock, MemoryState
from proxy.core.moment import SOMETIME
from proxy.ports import Budget, LeaseTerms, Remembered, ResourceLock, StateStore, Step


def test_the_memory_adapters_fulfil_their_ports() -> None:
    """A name or a signature that drifts from its port is a type error here."""
    memory = MemoryState()
    state: StateStore = memory
    lock: ResourceLock = MemoryLock(memory)
    assert lock.hold("k", LeaseTerms(1.0, 1.0, 1.0, None)) is not None
    earlier = state.now()
    assert state.now().after(earlier)


async def test_a_lease_fulfils_its_port() -> None:
    """What a lock hands out has a fence, knows whether somebody else was there, and can be confirmed again."""
    lock: ResourceLock = MemoryLock(MemoryState())
    async with lock.hold("k", LeaseTerms(1.0, 1.0, 1.0, None)) as lease:
        assert lease.fence > 0
        assert not lease.waited
        await lease.confirm()
        await lease.confirm()


def test_every_port_states_its_contract() -> None:
    """A port without a docstring would leave its adapters to guess."""
    contracts = [
        kind for kind in vars(ports).values() if isinstance(kind, type) and kind.__module__.startswith(ports.__name__)
    ]
    assert ports.Upstream in contracts
    assert [kind.__name__ for kind in contracts if not kind.__doc__] == []


def test_values_are_frozen() -> None:
    """What crosses a port cannot be changed on the other side."""
    for value in (Budget(1, 2), LeaseTerms(1, 2, 3, 4), Remembered(None, SOMETIME)):
        assert hash(value) == hash(value)


def test_steps_have_their_words() -> None:
    """The names of the steps are the names of the spans, each once."""
    assert len({step.value for step in Step}) == len(Step)
