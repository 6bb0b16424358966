"""A thousand writers with one tag, with processes: what they cost the origin server and the store, and what they hear.

The first selection is held until all of them have arrived, so that counts are exact however slow the machine is. How
many it takes of those who arrive one after the other is measured by `make bench` (docs/performance.md).
"""

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from io import StringIO

import pytest

from proxy.adapters.redis import scripts, state_scripts
from proxy.cli.vouching import vouch
from tests.support.clients import ask
from tests.support.ledger import Stage
from tests.support.processes import OriginHandle, ProxyHandle, running_origin, running_proxy
from tests.support.redis_server import RedisHandle, until
from tests.support.stores import running_redis
from tests.support.storming import Told, at_rest, request, statuses, storm

WRITERS = 1_000
PAGE = "/page"
NAMES = {script.sha: script.name for script in (*scripts.ALL, *state_scripts.ALL)}
LOGGING = ["slowlog-log-slower-than 0", "slowlog-max-len 100000"]


@dataclass(frozen=True)
class House:
    """Proxies before one origin server. `store` is what they share, if anything."""

    origin: OriginHandle
    proxies: Sequence[ProxyHandle]
    store: RedisHandle | None

    def tag(self) -> str:
        """Return the current tag."""
        return ask(self.proxies[0].url, "GET", PAGE).fields["etag"]

    @property
    def redis(self) -> RedisHandle:
        """The store."""
        assert self.store is not None
        return self.store

    def storm(self, requests: Sequence[bytes]) -> tuple[list[Told], Counter[str]]:
        """Let all of them write; return what they heard, and how often the origin server was asked by each method.

        The first selection is answered when nobody is on the way any more.
        """
        self.origin.knobs(GET={"hold_before_apply": True, "times": 1})
        before = len(self.origin.log())

        def meanwhile() -> None:
            self.origin.until(Stage.HELD)
            at_rest(*(proxy.child.pid for proxy in self.proxies))
            self.origin.release()

        told = storm([proxy.url for proxy in self.proxies], requests, meanwhile)
        return told, Counter(record.method for record in self.origin.log()[before:])

    def scripts(self) -> Counter[str]:
        """Return what the store was asked since its log was reset, but for looks after it."""
        words = [entry[3] for entry in self.redis.ask("SLOWLOG", "GET", -1)]
        run = Counter(NAMES[each[1]] for each in words if each[0].upper() == "EVALSHA")
        return Counter({name: count for name, count in run.items() if name not in {"sweep", "rules"}})


@contextmanager
def house(replicas: int = 1, *, store: bool = False, on_write: str = "never") -> Iterator[House]:
    """Run a house whose page has been changed once, so that there are an old tag and a current one."""
    with ExitStack() as stack:
        redis = stack.enter_context(running_redis(extra=LOGGING)) if store else None
        origin = stack.enter_context(running_origin())
        route = {"path": "/{path...}", "etag_on_write": on_write, "lock": {"wait": "60s", "read": "40s"}}
        shared = {"upstream": origin.url, "store": "memory://" if redis is None else redis.url, "tag_key": "storms"}
        config = json.dumps({**shared, "routes": [{**route, "timeouts": {"select": "30s", "settle": "30s"}}]})
        proxies = [stack.enter_context(running_proxy(config=config)) for _ in range(replicas)]
        if redis is not None:
            file = redis.folder / "vouch.yaml"
            file.write_text(config)
            assert vouch(str(file), StringIO()) == 0
        origin.seed(PAGE, b"old")
        yield House(origin, proxies, redis)


def puts(tag: str) -> list[bytes]:
    """Return writes that name a tag."""
    return [request("PUT", PAGE, b"by %d" % each, If_Match=tag, Content_Type="text/plain") for each in range(WRITERS)]


HOUSES = pytest.mark.parametrize(
    ("replicas", "store"), [(1, False), (1, True), (3, True)], ids=["alone", "alone with a store", "three"]
)


@HOUSES
def test_a_stale_tag(replicas: int, store: bool) -> None:
    """One selection that began before the others came, and one more of each replica at most, refuse all of them."""
    with house(replicas, store=store) as made:
        tag = made.tag()
        made.origin.seed(PAGE, b"changed past the proxy")
        told, asked = made.storm(puts(tag))
        assert statuses(told) == {412: WRITERS}
        assert asked["GET"] in range(1, 2 + replicas)
        assert asked["PUT"] == 0
        assert {each.fields["etag"] for each in told} == {made.tag()}


@HOUSES
def test_the_current_tag(replicas: int, store: bool) -> None:
    """G1: one wins, with a GET and a PUT; the others cost one GET more for each replica at most."""
    with house(replicas, store=store) as made:
        told, asked = made.storm(puts(made.tag()))
        assert statuses(told) == {204: 1, 412: WRITERS - 1}
        assert asked["GET"] in range(2, 2 + replicas)
        assert asked["PUT"] == len(made.origin.writes()) == 1


@pytest.mark.parametrize("on_write", ["verbatim", "always"])
@HOUSES
def test_the_current_tag_where_the_new_one_is_told(replicas: int, store: bool, on_write: str) -> None:
    """What was selected for the winner's new tag refuses the others of its replica: they cost nothing."""
    with house(replicas, store=store, on_write=on_write) as made:
        told, asked = made.storm(puts(made.tag()))
        assert statuses(told) == {204: 1, 412: WRITERS - 1}
        assert asked["GET"] in range(2, 2 + replicas)
        assert asked["PUT"] == 1


def test_several_tags_and_methods() -> None:
    """What is compared is one state, whatever a writer names and would do."""
    with house() as made:
        old = made.tag()
        made.origin.seed(PAGE, b"changed past the proxy")
        changed = made.tag()
        made.origin.seed(PAGE, b"changed again")
        methods = ("PUT", "PATCH", "DELETE", "POST")
        writes = [
            request(methods[each % 4], PAGE, b"x", If_Match=(old, changed)[each // 4 % 2]) for each in range(WRITERS)
        ]
        told, asked = made.storm(writes)
        assert statuses(told) == {412: WRITERS}
        assert asked == {"GET": 2}


def test_several_credentials() -> None:
    """Each is asked for by itself: who may see what is for the origin server to say. Ten cost ten, and the first's."""
    with house() as made:
        tag = made.tag()
        made.origin.seed(PAGE, b"changed past the proxy")
        writes = [request("PUT", PAGE, b"x", If_Match=tag, Authorization=f"Bearer {each % 10}") for each in range(500)]
        told, asked = made.storm(writes)
        assert statuses(told) == {412: 500}
        assert asked == {"GET": 11}


def test_a_storm_costs_the_store_next_to_nothing() -> None:
    """Two writers at most ask it, of whom one waited; the others are refused without it."""
    with house(store=True) as made:
        tag = made.tag()
        made.origin.seed(PAGE, b"changed past the proxy")
        until(lambda: made.scripts()["remember"] == 1, "the tag is remembered")
        made.redis.cli("SLOWLOG", "RESET")
        told, _ = made.storm(puts(tag))
        assert statuses(told) == {412: WRITERS}
        assert made.scripts() <= Counter(acquire=2, recall=1, remember=2, release=2)
