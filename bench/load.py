"""Many connections at once: wrk plays requests that were written beforehand, and says how many were answered.

What lives here: running it, reading what it says, and refusing figures of answers that were not meant to be measured.
"""

import json
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from bench.line import WrongAnswer
from bench.machine import program

SCRIPT: Final = Path(__file__).parent / "wrk" / "play.lua"

SLACK: Final = 0.03
"""How far the bytes an answer may be from those of a sample: a date and a length vary, another answer is far away."""


@dataclass(frozen=True, slots=True)
class Played:
    """What came of it: answers, their bytes, the seconds; how many were 4xx or 5xx, how many never came."""

    requests: int
    seconds: float
    size: int
    refused: int
    failed: int

    @property
    def rate(self) -> float:
        """Answers a second."""
        return self.requests / self.seconds


def parsed(said: str) -> Played:
    """Return what the script prints in the midst of what wrk does. Raised when it is not there: `ValueError`."""
    line = re.search(r"^\{.*\}$", said, re.MULTILINE)
    if line is None:
        raise ValueError(f"wrk did not say what came of it: {said}")
    found = json.loads(line[0])
    seconds = found["microseconds"] / 1e6
    return Played(found["requests"], seconds, found["bytes"], found["refused"], found["failed"])


def checked(played: Played, size: float) -> Played:
    """Return it if all was answered as samples of `size` bytes were. Raised when not: `WrongAnswer`."""
    if played.refused or played.failed or not played.requests:
        raise WrongAnswer(f"{played.refused} refused and {played.failed} failed of {played.requests}")
    each = played.size / played.requests
    if abs(each - size) > SLACK * size:
        raise WrongAnswer(f"{each:.0f} bytes an answer, of which a sample had {size:.0f}")
    return played


def written(requests: Sequence[bytes]) -> bytes:
    """Return the file that the script reads."""
    return b"".join(b"%d\n%b" % (len(each), each) for each in requests)


def play(url: str, requests: Sequence[bytes], seconds: int, connections: int, size: float) -> Played:
    """Play for a time, as many at once as there are connections. Raised when answers are wrong: `WrongAnswer`."""
    with TemporaryDirectory(prefix="ifmatch-") as folder:
        file = Path(folder, "requests")
        file.write_bytes(written(requests))
        command = [program("wrk"), "--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s"]
        command += ["--script", str(SCRIPT), url, "--", str(file)]
        done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=seconds + 60)
    return checked(parsed(done.stdout), size)
