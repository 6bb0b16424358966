"""Writers over httpx who race for one number, through the proxy or straight."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import httpx

from tests.support.child import PATIENCE


def basis(reader: httpx.Client, path: str) -> dict[str, str]:
    """Return the precondition of a write that is based on what is there now."""
    answer = reader.get(path)
    assert answer.status_code == 200
    return {"If-Match": answer.headers["ETag"]}


def race(connect: Callable[[], httpx.Client], paths: Sequence[str], rounds: int, *, in_step: bool) -> Counter[int]:
    """Let a writer for each path add a star again and again, and return what the writes were answered.

    In step, all of them read before any of them writes. Who is shown no tag writes without.
    """
    together = Barrier(len(paths))

    def add_stars(path: str) -> Counter[int]:
        statuses: Counter[int] = Counter()
        with connect() as writer:
            for _ in range(rounds):
                read = writer.get(path)
                based = {"If-Match": read.headers["ETag"]} if "ETag" in read.headers else {}
                if in_step:
                    together.wait(PATIENCE)
                written = writer.patch(path, json={"stars": read.json()["stars"] + 1}, headers=based)
                statuses[written.status_code] += 1
                if in_step:
                    together.wait(PATIENCE)
        return statuses

    with ThreadPoolExecutor(len(paths)) as pool:
        return sum(pool.map(add_stars, paths), Counter[int]())
