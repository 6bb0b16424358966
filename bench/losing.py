"""How many accepted writes are lost when many clients write the same thing with care: read, add one, write back.

What lives here: the contest, on an origin server that takes its time and keeps what it is told, and the count.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from tests.support.clients import crowd, increments
from tests.support.processes import OriginHandle
from tests.support.resources import Write

COUNTER: Final = "/counter"
LATENCY: Final = 0.005
"""Seconds that the origin server takes for a request."""
WRITERS: Final = 16


@dataclass(frozen=True, slots=True)
class Losses:
    """How the writes were answered, and how many of the accepted ones are not in what is there in the end."""

    accepted: int
    refused: int
    failed: int
    lost: int


def counted(statuses: dict[int, int], kept: int) -> Losses:
    """Return what answers and the counter in the end come to: each write that counts has added one."""
    accepted = sum(count for status, count in statuses.items() if 200 <= status < 300)  # noqa: PLR2004 - RFC 9110, 15
    refused = statuses.get(412, 0)
    return Losses(accepted, refused, sum(statuses.values()) - accepted - refused, accepted - kept)


def contend(origin: OriginHandle, url: str, rounds: int, writers: int = WRITERS) -> Losses:
    """Let writers race through `url`, each for so many rounds.

    Raised when the write log of the origin server contradicts the answers or the counter: `AssertionError`.
    """
    origin.reset()
    origin.seed(COUNTER, b"0")
    origin.knobs(**{"*": {"delay_before_apply": LATENCY}})
    tally = crowd(url, writers, increments(COUNTER, rounds))
    kept = int(origin.peek(COUNTER) or b"")
    losses = counted(dict(tally.statuses), kept)
    writes = origin.writes(COUNTER)
    assert len(writes) >= losses.accepted, f"{losses.accepted} writes were accepted and {len(writes)} applied"
    assert agrees(writes, kept), f"the counter is {kept}, and the write log says otherwise"
    return losses


def agrees(writes: Sequence[Write], kept: int) -> bool:
    """Tell whether a log of writes is one line of states from 0 to what is there in the end."""
    states = ["0", *(write.after for write in writes)]
    return [write.before for write in writes] == states[:-1] and states[-1] == str(kept)
