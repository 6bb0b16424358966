"""Large content: `make bench-bodies`.

1 GiB goes each way, through nginx that guards nothing and through ifmatch, by turns; how fast, and what memory the
process had at most for it. And small GETs are asked for one after the other, alone, and beside a client that fetches
something large all the time: through both, since the machine itself is the busier for it.
"""

import argparse
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from bench.bodies.client import MIB, Client, latencies
from bench.bodies.figures import BESIDE, IFMATCH, NGINX, WAYS, Found, Way, told
from bench.cores import Cores, take_load
from bench.machine import versions
from bench.page import conclude
from bench.standing import Standing, running_ifmatch, running_relay
from tests.support.child import Child, python

GIB: Final = 1024 * MIB
RULES: Final = """
routes:
  - path: /file/{n}
    guard: "off"
  - path: /bytes/{n}
    limits: {content: 2GiB}
    etag_on_write: never
  - path: /state/{n}
    limits: {mint: 1GiB}
    timeouts: {select: 20s}
    lock: {read: 60s}
  - path: /json/{n}
    etag: {canonical: json}
  - path: /items/{n}
    etag: {canonical: json}
    inject: {}
  - path: /list/{n}
    etag: {canonical: json}
    inject: {items: ["$.items[*]"]}
  - path: /small/{n}
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print; a full run writes the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.bodies", description=__doc__)
    parser.add_argument("--short", action="store_true", help="one round of little, to see that it runs; writes no page")
    short = parser.parse_args(arguments).short
    started, cores = time.monotonic(), take_load()
    found = measured(cores, size=64 * MIB if short else GIB, rounds=1 if short else 4, seconds=0.2 if short else 1.5)
    minutes = (time.monotonic() - started) / 60
    result = told(found, minutes, cores, versions("python", "uvloop", "aiohttp", "nginx"))
    conclude({"bodies": result}, kept_too=not short)


def measured(cores: Cores, *, size: int, rounds: int, seconds: float) -> Found:
    """Run all, by turns."""
    found = Found()
    with (
        _origin() as upstream,
        running_relay(upstream, cores, "bodies.conf") as nginx,
        running_ifmatch(RULES, upstream, cores) as ifmatch,
    ):
        found.idle = _resident(ifmatch.pid, "VmRSS")
        for _ in range(rounds):
            for way in WAYS:
                _move(way, size, nginx, ifmatch, found)
        for _ in range(rounds):
            for name, path in BESIDE.items():
                for who, standing in ((NGINX, nginx), (IFMATCH, ifmatch)):
                    with _asking(standing.url, path):
                        taken = latencies(standing.url, "/small/1", seconds)
                    found.times.setdefault((who, name), []).append(taken)
    return found


def _move(way: Way, size: int, nginx: Standing, ifmatch: Standing, found: Found) -> None:
    before = _fresh(ifmatch.pid)
    if way.beside == way.name:
        found.rates.setdefault((NGINX, way.name), []).append(_rate(nginx, way, size))
    found.rates.setdefault((IFMATCH, way.name), []).append(_rate(ifmatch, way, size))
    found.memory.setdefault(way.name, []).append(_resident(ifmatch.pid, "VmHWM") - before)


def _rate(standing: Standing, way: Way, size: int) -> float:
    """Return MiB a second; a state that is compared does not come here, so the time is what counts."""
    with closing(Client(standing.url)) as client:
        path = way.path.format(size=size)
        moved = client.ask(way.method, path, *way.fields, sending=size if way.up else MIB if way.fields else 0)
    assert moved.status == way.status, moved
    return size / MIB / moved.seconds


def _fresh(pid: int) -> int:
    """Make the most memory that a process ever had what it has now, and return that."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")
    return _resident(pid, "VmRSS")


def _resident(pid: int, name: str) -> int:
    return int(Path(f"/proc/{pid}/status").read_text().split(f"{name}:")[1].split()[0]) * 1024


@contextmanager
def _origin() -> Iterator[str]:
    child = Child(python("-m", "bench.bodies.origin"))
    try:
        yield child.line(r"listening on (http://\S+)")[1]
    finally:
        child.stop()


@contextmanager
def _asking(url: str, path: str | None) -> Iterator[None]:
    """Fetch something large all the time, if there is anything."""
    if path is None:
        yield
        return
    child = Child(python("-m", "bench.bodies.client", url, path))
    try:
        child.line("asking")
        yield
    finally:
        child.kill()


if __name__ == "__main__":
    main()
