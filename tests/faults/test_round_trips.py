"""What an uncontended guarded write costs: round trips to the store, and requests to the origin server.

Counted twice: by what passes the relay before the store, and by the store's own log of commands, which tells whose
each was: the proxy also looks after the store once a second.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from proxy.adapters.redis import scripts, state_scripts
from tests.faults.scene import Scene, Setting, staged
from tests.support.clients import ask
from tests.support.redis_server import until
from tests.support.relaying import Relay
from tests.support.stores import running_redis

PAGE = "/page"
TRIES = 9
LOGGING = ["slowlog-log-slower-than 0", "slowlog-max-len 10000"]
NAMES = {script.sha: script.name for script in (*scripts.ALL, *state_scripts.ALL)}


@contextmanager
def scene(on_write: str) -> Iterator[Scene]:
    """Run one proxy with a relay before its store, whose scripts the store knows."""
    setting = Setting(proxies=1, store_links=True, route={"etag_on_write": on_write})
    with running_redis(extra=LOGGING) as store, staged(setting, store) as made:
        made.origin.seed(PAGE, b"text")
        until(lambda: _write(made, b"first") == 204, "writes are let through")
        yield made


def linked(made: Scene) -> Relay:
    """Return the relay before the store."""
    link = made.members[0].store_link
    assert link is not None
    return link


def _tag(made: Scene) -> str:
    return ask(made.members[0].url, "GET", PAGE).fields["etag"]


def _write(made: Scene, content: bytes, tag: str = "*") -> int:
    return ask(made.members[0].url, "PUT", PAGE, content, If_Match=tag, Content_Type="text/plain").status


def run_scripts(made: Scene) -> Counter[str]:
    """Return the scripts that were run since the log was reset, but for those that look after the store."""
    found = [entry[3] for entry in made.redis.ask("SLOWLOG", "GET", -1)]
    run = Counter(NAMES[words[1]] for words in found if words[0].upper() == "EVALSHA")
    return Counter({name: count for name, count in run.items() if name not in {"sweep", "rules"}})


def _remembered(made: Scene) -> bool:
    """Tell whether what the GET showed has arrived in the store; that is sent when there is time."""
    return run_scripts(made)["remember"] > 0


@pytest.mark.parametrize(("on_write", "reads"), [("never", 1), ("verbatim", 2), ("always", 2)])
def test_an_uncontended_write(on_write: str, reads: int) -> None:
    """It takes three round trips, to acquire, prove and release, and one GET; a tag in the answer takes another GET."""
    trips: list[int] = []
    with scene(on_write) as made:
        for number in range(TRIES):
            made.redis.cli("SLOWLOG", "RESET")
            tag = _tag(made)
            until(lambda: _remembered(made), "the tag is remembered")
            made.redis.cli("SLOWLOG", "RESET")
            linked(made).reset_count()
            before = len(made.origin.log())
            assert _write(made, f"content {number}".encode(), tag) == 204
            trips.append(linked(made).round_trips)
            assert [record.method for record in made.origin.log()[before:]] == ["GET", "PUT", "GET"][: 1 + reads]
            run = run_scripts(made)
            assert run == {"acquire": 1, "phase": 1, "release": 1}
    assert min(trips) == 3, f"{trips}, in some of which a look at the store fell"


def test_a_refusal() -> None:
    """A write that names an old state takes acquire and release, tells the store what it saw, and asks for one GET."""
    with scene("never") as made:
        made.redis.cli("SLOWLOG", "RESET")
        before = len(made.origin.log())
        assert _write(made, b"never", '"old"') == 412
        assert [record.method for record in made.origin.log()[before:]] == ["GET"]
        assert run_scripts(made) == {"acquire": 1, "remember": 1, "release": 1}


def test_a_read() -> None:
    """A GET waits for no answer of the store, and tells it what it saw once only."""
    with scene("never") as made:
        made.redis.cli("SLOWLOG", "RESET")
        for _ in range(TRIES):
            _tag(made)
        until(lambda: _remembered(made), "the tag is remembered")
        assert run_scripts(made) == {"remember": 1}
