"""What each kind of request costs the store: which scripts are run, and for how many of them somebody waits.

The table in docs/operations.md is made of this one. Counted by what passes the relay before the store, which tells how
often somebody waited, and by the store's own log; its looks after itself are left out.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest

from tests.faults.scene import Scene, Setting, staged
from tests.faults.test_round_trips import LOGGING, linked, run_scripts
from tests.support.child import ROOT
from tests.support.clients import Heard, ask
from tests.support.ledger import Stage
from tests.support.redis_server import until
from tests.support.stores import running_redis
from tests.support.storming import at_rest

PAGE = "/page"
TRIES = 7


def got(made: Scene, **fields: str) -> Heard:
    """Return the page."""
    return ask(made.members[0].url, "GET", PAGE, None, **fields)


def put(made: Scene, tag: str | None, status: int = 204) -> None:
    """Write the page."""
    fields = {} if tag is None else {"If_Match": tag}
    told = ask(made.members[0].url, "PUT", PAGE, b"other", Content_Type="text/plain", **fields)
    assert told.status == status, told


def read(made: Scene, _: str) -> None:
    """Read what was read before."""
    got(made)


def read_news(made: Scene, _: str) -> None:
    """Read what has changed."""
    made.origin.seed(PAGE, b"changed past the proxy")
    got(made)


def read_trusting(made: Scene, tag: str) -> None:
    """Be told by memory that nothing has changed."""
    assert got(made, If_None_Match=tag).status == 304


def write(made: Scene, tag: str) -> None:
    """Write with the current tag."""
    put(made, tag)


def write_blindly(made: Scene, _: str) -> None:
    """Write without any."""
    put(made, None)


def write_stale(made: Scene, _: str) -> None:
    """Write with an old tag."""
    put(made, '"old"', 412)


def post(made: Scene, _: str) -> None:
    """Act without a condition."""
    assert ask(made.members[0].url, "POST", PAGE, b"x").status == 201


def create(made: Scene, _: str) -> None:
    """Create something, and be told where and with which tag."""
    told = ask(made.members[0].url, "POST", "/pages", b"x", Content_Type="text/plain")
    assert (told.status, "etag" in told.fields) == (201, True)


@dataclass(frozen=True)
class Cost:
    """`scripts` are run, of which `unawaited` are sent in the background. `row` is how the table begins."""

    row: str
    act: Callable[[Scene, str], None]
    scripts: Mapping[str, int]
    unawaited: int = 0
    route: Mapping[str, object] = field(default_factory=dict)

    @property
    def trips(self) -> int:
        """How often somebody waits for the store."""
        return sum(self.scripts.values()) - self.unawaited

    def named(self) -> str:
        """Return the scripts as the table has them."""
        return ", ".join(name if times == 1 else f"{times} {name}" for name, times in self.scripts.items()) or "none"

    def written(self) -> str:
        """Return its row of the table."""
        return f"| {self.row} | {self.trips} | {self.named()} |"


HELD = {"acquire": 1, "phase": 1, "release": 1}
COUNTED = {"acquire": 1, "writes": 1, "phase": 1, "count": 1, "release": 1}
NEVER, VERBATIM, ALWAYS = ({"etag_on_write": each} for each in ("never", "verbatim", "always"))
DETECT = {"etag": {"aba": "detect"}}
COSTS = [
    Cost("GET, tag unchanged", read, {}),
    Cost("GET, tag changed", read_news, {"remember": 1}, unawaited=1),
    Cost("conditional GET answered by `trust`", read_trusting, {"recall": 1}, route={"trust": "60s"}),
    Cost("write with a current tag", write, HELD, route=NEVER),
    Cost("the same, `etag_on_write: verbatim`", write, HELD, route=VERBATIM),
    Cost("the same, `etag_on_write: always`", write, HELD, route=ALWAYS),
    Cost("the same, `aba: detect`, `etag_on_write: never`", write, COUNTED, route={**NEVER, **DETECT}),
    Cost(
        "the same, `aba: detect` and `etag_on_write: always`",
        write,
        {**COUNTED, "writes": 2},
        route={**ALWAYS, **DETECT},
    ),
    Cost("write without preconditions", write_blindly, HELD),
    Cost("write with an old tag, refused", write_stale, {"acquire": 1, "remember": 1, "release": 1}),
    Cost("POST that is relayed", post, {"forget": 1}),
    Cost(
        "POST that is relayed, its 201 with the tag of what was created",
        create,
        {"forget": 1, "acquire": 1, "untouched": 1, "release": 1},
        route=ALWAYS,
    ),
]


@contextmanager
def scene(route: Mapping[str, object]) -> Iterator[Scene]:
    """Run one proxy with a relay before its store, and a page that has been written once."""
    setting = Setting(proxies=1, store_links=True, route=route)
    with running_redis(extra=LOGGING) as store, staged(setting, store) as made:
        made.origin.seed(PAGE, b"text")
        until(lambda: ask(made.members[0].url, "PUT", PAGE, b"first", If_Match="*").status == 204, "writes go through")
        yield made


@pytest.mark.parametrize("cost", COSTS, ids=lambda cost: cost.row)
def test_what_it_costs(cost: Cost) -> None:
    """The scripts that the table names are run, and that often somebody waits for one, when nobody else is there."""
    with scene(cost.route) as made:
        trips = list[int]()
        for number in range(TRIES):
            made.origin.seed(PAGE, b"text %d" % number)
            made.redis.cli("SLOWLOG", "RESET")
            tag = got(made).fields["etag"]
            until(lambda: run_scripts(made)["remember"] == 1, "the tag is remembered")
            made.redis.cli("SLOWLOG", "RESET")
            linked(made).reset_count()
            cost.act(made, tag)
            until(lambda: run_scripts(made).total() >= sum(cost.scripts.values()), "the store was asked")
            trips.append(linked(made).round_trips)
            assert run_scripts(made) == Counter(cost.scripts)
        assert min(trips) == cost.trips + cost.unawaited, f"{trips}, in some of which a look at the store fell"


def test_the_table_is_that_of_the_document() -> None:
    """Who plans a fleet reads what is counted here."""
    text = (ROOT / "docs" / "operations.md").read_text("utf-8")
    rows = [cost.written() for cost in COSTS]
    assert [line for line in text.splitlines() if line in rows] == rows


def test_who_waits_in_a_process_costs_the_store_nothing_more() -> None:
    """A writer that is let in behind another of its process asks for what is remembered besides; no more than that."""
    with scene(NEVER) as made:
        made.origin.knobs(PUT={"hold_before_apply": True, "times": 1})
        made.redis.cli("SLOWLOG", "RESET")
        assert _behind(made) == [204, 204]
        assert run_scripts(made) == {"acquire": 2, "recall": 1, "phase": 2, "release": 2}


def _behind(made: Scene) -> list[int]:
    """Return what two writers hear of whom one waits for the other."""
    url = made.members[0].url
    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(ask, url, "PUT", PAGE, b"x", If_Match="*")
        made.origin.until(Stage.HELD, method="PUT")
        second = pool.submit(ask, url, "PUT", PAGE, b"x", If_Match="*")
        at_rest(made.members[0].child.pid)
        made.origin.release()
        return [first.result().status, second.result().status]
