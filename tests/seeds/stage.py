"""Where a row is played: an API, ifmatch in front of it as the example says, and who talks to them.

What lives here: starting both, straight access to the API, fresh names. What is played is in the tables.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from uuid import UUID

import httpx

from tests.seeds.serving import ARRIVALS, OUTSIDER, Request
from tests.support.child import PATIENCE, ROOT, Child, python
from tests.support.processes import running_proxy

EXAMPLES = ROOT / "config/examples"


@dataclass(frozen=True, slots=True)
class Stage:
    """`url` is where clients go, `origin` where the API is; both are the same where ifmatch is taken out."""

    url: str
    origin: str
    example: Path
    client: httpx.Client
    """A client of `url`."""
    outsider: httpx.Client
    """Who reaches the API past everybody, and leaves no trace in `arrivals`."""
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))

    def fresh(self) -> int:
        """Return a number that no other row has."""
        return next(self._numbers)

    def fresh_uuid(self) -> str:
        """Return a UUID that no other row has."""
        return str(UUID(int=self.fresh(), version=4))

    def arrivals(self, path: str, *methods: str) -> list[Request]:
        """Return the requests with these methods (none: with an unsafe one) that the API was sent for a path."""
        wanted = methods or ("PUT", "PATCH", "POST", "DELETE")
        arrived = [Request(**entry) for entry in self.outsider.get(ARRIVALS).json()]
        return [request for request in arrived if request.path == path and request.method in wanted]

    @contextmanager
    def edited(self, old: str, new: str) -> Iterator[httpx.Client]:
        """Yield a client of another ifmatch, with one place of the example changed: `edited("a: b", "a: c")`."""
        if self.url == self.origin:
            yield self.client
            return
        text = self.example.read_text("utf-8")
        assert text.count(old) == 1
        config = text.replace(old, new)
        with running_proxy("--upstream", self.origin, config=config) as proxy, _client(proxy.url) as client:
            yield client


def _client(url: str, **fields: str) -> httpx.Client:
    return httpx.Client(base_url=url, headers=fields, timeout=PATIENCE, trust_env=False)


@contextmanager
def running(origin: str) -> Iterator[str]:
    """Run the API of a module; yield its URL."""
    child = Child(python("-m", origin))
    try:
        yield child.line(r"listening on (http://\S+)")[1]
    finally:
        code = child.stop()
    assert code == 0, child.stderr


@contextmanager
def staged(origin: str, example: str, *, guarded: bool) -> Iterator[Stage]:
    """Run the API of a module and, unless ifmatch is taken out, ifmatch with an example in front of it."""
    path = EXAMPLES / example
    with running(origin) as api:
        if guarded:
            with running_proxy(str(path), "--upstream", api) as proxy, _meeting(proxy.url, api, path) as stage:
                yield stage
        else:
            with _meeting(api, api, path) as stage:
                yield stage


@contextmanager
def _meeting(url: str, api: str, example: Path) -> Iterator[Stage]:
    with _client(url) as client, _client(api, **{OUTSIDER: "yes"}) as outsider:
        yield Stage(url, api, example, client, outsider)
