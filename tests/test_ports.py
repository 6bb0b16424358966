"""The ports are contracts: the adapters have their shape, which the type checker proves of these assignments."""

from proxy import ports
from proxy.adapters.memory import MemoryLock, MemoryState
from proxy.ports import Budget, LeaseTerms, Remembered, ResourceLock, StateStore, Step


def test_the_memory_adapters_fulfil_their_ports() -> None:
    """A name or a signature that drifts from its port is a type error here."""
    lock: ResourceLock = MemoryLock()
    state: StateStore = MemoryState()
    assert lock.hold("k", LeaseTerms(1.0, 1.0, 1.0, None)) is not None
    assert state.stamp() < state.stamp()


def test_every_port_states_its_contract() -> None:
    """A port without a docstring would leave its adapters to guess."""
    contracts = [kind for kind in vars(ports).values() if isinstance(kind, type) and kind.__module__ == ports.__name__]
    assert ports.Upstream in contracts
    assert [kind.__name__ for kind in contracts if not kind.__doc__] == []


def test_values_are_frozen() -> None:
    """What crosses a port cannot be changed on the other side."""
    for value in (Budget(1, 2), LeaseTerms(1, 2, 3, 4), Remembered(None, 1)):
        assert hash(value) == hash(value)


def test_steps_have_their_words() -> None:
    """The names of the steps are the names of the spans, each once."""
    assert len({step.value for step in Step}) == len(Step)
