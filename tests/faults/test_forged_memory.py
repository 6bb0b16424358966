"""What the store remembers of selections is forged while writers write: no wrong permit comes of it.

It may cost work, and refuse; and where a route trusts what is remembered, it may answer wrongly for a GET with a
precondition: that is what trusting means.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from typing import Any

import pytest
import redis

from tests.faults.forging import GARBAGE, LATER, Document, Forger, written
from tests.faults.matrix import Act, Row, play
from tests.faults.scene import Scene, Setting, staged
from tests.support.clients import Heard, ask
from tests.support.histories import Fault, Told
from tests.support.redis_server import until
from tests.support.stores import running_redis
from tests.support.writers import NAME

ALLOWED = {Fault.WRONGED}
"""A refusal may rest on what was forged."""


def forging(act: Act) -> None:
    """Forge, until enough was written; meanwhile somebody asks whether what it read is still current."""
    with act.scene.redis.client() as store, ThreadPoolExecutor(1) as pool:
        asking = pool.submit(_asked, act)
        forger = Forger(store, act.dice)
        forger.run(act.over)
        act.facts["forged"] = forger.count
        act.facts["asked"] = asking.result()


def _asked(act: Act) -> Counter[str]:
    """Ask again and again; return the statuses, and the fields that no answer of the origin server has."""
    seen: Counter[str] = Counter()
    tags: dict[str, str] = {}
    while not act.over.wait(0.005):
        member, key = act.dice.choice(act.scene.members), act.dice.choice(act.keys.names[:6])
        heard = ask(member.url, "GET", key, If_None_Match=tags.get(key, '"none"'), Authorization="Bearer 1")
        tags[key] = heard.fields.get("etag", '"none"')
        seen.update([str(heard.status), *({"set-cookie", "x-a"} & set(heard.fields))])
    return seen


def each_permit_had_its_selection(act: Act) -> None:
    """Whatever was let through was let through by what the origin server showed to that very request, before."""
    log = act.scene.origin.log()
    shown = {(record.get(NAME), record.target): record.number for record in reversed(log) if record.method == "GET"}
    sent = {(record.get(NAME), record.target): record.number for record in log if record.method != "GET"}
    done = [(one.name, one.key) for one in act.history.operations if one.guarded and one.told is Told.OK]
    assert done
    assert [each for each in done if shown.get(each, len(log)) > sent[each]] == []


@pytest.mark.parametrize("trust", ["0s", "5s"])
def test_forged_memory(trust: str) -> None:
    """No update is lost, no answer lies, nothing is forwarded twice, and every permit had its GET."""
    row = Row(
        "forged",
        f"all that is remembered is forged, trust {trust}",
        "nothing but refusals and work",
        fault=forging,
        afterwards=each_permit_had_its_selection,
        setting=Setting(route={"trust": trust}),
        clients=4,
        writes=300,
    )
    outcome = play(row, 1)
    assert [str(each) for each in outcome.violations if each.fault not in ALLOWED] == []
    assert int(str(outcome.facts["forged"])) > 100
    asked = outcome.facts["asked"]
    assert isinstance(asked, Counter)
    assert set(asked) <= {"200", "304", "404"}, asked


# One record at a time -------------------------------------------------------------------------------------------------

PAGE = "/page"
OLD = '"old"'
HEARD: tuple[tuple[str, dict[str, str], set[int]], ...] = (
    ("GET", {"If_None_Match": OLD}, {200, 304}),
    ("GET", {"If_Modified_Since": "Sat, 01 Jan 2028 00:00:00 GMT"}, {200, 304}),
    ("PUT", {"If_Match": OLD}, {412}),
    ("PUT", {"If_None_Match": "*"}, {412}),
    ("GET", {}, {200}),
)
"""What is asked where the tag of the present state is another, and what may be answered: no write is let through."""


class Memory:
    """What is remembered of one page, which a proxy has shown once."""

    def __init__(self, scene: Scene, store: redis.Redis) -> None:
        self.url = scene.members[0].url
        self.store = store
        self.tag = ask(self.url, "GET", PAGE).fields["etag"]
        until(lambda: bool([*store.scan_iter("*:S:*")]), "it is remembered")
        (self.key,) = store.scan_iter("*:S:*")
        fields: Mapping[Any, Any] = store.hgetall(self.key)
        (self.selector,) = set(fields) - {b"floor", b"fence"}
        head, _, body = fields[self.selector].partition(b"\n")
        self.began = int(head.split(b" ")[0])
        self.document: Document = {**json.loads(body), "tag": OLD}

    def forge(self, record: bytes) -> None:
        """Put that in place of what is remembered, once nothing of an answer that has left is on its way there."""
        assert self.ask("PUT", {"If_Match": '"nothing"'}).status == 412  # goes to the store behind that, and waits
        self.store.delete(self.key)
        self.store.hset(self.key, mapping={self.selector: record, "floor": "0"})

    def record(self, members: Mapping[str, object], began: int | None = None) -> bytes:
        """Return a record with other members, and with its own time unless another is given."""
        at = self.began if began is None else began
        return written((at, at, {**self.document, **members}))

    def ask(self, method: str, fields: Mapping[str, str]) -> Heard:
        """Ask the proxy."""
        content = None if method == "GET" else b"other"
        return ask(self.url, method, PAGE, content, Content_Type="text/plain", **fields)


@pytest.fixture(scope="module")
def memory() -> Iterator[Memory]:
    """Run a proxy that trusts what is remembered, for so long that no machine is too slow."""
    with ExitStack() as stack:
        store = stack.enter_context(running_redis())
        scene = stack.enter_context(staged(Setting(proxies=1, route={"trust": "10m"}), store))
        scene.origin.seed(PAGE, b"text")
        yield Memory(scene, stack.enter_context(store.client()))
        assert [line for line in scene.members[0].child.stderr if not line.startswith("ifmatch ")] == []


ODD_FIELDS: tuple[object, ...] = (
    [["X-A", "b"], ["Set-Cookie", "c=d"], ["Content-Length", "5"], ["Transfer-Encoding", "chunked"]],
    [["Vary", "a\r\nSet-Cookie: c=d"]],
    [["Vary\r\nSet-Cookie", "c=d"]],
    [["Vary", "\u2603"]],
    [["Vary", "\ud800"]],
    [["\ud800", "a"]],
    [["", ""]],
    [["Age", "-1"]],
    [["X-A", "b" * 1000]] * 1000,
    [[1, 2]],
    ["ab"],
    "ab",
    {},
    None,
)

ODD_TAGS: tuple[object, ...] = (None, [], 5, "old", '"\u2603"', '"\ud800"', '"' + "a" * 100_000 + '"', "*")
ODD_DATES: tuple[object, ...] = (-1, True, 10**400, 1.5, float("nan"), "now", [])
ODD_MEMBERS: tuple[dict[str, object], ...] = (
    *({"tag": tag} for tag in ODD_TAGS),
    *({"modified": modified} for modified in ODD_DATES),
    {"minted": "x"},
    {"firm": "x"},
)


def _answers(memory: Memory, record: bytes) -> list[Heard]:
    """See that a record makes no more than a wrong answer to a GET, and let no write through; return the answers."""
    heard = []
    for method, fields, allowed in HEARD:
        memory.forge(record)
        heard.append(memory.ask(method, fields))
        assert heard[-1].status in allowed, (method, fields, heard[-1])
        assert set(heard[-1].fields) & {"set-cookie", "x-a"} == set()
        assert int(heard[-1].fields.get("age", 0)) >= 0
    return heard


@pytest.mark.parametrize("garbage", [*GARBAGE, b"1 2 x\n" + b'{"tag":' * 100_000], ids=repr)
def test_what_is_no_record(memory: Memory, garbage: bytes) -> None:
    """What nobody of us wrote is as good as nothing: the origin server is asked."""
    assert [answer.status for answer in _answers(memory, garbage)] == [200, 200, 412, 412, 200]


@pytest.mark.parametrize("fields", ODD_FIELDS, ids=lambda fields: repr(fields)[:60])
def test_fields_of_a_304(memory: Memory, fields: object) -> None:
    """A 304 says of the fields that are remembered those that a 304 repeats, and no others."""
    _answers(memory, memory.record({"fields": fields}))


@pytest.mark.parametrize("members", ODD_MEMBERS, ids=lambda members: repr(members)[:60])
def test_members_of_a_record(memory: Memory, members: dict[str, object]) -> None:
    """Members of the wrong type or size are no reason to fail."""
    _answers(memory, memory.record(members))


@pytest.mark.parametrize("began", [1, LATER, 10**300, 10**400, -(10**400)], ids=lambda began: f"1e{len(str(began))}")
def test_times_of_a_record(memory: Memory, began: int) -> None:
    """A selection from long ago, or from the future, as when the store's clock was set back, is not trusted."""
    assert [answer.status for answer in _answers(memory, memory.record({}, began))] == [200, 200, 412, 412, 200]


def test_trust_is_trust(memory: Memory) -> None:
    """Control: a record that could be true is believed, as the route says."""
    memory.forge(memory.record({}))
    assert memory.ask("GET", {"If_None_Match": OLD}).status == 304
    memory.forge(memory.record({}))
    assert memory.ask("PUT", {"If_Match": memory.tag}).status == 412
