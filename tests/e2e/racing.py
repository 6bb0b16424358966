"""Writers over httpx who race for one number, through the proxy or straight."""

from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from threading import Barrier
from typing import Any

import httpx

from tests.support.child import PATIENCE


@dataclass(frozen=True, slots=True)
class Numbered:
    """How an API shows a number of a resource, and takes another."""

    shown: Callable[[httpx.Response], int] = lambda answer: int(answer.json()["stars"])
    method: str = "PATCH"
    content: Callable[[int], Any] = lambda number: {"stars": number}

    def write(self, writer: httpx.Client, path: str, number: int, based: dict[str, str]) -> httpx.Response:
        """Write a number, on the condition that is given."""
        return writer.request(self.method, path, json=self.content(number), headers=based)


STARS = Numbered()


def basis(reader: httpx.Client, path: str) -> dict[str, str]:
    """Return the precondition of a write that is based on what is there now."""
    answer = reader.get(path)
    assert answer.status_code == 200
    return {"If-Match": answer.headers["ETag"]}


def race(
    connect: Callable[[], httpx.Client],
    paths: Sequence[str],
    rounds: int,
    *,
    in_step: bool,
    numbered: Numbered = STARS,
) -> Counter[int]:
    """Let a writer for each path add one again and again, and return what the writes were answered.

    In step, all of them read before any of them writes. Who is shown no tag writes without.
    """
    together = Barrier(len(paths))

    def add(path: str) -> Counter[int]:
        statuses: Counter[int] = Counter()
        with connect() as writer:
            for _ in range(rounds):
                read = writer.get(path)
                based = {"If-Match": read.headers["ETag"]} if "ETag" in read.headers else {}
                if in_step:
                    together.wait(PATIENCE)
                written = numbered.write(writer, path, numbered.shown(read) + 1, based)
                statuses[written.status_code] += 1
                if in_step:
                    together.wait(PATIENCE)
        return statuses

    with ThreadPoolExecutor(len(paths)) as pool:
        return sum(pool.map(add, paths), Counter[int]())
