"""A history as a file: one JSON object a line, for keeping what a run has shown and for other checkers than ours.

What lives here: the form, writing it, reading it. What a history means is `tests.support.histories`'s.

    line 1      format, version, how many lines follow, and their SHA-256: what was cut or changed is noticed
    line 2      start, end, forwards, noise, as `History` has them
    then        a line a write (`operations`), a line a reading (`readings`), a line a line of the write log (`applied`)

Writes and readings have what Porcupine's Operation{ClientId, Input, Call, Output, Return} takes:

    process     ClientId. No two operations of one process overlap; it is not the client, whom a reading does not tell.
    type        read, cas (a guarded write) or write
    key         by which to partition
    input       {} of a read; {"from": u, "to": v} of the others, null for no resource
    output      {"result": "ok", "value": v} of a read; else the result is ok, fail or info, and of a fail `stale` says
                whether it was a 412: that the state was not `from`
    call        when it began, in ns of the monotonic clock
    return      when it ended, likewise; of an info the largest int64, since it may take effect at any time, or never

and the model's Step(state, input, output) is, with the result first and the new state second:

    read                        output.value == state, state
    write, ok or info           true, input.to
    cas, ok                     input.from == state, input.to
    cas, info                   true, input.from == state ? input.to : state
    fail with stale             input.from != state, state
    fail without                true, state

As Porcupine's Init takes no key, put a write of start[key] first, with Call and Return -1. `began`, `ended` and `at`
are the times in seconds as the clients and the origin server gave them. These are read back, so no digit is lost.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from hashlib import sha256
from heapq import heappop, heappush
from pathlib import Path
from typing import Any

from tests.support.histories import Applied, History, Operation, Reading, Told

FORMAT = "ifmatch-history"
VERSION = 1

NEVER = 2**63 - 1
"""When an operation returns that may take effect at any time."""

_RESULTS = {Told.OK: "ok", Told.REFUSED: "fail", Told.UNKNOWN: "info"}
_TOLD = {result: told for told, result in _RESULTS.items()}

Entry = dict[str, Any]


class BrokenHistory(ValueError):
    """A file is not a whole history of this format and version. The message says where and how."""


def dump(history: History, path: Path) -> None:
    """Write a history to a file. Raised when a time is not finite: `ValueError`."""
    body = "".join(_text(line) for line in _lines(history)).encode("ascii")
    head = {"format": FORMAT, "version": VERSION, "lines": body.count(b"\n"), "sha256": sha256(body).hexdigest()}
    path.write_bytes(_text(head).encode("ascii") + body)


def load(path: Path) -> History:
    """Return the history in a file. Raised when it is not all there, or not as it was written: `BrokenHistory`."""
    head, _, body = path.read_bytes().partition(b"\n")
    _examine(path, head, body)
    history = History()
    for number, line in enumerate(body.splitlines(), start=2):
        try:
            _take(history, json.loads(line))
        except (KeyError, TypeError, ValueError) as error:
            raise BrokenHistory(f"{path}:{number}: not a line of a history: {error!r}") from error
    return history


def _examine(path: Path, head: bytes, body: bytes) -> None:
    """Raise unless the body is what the head says."""
    try:
        said = json.loads(head)
    except ValueError as error:
        raise BrokenHistory(f"{path}:1: not the head of a history: {error}") from error
    if not isinstance(said, dict) or said.get("format") != FORMAT:
        raise BrokenHistory(f"{path}:1: not a history: the format is to be {FORMAT}")
    if said.get("version") != VERSION:
        raise BrokenHistory(f"{path}:1: a history of version {said.get('version')}; this reads version {VERSION}")
    lines = body.count(b"\n")
    if lines != said.get("lines") or not body.endswith(b"\n"):
        raise BrokenHistory(
            f"{path}: truncated or extended: {lines} whole lines after the first, not {said.get('lines')}"
        )
    if sha256(body).hexdigest() != said.get("sha256"):
        raise BrokenHistory(f"{path}: corrupted: the lines after the first are not those that were written")


def _text(line: Entry) -> str:
    return json.dumps(line, allow_nan=False, separators=(",", ":")) + "\n"


# Writing --------------------------------------------------------------------------------------------------------------


def _lines(history: History) -> Iterator[Entry]:
    yield {
        "record": "history",
        "start": dict(history.start),
        "end": dict(history.end),
        "forwards": dict(history.forwards),
        "noise": history.noise,
    }
    operations = [*map(_written, history.operations), *map(_read, history.readings)]
    for line, process in zip(operations, _processes(operations), strict=True):
        yield {"record": "operation", "process": process, **line}
    yield from map(_applied, history.applied)


def _written(operation: Operation) -> Entry:
    output: Entry = {"result": _RESULTS[operation.told]}
    if operation.told is Told.REFUSED:
        output["stale"] = operation.guarded and operation.status == 412
    return {
        "type": "cas" if operation.guarded else "write",
        "key": operation.key,
        "call": nanoseconds(operation.began),
        "return": NEVER if operation.told is Told.UNKNOWN else nanoseconds(operation.ended),
        "input": {"from": operation.named, "to": operation.value},
        "output": output,
        "name": operation.name,
        "status": operation.status,
        "tag": operation.tag,
        "digest": operation.digest,
        "began": operation.began,
        "ended": operation.ended,
    }


def _read(reading: Reading) -> Entry:
    return {
        "type": "read",
        "key": reading.key,
        "call": nanoseconds(reading.began),
        "return": nanoseconds(reading.ended),
        "input": {},
        "output": {"result": "ok", "value": reading.value},
        "tag": reading.tag,
        "began": reading.began,
        "ended": reading.ended,
    }


def _applied(line: Applied) -> Entry:
    return {
        "record": "applied",
        "operation": line.operation,
        "key": line.key,
        "before": line.before,
        "after": line.after,
        "at": line.at,
        "digest": line.digest,
        "fence": line.fence,
    }


def nanoseconds(seconds: float) -> int:
    """Return whole nanoseconds, by exact arithmetic. Raised when there are none: `ValueError`."""
    try:
        numerator, denominator = seconds.as_integer_ratio()
    except OverflowError as error:
        raise ValueError(f"not a time: {seconds}") from error
    return (2 * numerator * 10**9 + denominator) // (2 * denominator)


def _processes(operations: Iterable[Entry]) -> list[int]:
    """Return for each the lowest number that nobody else has at that time."""
    lines = [*operations]
    given = [0] * len(lines)
    busy: list[tuple[int, int]] = []
    free: list[int] = []
    for index in sorted(range(len(lines)), key=lambda index: int(lines[index]["call"])):
        while busy and busy[0][0] < lines[index]["call"]:
            heappush(free, heappop(busy)[1])
        given[index] = heappop(free) if free else len(busy)
        heappush(busy, (lines[index]["return"], given[index]))
    return given


# Reading --------------------------------------------------------------------------------------------------------------


def _take(history: History, line: Entry) -> None:
    """Add what a line says."""
    match line["record"], line.get("type"):
        case "history", None:
            history.start, history.end, history.noise = line["start"], line["end"], line["noise"]
            history.forwards = Counter(line["forwards"])
        case "operation", "read":
            times = line["began"], line["ended"]
            history.readings.append(Reading(line["key"], line["output"]["value"], line["tag"], *times))
        case "operation", "cas" | "write":
            history.operations.append(_operation(line))
        case "applied", None:
            history.applied.append(Applied(**{name: value for name, value in line.items() if name != "record"}))
        case record:
            raise ValueError(f"no such record: {record}")


def _operation(line: Entry) -> Operation:
    return Operation(
        name=line["name"],
        key=line["key"],
        value=line["input"]["to"],
        guarded=line["type"] == "cas",
        named=line["input"]["from"],
        told=_TOLD[line["output"]["result"]],
        began=line["began"],
        ended=line["ended"],
        status=line["status"],
        tag=line["tag"],
        digest=line["digest"],
    )
