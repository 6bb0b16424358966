"""What a measurement was made on: the machine, and the versions of all that took part.

What lives here: asking the system and the programs. What must not: measuring.
"""

import os
import platform
import re
import shutil
import subprocess
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Final


class Missing(Exception):
    """Something is not installed; the text names the command that installs it."""


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine: how many cores may be used, what processor, which kernel."""

    cores: int
    processor: str
    kernel: str


INSTALLED_BY: Final = {
    "nginx": "apt-get install -y nginx",
    "wrk": "apt-get install -y wrk",
    "redis-server": "apt-get install -y redis-server",
    "taskset": "apt-get install -y util-linux",
    "node": "apt-get install -y nodejs npm",
}

_ASKED: Final = {
    "nginx": ("-v", r"nginx/(\S+)"),
    "wrk": ("-v", r"wrk (?:debian/)?(\S+)"),
    "redis-server": ("--version", r"v=(\S+)"),
    "node": ("--version", r"v(\S+)"),
}


def here() -> Machine:
    """Return this machine."""
    return Machine(
        cores=len(os.sched_getaffinity(0)),
        processor=processor(Path("/proc/cpuinfo").read_text("utf-8")),
        kernel=f"{platform.system()} {platform.release().partition('-')[0]}",
    )


def processor(text: str) -> str:
    """Return the model that /proc/cpuinfo names, else the architecture."""
    model = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return model[1].strip() if model else platform.machine()


def program(name: str) -> str:
    """Return where a program is. Raised when it is not there: `Missing`."""
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
    if found is None:
        raise Missing(f"{name} is missing; run: {INSTALLED_BY.get(name, f'apt-get install -y {name}')}")
    return found


def versions(*names: str) -> dict[str, str]:
    """Return the version of each: `python`, a program (see `_ASKED`) or a package of this interpreter.

    Raised when one is not there: `Missing`.
    """
    return {name: _version(name) for name in names}


def _version(name: str) -> str:
    if name == "python":
        return platform.python_version()
    if name in _ASKED:
        option, pattern = _ASKED[name]
        done = subprocess.run([program(name), option], check=False, capture_output=True, text=True)
        found = re.search(pattern, done.stdout + done.stderr)
        return found[1] if found else "unknown"
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        raise Missing(f"the Python package {name} is missing; run: make test, which installs it") from None
