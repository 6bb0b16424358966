"""How much memory the proxies of a row have.

What lives here: measuring, and the bound that no client may move.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.faults.matrix import Act
from tests.faults.scene import Member

GROWTH = 60 * 1024
"""How many KiB more than before a proxy may have in memory, whatever clients do."""


@contextmanager
def memory_bounded(act: Act) -> Iterator[None]:
    """See that no proxy has grown by too much on leaving."""
    before = [_resident(member) for member in act.scene.members]
    yield
    grown = [_resident(member) - kib for member, kib in zip(act.scene.members, before, strict=True)]
    act.facts["grown by KiB"] = grown
    assert max(grown) <= GROWTH, grown


def _resident(member: Member) -> int:
    """Return how much memory a proxy has, in KiB."""
    status = Path("/proc", str(member.child.pid), "status").read_text()
    return int(status.partition("VmRSS:")[2].split()[0])
