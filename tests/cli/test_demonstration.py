"""`ifmatch demo --once` as a user runs it."""

import re
import subprocess
import sys

from tests.support.child import ROOT


def test_the_play_shows_the_loss_and_its_end() -> None:
    """Exit 0 only if every step was answered as it must be; the last line has both numbers."""
    done = subprocess.run(
        [sys.executable, "-m", "proxy", "demo", "--once"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    last = done.stdout.splitlines()[-1]
    counted = re.fullmatch(r"lost updates: (\d+) without, 0 with", last)
    assert counted, last
    assert int(counted[1]) > 0
    assert "412 Precondition Failed" in done.stdout
