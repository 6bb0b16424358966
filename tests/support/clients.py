"""Clients of an end-to-end test: threads with kept-alive connections that do what users of an API do."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from http.client import HTTPConnection
from threading import Barrier
from urllib.parse import urlsplit

PATIENCE = 60.0
"""Seconds after which a client gives up and the test fails."""


@dataclass(frozen=True)
class Heard:
    """An answer."""

    status: int
    fields: Mapping[str, str]
    content: bytes


@dataclass
class Tally:
    """What a crowd of clients was answered: writes by status, and how many were accepted (2xx)."""

    statuses: Counter[int] = field(default_factory=Counter)

    @property
    def accepted(self) -> int:
        """How many writes were told that they succeeded."""
        return sum(count for status, count in self.statuses.items() if 200 <= status < 300)


class Client:
    """One client with one connection. Field names of answers are in lower case."""

    def __init__(self, url: str) -> None:
        self._connection = HTTPConnection(urlsplit(url).netloc, timeout=PATIENCE)

    def close(self) -> None:
        self._connection.close()

    def ask(self, method: str, path: str, content: bytes | None = None, **fields: str) -> Heard:
        """Send a request and read the whole answer. An underscore in a field's name stands for a hyphen."""
        self.begin(method, path, content, **fields)
        return self.finish()

    def begin(self, method: str, path: str, content: bytes | None = None, **fields: str) -> None:
        """Send a request."""
        named = {name.replace("_", "-"): value for name, value in fields.items()}
        self._connection.request(method, path, content, named)

    def finish(self) -> Heard:
        """Read the whole answer to what was begun."""
        with self._connection.getresponse() as answer:  # one that ends the connection has it for itself
            heard = {name.lower(): value for name, value in answer.getheaders()}
            return Heard(answer.status, heard, answer.read())


def ask(url: str, method: str, path: str, content: bytes | None = None, **fields: str) -> Heard:
    """Send one request on a connection of its own."""
    with closing(Client(url)) as client:
        return client.ask(method, path, content, **fields)


def crowd(urls: str | Sequence[str], size: int, act: Callable[[Client, int], Counter[int]]) -> Tally:
    """Let `size` clients act at once, each with its own connection and number; return what they heard together.

    They take turns in the choice of a URL where there are several.
    """
    together = Barrier(size)
    places = [urls] if isinstance(urls, str) else urls

    def one(number: int) -> Counter[int]:
        with closing(Client(places[number % len(places)])) as client:
            together.wait(PATIENCE)
            return act(client, number)

    with ThreadPoolExecutor(size) as pool:
        return Tally(sum(pool.map(one, range(size)), Counter[int]()))


def increments(path: str, rounds: int) -> Callable[[Client, int], Counter[int]]:
    """Return what a careful client does: read a counter, add one, write it back with the tag that it read if any."""

    def act(client: Client, number: int) -> Counter[int]:
        statuses: Counter[int] = Counter()
        for _ in range(rounds):
            read = client.ask("GET", path)
            condition = {"If_Match": read.fields["etag"]} if "etag" in read.fields else {}
            written = client.ask(
                "PUT", path, str(int(read.content) + 1).encode(), Content_Type="text/plain", **condition
            )
            statuses[written.status] += 1
        return statuses

    return act
