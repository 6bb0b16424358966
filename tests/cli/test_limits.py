"""How many files a process may open, and how many clients it has room for."""

import resource
import subprocess
import sys

import pytest

from proxy.cli import limits

PROGRAM = """
import resource
from proxy.cli import limits
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (200, 500 if hard == resource.RLIM_INFINITY else min(hard, 500)))
print(limits.room_for_clients())
limits.raise_files()
print(resource.getrlimit(resource.RLIMIT_NOFILE)[0], limits.room_for_clients())
"""


def test_the_soft_limit_is_raised() -> None:
    """To the hard one; the room for clients grows with it, and half of the files are for what they need besides."""
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["68", "500", "218"]


@pytest.mark.parametrize(("soft", "room"), [(resource.RLIM_INFINITY, None), (1 << 20, 524_256), (40, 16)])
def test_room_follows_the_limit(soft: int, room: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a limit there is room for any number; under the smallest, for a few."""
    monkeypatch.setattr(resource, "getrlimit", lambda _what: (soft, resource.RLIM_INFINITY))
    assert limits.room_for_clients() == room
