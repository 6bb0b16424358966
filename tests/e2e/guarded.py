"""What is true of every origin server that nobody here wrote, once the proxy stands before it as an example says.

What lives here: those facts, as tests that a module takes over for its origin. What only one origin does is tested in
that module. A module has a fixture `behind` and a class `Test...` that inherits from the classes here.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest

from tests.e2e.racing import STARS, Numbered, basis, race
from tests.support.child import PATIENCE, ROOT
from tests.support.processes import running_proxy
from tests.support.tapping import Tap, tapped

EXAMPLES = ROOT / "config/examples"
WRITERS = 8
STRONG = r'"[!-~]+"'


@dataclass(frozen=True, slots=True)
class Api:
    """How an API is used. `create` makes a resource and returns its path.

    `written` is the status of a good write, `blind` that of one without a tag. Each writer of a race has `rounds`.
    """

    create: Callable[[httpx.Client], str]
    numbered: Numbered = STARS
    written: int = 200
    blind: int = 428
    rounds: int = 10
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Behind:
    """An origin server, its API, the proxy before it, and what the proxy has asked of it."""

    api: Api
    origin: str
    proxy: str
    tap: Tap

    def client(self, *, straight: bool = False) -> httpx.Client:
        """Return a client of the proxy, or of the origin server itself."""
        url = self.origin if straight else self.proxy
        return httpx.Client(base_url=url, headers=self.api.fields, timeout=PATIENCE, trust_env=False)

    def number(self, path: str) -> int:
        """Return the number that the origin server itself shows."""
        with self.client(straight=True) as straight:
            return self.api.numbered.shown(straight.get(path))

    def race(self, path: str, *, in_step: bool, straight: bool = False) -> dict[int, int]:
        """Let writers race for a number, and return how often they were answered what."""
        numbered = self.api.numbered
        return race(
            lambda: self.client(straight=straight),
            [path] * WRITERS,
            self.api.rounds,
            in_step=in_step,
            numbered=numbered,
        )


@contextmanager
def running_behind(example: Path, api: Api, origin: str) -> Iterator[Behind]:
    """Run the proxy in front of an origin server as an example says, and tap the link between them."""
    with tapped(origin) as tap, running_proxy(str(example), "--upstream", tap.url) as proxy:
        yield Behind(api, origin, proxy.url, tap)


def assert_stale(answer: httpx.Response, current: dict[str, str]) -> None:
    """Check a refusal: the problem document, and the tag of the current state twice."""
    assert answer.status_code == 412
    assert answer.json()["type"] == "urn:ifmatch:problem:precondition-failed"
    assert answer.json()["outcome"] == "not-applied"
    assert answer.headers["ETag"] == answer.json()["current_etag"] == current["If-Match"]


class GuardedOrigin:
    """The facts."""

    @pytest.fixture
    def user(self, behind: Behind) -> Iterator[httpx.Client]:
        """A client of the proxy."""
        with behind.client() as connected:
            yield connected

    @pytest.fixture
    def path(self, behind: Behind, user: httpx.Client) -> str:
        """The path of a new resource, whose number is 0."""
        return behind.api.create(user)

    def test_a_resource_has_a_strong_tag(self, behind: Behind, user: httpx.Client, path: str) -> None:
        """What the origin server shows is shown unchanged, under a tag that If-Match can name."""
        with behind.client(straight=True) as straight:
            bare = straight.get(path)
        tagged = user.get(path)
        assert (tagged.status_code, tagged.content) == (200, bare.content)
        assert tagged.headers["Content-Type"] == bare.headers["Content-Type"]
        assert re.fullmatch(STRONG, tagged.headers["ETag"])

    def test_one_tag_serves_one_write(self, behind: Behind, user: httpx.Client, path: str) -> None:
        """The first write with a tag is done; the second is refused, and the origin server never hears of it."""
        numbered = behind.api.numbered
        based = basis(user, path)
        assert numbered.write(user, path, 7, based).status_code == behind.api.written
        before = behind.tap.arrivals(path).count(numbered.method)
        assert_stale(numbered.write(user, path, 8, based), basis(user, path))
        assert behind.number(path) == 7
        assert behind.tap.arrivals(path).count(numbered.method) == before > 0

    def test_the_tag_in_the_answer_serves_the_next_write(self, behind: Behind, user: httpx.Client, path: str) -> None:
        """Who has just written may write again without another GET."""
        headers = basis(user, path)
        for number in (5, 6, 7):
            answer = behind.api.numbered.write(user, path, number, headers)
            assert answer.status_code == behind.api.written
            headers = {"If-Match": answer.headers["ETag"]}
        assert headers == basis(user, path)

    def test_a_write_without_a_tag(self, behind: Behind, user: httpx.Client, path: str) -> None:
        """It is refused (428) or done, as the example says, and what is refused does not reach the origin server."""
        before = behind.tap.arrivals(path).count(behind.api.numbered.method)
        answer = behind.api.numbered.write(user, path, 3, {})
        done = answer.status_code == behind.api.written
        assert answer.status_code == behind.api.blind
        assert behind.number(path) == (3 if done else 0)
        assert behind.tap.arrivals(path).count(behind.api.numbered.method) == before + done

    def test_only_what_was_seen_is_deleted(self, behind: Behind, user: httpx.Client, path: str) -> None:
        """DELETE with an old tag is refused, with the current one done; afterwards the origin's own 404 is shown."""
        old = basis(user, path)
        behind.api.numbered.write(user, path, 1, old)
        current = basis(user, path)
        assert_stale(user.delete(path, headers=old), current)
        assert "DELETE" not in behind.tap.arrivals(path)
        assert user.delete(path, headers=current).is_success
        gone = user.get(path)
        with behind.client(straight=True) as straight:
            assert (gone.status_code, gone.content) == (404, straight.get(path).content)
        assert "ETag" not in gone.headers

    @pytest.mark.parametrize("method", ["GET", "HEAD"])
    def test_what_is_known_is_not_sent_again(self, behind: Behind, user: httpx.Client, path: str, method: str) -> None:
        """If-None-Match with the current tag is answered 304, with an old one 200."""
        based = basis(user, path)
        known = {"If-None-Match": based["If-Match"]}
        unchanged = user.request(method, path, headers=known)
        assert (unchanged.status_code, unchanged.content) == (304, b"")
        assert unchanged.headers["ETag"] == based["If-Match"]
        behind.api.numbered.write(user, path, 1, based)
        assert user.request(method, path, headers=known).status_code == 200

    def test_racing_writers_lose_nothing(self, behind: Behind, path: str) -> None:
        """G1: each writer goes at its own pace, all write what they read plus one, and all that was accepted is there.

        A write is refused only for another that was done meanwhile, so as many are done as a writer has rounds.
        """
        statuses = behind.race(path, in_step=False)
        assert set(statuses) <= {behind.api.written, 412}
        assert sum(statuses.values()) == WRITERS * behind.api.rounds
        assert behind.number(path) == statuses[behind.api.written] >= behind.api.rounds

    def test_of_writers_in_step_one_wins(self, behind: Behind, path: str) -> None:
        """G1: whenever all writers hold the same tag, exactly one of them succeeds."""
        statuses = behind.race(path, in_step=True)
        assert statuses == {behind.api.written: behind.api.rounds, 412: (WRITERS - 1) * behind.api.rounds}
        assert behind.number(path) == behind.api.rounds

    def test_without_the_proxy_writes_are_lost(self, behind: Behind, path: str) -> None:
        """The control: straight to the origin server all of those writes succeed, and of each step's one is left."""
        statuses = behind.race(path, in_step=True, straight=True)
        assert statuses == {behind.api.written: WRITERS * behind.api.rounds}
        assert behind.number(path) == behind.api.rounds


class CreatedByPut:
    """The facts about an origin server where PUT makes what is not there."""

    def test_a_resource_is_created_once(self, behind: Behind) -> None:
        """If-None-Match: * keeps the second creator from undoing what the first has done."""
        with behind.client() as user:
            path = behind.api.create(user)
            again = behind.api.numbered.write(user, path, 9, {"If-None-Match": "*"})
            assert_stale(again, basis(user, path))
        assert behind.number(path) == 0

    def test_who_saw_it_does_not_create_it_anew(self, behind: Behind) -> None:
        """A PUT that is based on a state that was deleted since is refused: it would bring back what is gone."""
        with behind.client() as user:
            path = behind.api.create(user)
            based = basis(user, path)
            assert user.delete(path, headers=based).is_success
            assert behind.api.numbered.write(user, path, 9, based).status_code == 412
            assert user.get(path).status_code == 404
