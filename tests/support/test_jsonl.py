"""A history comes out of its file as it went in, or not at all, and another checker can read it."""

import json
import time
from collections import Counter
from dataclasses import asdict
from hashlib import sha256
from itertools import pairwise, permutations
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support import linearizability
from tests.support.histories import Applied, History, Operation, Reading, Told
from tests.support.jsonl import NEVER, BrokenHistory, dump, load, nanoseconds

TEXT = st.text(st.characters(), max_size=8)  # lone surrogates, too
PERHAPS = st.none() | TEXT
TIMES = st.floats(allow_nan=False, allow_infinity=False) | st.integers(0, 10**12).map(lambda number: number / 10**9)
NUMBERS = st.none() | st.integers(100, 599)

HISTORIES = st.builds(
    History,
    st.lists(
        st.builds(
            Operation,
            name=TEXT,
            key=TEXT,
            value=PERHAPS,
            guarded=st.booleans(),
            named=PERHAPS,
            told=st.sampled_from(Told),
            began=TIMES,
            ended=TIMES,
            status=NUMBERS,
            tag=PERHAPS,
            digest=PERHAPS,
        ),
        max_size=5,
    ),
    st.lists(st.builds(Reading, key=TEXT, value=PERHAPS, tag=PERHAPS, began=TIMES, ended=TIMES), max_size=5),
    st.lists(
        st.builds(
            Applied,
            operation=TEXT,
            key=TEXT,
            before=PERHAPS,
            after=PERHAPS,
            at=TIMES,
            digest=PERHAPS,
            fence=st.none() | st.integers(),
        ),
        max_size=5,
    ),
    st.dictionaries(TEXT, st.integers(1, 3)).map(Counter),
    st.dictionaries(TEXT, PERHAPS),
    st.dictionaries(TEXT, PERHAPS),
    st.lists(TEXT, max_size=3),
)

KEPT = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])  # the file is written anew each time


@KEPT
@given(HISTORIES)
def test_a_history_comes_back(tmp_path: Path, history: History) -> None:
    """Whatever a history holds, what is read is what was written: to the last digit of a time, in the same order."""
    path = tmp_path / "history.jsonl"
    dump(history, path)
    assert load(path) == history
    assert repr(load(path)) == repr(history)  # 1 and 1.0 are equal


def operation(told: Told, began: float, ended: float, **more: Any) -> Operation:
    """Return a guarded write."""
    chosen = {"name": "1:1", "key": "/k", "value": "b", "guarded": True, "named": "a", **more}
    return Operation(told=told, began=began, ended=ended, **chosen)


EXAMPLE = History(
    operations=[
        operation(Told.OK, 1.5, 2.25, status=204, tag='"t"', digest="d"),
        operation(Told.REFUSED, 2.0, 3.0, status=412),
        operation(Told.REFUSED, 2.5, 3.5, status=503),
        operation(Told.UNKNOWN, 4.0, 5.0),
        operation(Told.OK, 6.0, 7.0, guarded=False, named=None, value=None),
    ],
    readings=[Reading("/k", None, None, 8.0, 9.0), Reading("/k", "b", '"t"', 2.5, 3.0)],
    applied=[Applied("1:1", "/k", "a", "b", 2.0, "d", 7)],
    forwards=Counter({"1:1": 1}),
    start={"/k": "a"},
    end={"/k": None},
    noise=["Traceback"],
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return a file that holds the example."""
    dump(EXAMPLE, tmp_path / "history.jsonl")
    return tmp_path / "history.jsonl"


def lines(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a file."""
    return [json.loads(line) for line in path.read_text(encoding="ascii").splitlines()]


def test_the_form_is_what_is_written_down(path: Path) -> None:
    """Each line has the fields, in the units and with the words, that the module's docstring says."""
    head, whole, *rest = lines(path)
    assert (head["format"], head["version"], head["lines"]) == ("ifmatch-history", 1, 9)
    assert whole == {
        "record": "history",
        "start": {"/k": "a"},
        "end": {"/k": None},
        "forwards": {"1:1": 1},
        "noise": ["Traceback"],
    }
    assert [line["record"] for line in rest] == [*7 * ["operation"], "applied"]
    assert [line["type"] for line in rest[:7]] == ["cas", "cas", "cas", "cas", "write", "read", "read"]
    assert [line["input"] for line in rest[:7]] == [*4 * [{"from": "a", "to": "b"}], {"from": None, "to": None}, {}, {}]
    assert [line["output"] for line in rest[:7]] == [
        {"result": "ok"},
        {"result": "fail", "stale": True},
        {"result": "fail", "stale": False},
        {"result": "info"},
        {"result": "ok"},
        {"result": "ok", "value": None},
        {"result": "ok", "value": "b"},
    ]
    assert [(line["call"], line["return"]) for line in rest[:4]] == [
        (1_500_000_000, 2_250_000_000),
        (2_000_000_000, 3_000_000_000),
        (2_500_000_000, 3_500_000_000),
        (4_000_000_000, NEVER),
    ]
    assert rest[7].pop("record") == "applied"
    assert rest[7] == asdict(EXAMPLE.applied[0])


def test_a_refusal_of_a_write_without_a_condition_is_not_stale(tmp_path: Path) -> None:
    """412 says something of the state only where the write had named one."""
    dump(History([operation(Told.REFUSED, 1, 2, guarded=False, status=412)]), tmp_path / "one")
    assert lines(tmp_path / "one")[2]["output"] == {"result": "fail", "stale": False}


@KEPT
@given(st.lists(st.tuples(st.integers(0, 20), st.integers(0, 5), st.booleans()), max_size=12))
def test_no_two_operations_of_a_process_overlap(tmp_path: Path, spans: list[tuple[int, int, bool]]) -> None:
    """A process does one thing at a time, is retired by an unknown outcome, and there are no more than are needed."""
    operations = [
        operation(Told.UNKNOWN if unknown else Told.OK, began, began + length) for began, length, unknown in spans
    ]
    dump(History(operations), tmp_path / "history.jsonl")
    found = sorted((line["process"], line["call"], line["return"]) for line in lines(tmp_path / "history.jsonl")[2:])
    for (process, _, ended), (other, began, _) in pairwise(found):
        assert process != other or ended < began
    at_once = [sum(call <= moment <= end for _, call, end in found) for _, moment, _ in found]
    assert {process for process, _, _ in found} == {*range(max(at_once, default=0))}


@given(st.integers(0, 2**62))
def test_a_time_of_the_clock_keeps_its_nanoseconds(number: int) -> None:
    """A reading of the clock is written as the nanosecond nearest to it, however long the machine has been up."""
    assert abs(nanoseconds(number / 10**9) - number) <= (0 if number < 2**52 else number / 2**53 + 1)


def test_times_of_this_clock_are_written_as_it_counts_them() -> None:
    """What the monotonic clock says in seconds comes out as what it counts in nanoseconds."""
    before, seconds, after = time.monotonic_ns(), time.monotonic(), time.monotonic_ns()
    assert before - 1 <= nanoseconds(seconds) <= after + 1


@pytest.mark.parametrize("seconds", [float("nan"), float("inf"), float("-inf")])
@pytest.mark.parametrize("told", [Told.OK, Told.UNKNOWN])
def test_what_is_no_time_is_refused(tmp_path: Path, told: Told, seconds: float) -> None:
    """A time that is none is an error where it is written, and no file that others stumble over is left."""
    for history in (
        History([operation(told, seconds, 1)]),
        History([operation(told, 1, seconds)]),
        History(applied=[Applied("1:1", "/k", None, None, seconds)]),
    ):
        with pytest.raises(ValueError, match=r"not a time|NaN|not JSON compliant"):
            dump(history, tmp_path / "none")
    assert not (tmp_path / "none").exists()


# What is broken -------------------------------------------------------------------------------------------------------


def test_every_truncation_is_seen(path: Path) -> None:
    """A file that ends early, within a line or between two, is not taken for a shorter history."""
    whole = path.read_bytes()
    between = [place for place, byte in enumerate(whole) if byte == ord("\n")]
    for length in {*range(0, len(whole), 11), *between, *(place + 1 for place in between[:-1])}:
        path.write_bytes(whole[:length])
        with pytest.raises(BrokenHistory):
            load(path)


def test_every_change_is_seen(path: Path) -> None:
    """A file in which one byte behind the first line is another is not taken for another history."""
    whole = path.read_bytes()
    for place in range(whole.index(b"\n") + 1, len(whole), 11):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(BrokenHistory):
            load(path)


def changed(path: Path, **head: object) -> bytes:
    """Return the file with another head."""
    first, _, body = path.read_bytes().partition(b"\n")
    return json.dumps({**json.loads(first), **head}).encode() + b"\n" + body


def resigned(path: Path, line: bytes) -> bytes:
    """Return the file with another last line, and a head that says so."""
    first, _, body = path.read_bytes().partition(b"\n")
    body = b"\n".join([*body.splitlines()[:-1], line, b""])
    return json.dumps({**json.loads(first), "sha256": sha256(body).hexdigest()}).encode() + b"\n" + body


@pytest.mark.parametrize(
    ("broken", "message"),
    [
        (lambda _: b"", r":1: not the head of a history"),
        (lambda _: b"\xff\n", r":1: not the head of a history"),
        (lambda _: b"[]\n", r":1: not a history: the format is to be ifmatch-history"),
        (lambda path: path.read_bytes().partition(b"\n")[2], r":1: not a history: the format is to be ifmatch-history"),
        (lambda path: changed(path, version=2), r":1: a history of version 2; this reads version 1"),
        (lambda path: changed(path, lines=8), r": truncated or extended: 9 whole lines after the first, not 8"),
        (lambda path: path.read_bytes()[:-1], r": truncated or extended: 8 whole lines after the first, not 9"),
        (lambda path: path.read_bytes() + b"{}\n", r": truncated or extended: 10 whole lines after the first, not 9"),
        (lambda path: path.read_bytes() + b"{}", r": truncated or extended: 9 whole lines after the first, not 9"),
        (lambda path: path.read_bytes().replace(b"1:1", b"1:2"), r": corrupted"),
        (lambda path: resigned(path, b"{"), r":10: not a line of a history: JSONDecodeError"),
        (lambda path: resigned(path, b"[]"), r":10: not a line of a history: TypeError"),
        (lambda path: resigned(path, b"{}"), r":10: not a line of a history: KeyError\('record'\)"),
        (lambda path: resigned(path, b'{"record": "x"}'), r":10: not a line of a history: ValueError.*'x'"),
        (
            lambda path: resigned(path, b'{"record": "applied", "x": 1}'),
            r":10: not a line of a history: TypeError.*'x'",
        ),
        (lambda path: resigned(path, b'{"record": "operation", "type": "y"}'), r":10: .*no such record.*'y'"),
        (lambda path: resigned(path, b'{"record": "operation", "type": "cas"}'), r":10: .*KeyError\('name'\)"),
    ],
)
def test_what_is_no_history_is_refused(path: Path, broken: Any, message: str) -> None:
    """What is wrong with a file is said, with its name and the line."""
    path.write_bytes(broken(path))
    with pytest.raises(BrokenHistory, match=f"history.jsonl{message}"):
        load(path)


# As another checker reads it ------------------------------------------------------------------------------------------


def step(state: str | None, line: dict[str, Any]) -> tuple[bool, str | None]:
    """Do what the module's docstring says the model does."""
    given, output = line["input"], line["output"]
    match line["type"], output["result"]:
        case "read", _:
            return output["value"] == state, state
        case _, "fail":
            return not output["stale"] or given["from"] != state, state
        case "write", _:
            return True, given["to"]
        case "cas", "ok":
            return given["from"] == state, given["to"]
    return True, given["to"] if given["from"] == state else state


def linearizable(lines: list[dict[str, Any]], start: str | None) -> bool:
    """Tell, by trying each order, whether the model can do all of that."""

    def possible(order: tuple[dict[str, Any], ...]) -> bool:
        state, latest = start, -1
        for line in order:
            fits, state = step(state, line)
            if not fits or line["return"] < latest:
                return False
            latest = max(latest, line["call"])
        return True

    return any(map(possible, permutations(lines)))


VALUES = st.sampled_from(["a", "b", "c", None])
SPANS = st.tuples(st.integers(0, 8), st.sampled_from([0, 1, 3]))
SEEN = st.one_of(
    st.builds(lambda value, span: Reading("/k", value, None, span[0], sum(span)), VALUES, SPANS),
    st.builds(
        lambda told, named, value, span, guarded: operation(
            told, span[0], sum(span), named=named, value=value, guarded=guarded, status=412
        ),
        st.sampled_from(Told),
        VALUES,
        VALUES,
        SPANS,
        st.booleans(),
    ),
)


@settings(KEPT, max_examples=400)
@given(st.lists(SEEN, max_size=5))
def test_the_model_of_another_checker_says_the_same(tmp_path: Path, seen: list[Operation | Reading]) -> None:
    """Fed with the lines of the file, the model of the docstring judges as our own checker does."""
    history = History(
        [one for one in seen if isinstance(one, Operation)],
        [one for one in seen if isinstance(one, Reading)],
        start={"/k": "a"},
    )
    dump(history, tmp_path / "history.jsonl")
    expected = linearizability.check(history) == []
    assert linearizable(lines(tmp_path / "history.jsonl")[2:], "a") is expected
