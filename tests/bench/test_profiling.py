"""What a sampler has seen is counted for the right rooms, and told as it was measured."""

import json
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from bench import proc
from bench.contest import READ, WRITE, Sample
from bench.cores import chosen
from bench.hotspots import AREAS, BEFORE, NOW, REST, TELEMETRY, Side, areas, bars, ranked, tables, turns
from bench.line import played, request
from bench.machine import Missing
from bench.profiling import PATHS, checkouts, interpreter, repeated, running_sampled, sampling
from bench.stacks import BELOW, Frame, Profile, Stack, area, own, read, room, room_of, spelled, within
from tests.support.child import ROOT
from tests.support.processes import running_origin

LOOP = Frame("asyncio.runners", "Runner.run")
HANDLING = Frame("proxy.server.handling", "Handling.handle")
LEDGER = Frame("proxy.server.ledger", "Ledger.settle")
JSON = Frame("json.encoder", "JSONEncoder.encode")
FIELDS = Frame("proxy.core.fields", "Fields.value")

STACKS: Mapping[Stack, int] = {
    (LOOP,): 10,
    (HANDLING, LOOP): 30,
    (FIELDS, HANDLING, LOOP): 50,
    (FIELDS, FIELDS, HANDLING, LOOP): 4,
    (JSON, LEDGER, LOOP): 4,
    (LEDGER, LOOP): 1,
    (): 1,
}
PROFILE = Profile(STACKS, user=0.3, system=0.1)


def side(profile: Profile = PROFILE, cpu: float = 200.0) -> Side:
    """Return what might have been measured."""
    return Side([Sample(5_000, cpu, 0), Sample(4_000, cpu, 0)], profile)


@pytest.mark.parametrize(
    ("module", "expected"),
    [
        ("proxy.server.handling", "server/handling"),
        ("proxy.adapters.upstream.client", "adapters/upstream/client"),
        ("proxy.telemetry", "telemetry"),
        ("proxy", "proxy"),
        ("proxying.server", "proxying"),
        ("aiohttp.web_protocol", "aiohttp"),
        ("multidict._abc", "aiohttp"),
        ("asyncio.selector_events", "event loop"),
        ("selectors", "event loop"),
        ("uvloop", "event loop"),
        ("prometheus_client.metrics", "prometheus_client"),
        ("json.encoder", "json"),
        ("runpy", "starting"),
        ("", ""),
    ],
)
def test_rooms(module: str, expected: str) -> None:
    """Ours are told apart, those of a package of others are not, and whatever belongs to an event loop is one."""
    assert room(module) == expected


def test_functions() -> None:
    """A function is told with its room; what `dataclasses` makes, as what it is."""
    assert spelled(FIELDS) == "core/fields: Fields.value"
    assert spelled(Frame("proxy.core.state", "__create_fn__.<locals>.__eq__")) == "core/state: __eq__"
    assert spelled(Frame("proxy.gateway.asking", "f.<locals>.<lambda>")) == "gateway/asking: f.<locals>.<lambda>"


def test_a_file() -> None:
    """What was seen is read, and the same stack twice is one."""
    stacks = [{"count": 2, "frames": [["json", "loads"]]}, {"count": 3, "frames": [["json", "loads"]]}]
    profile = read(json.dumps({"user": 1.5, "system": 0.5, "stacks": stacks}))
    assert profile == Profile({(Frame("json", "loads"),): 5}, 1.5, 0.5)
    assert (profile.samples, profile.kernel) == (5, 0.25)


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ('{"user": 1, "system": 1, "stacks": []}', "has seen nothing"),
        ('{"user": 1, "system": 1}', "not what a sampler writes"),
        ('{"user": 1, "system": 1, "stacks": [{"count": 1, "frames": [["json"]]}]}', "unpack"),
        ("[]", "not what a sampler writes"),
        ("", "Expecting value"),
    ],
)
def test_a_file_that_is_none(text: str, match: str) -> None:
    """It is an error, and no profile of nothing."""
    with pytest.raises(ValueError, match=match):
        read(text)


def test_own_time() -> None:
    """Each sample counts once, for the innermost; the greatest stands first."""
    assert list(own(PROFILE, room_of).items()) == [
        ("core/fields", 0.54),
        ("server/handling", 0.3),
        ("event loop", 0.1),
        ("json", 0.04),
        ("server/ledger", 0.01),
        (BELOW, 0.01),
    ]


def test_time_with_what_is_called() -> None:
    """Each sample counts once, however often a function is under way."""
    assert within(PROFILE, lambda name: name == "core/fields") == 0.54
    assert within(PROFILE, TELEMETRY.has) == 0.05
    assert within(PROFILE, lambda name: name == "event loop") == 0.99


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("server/ledger", "telemetry"),
        ("telemetry", "telemetry"),
        ("access_log", "telemetry"),
        ("metrics", "telemetry"),
        ("lines", "telemetry"),
        ("tallies", "telemetry"),
        ("server/handling", "server"),
        ("servers", None),
        ("adapters/upstream/client", "upstream adapter"),
        ("adapters/redis/lock", None),
        ("core/fields", "core"),
        ("json", None),
    ],
)
def test_areas(name: str, expected: str | None) -> None:
    """A room is in one area, and telemetry's is not the server's."""
    found = area(name, AREAS)
    assert (found and found.title) == expected


def test_areas_are_told() -> None:
    """By themselves they make the whole; with what they call, more."""
    rows = {row[0]: row[1:] for row in areas({"GET": {BEFORE: side(), NOW: side()}}).rows}
    assert rows["telemetry"] == ("1.0 % / 5.0 %",) * 2
    assert rows["server"] == ("30.0 % / 84.0 %",) * 2
    assert rows["core"] == ("54.0 % / 54.0 %",) * 2
    assert rows[REST] == ("5.0 %",) * 2
    assert sum(float(cells[0].split()[0]) for cells in rows.values()) == pytest.approx(100)


def test_the_top_ten() -> None:
    """Each side in its own order, with µs of its own; the shorter list ends earlier."""
    few = side(Profile({(JSON,): 3, (FIELDS,): 1}, 1, 1), cpu=100)
    many = side(Profile({(Frame(f"m{number}", "f"),): 100 - number for number in range(12)}, 1, 1))
    table = ranked("", {BEFORE: few, NOW: many}, room_of)
    assert table.columns == [BEFORE, "share", "µs", NOW, "share", "µs"]
    assert [row[3] for row in table.rows] == [f"`m{number}`" for number in range(10)]
    assert [row[:3] for row in table.rows[:3]] == [
        ("`json`", "75.0 %", "75.0"),
        ("`core/fields`", "25.0 %", "25.0"),
        ("", "", ""),
    ]


def test_both_sides_are_compared() -> None:
    """Rates and CPU time, round by round; with one side there is nothing to compare."""
    table = turns({"GET": {BEFORE: side(cpu=400), NOW: side()}})
    assert table.rows[0] == ("GET", BEFORE, "4,000 / 4,500 / 5,000", "400 / 400 / 400", "25.0 %", "100")
    assert "2.00 / 2.00 / 2.00 times the answers" in table.note
    assert turns({"GET": {NOW: side()}}).note == ""


def test_all_is_told() -> None:
    """How fast, by area, and the top ten rooms and functions of each measure."""
    titles = [table.title for table in tables({measure.title: {NOW: side()} for measure in (READ, WRITE)})]
    assert [re.sub(r"\W+", " ", title).strip() for title in titles[2:]] == [
        f"{measure.title}: the top ten {what}".replace(":", "")
        for what in ("rooms", "functions")
        for measure in (READ, WRITE)
    ]


def test_the_goal() -> None:
    """What telemetry takes now counts, with what it calls."""
    light = side(Profile({(LEDGER,): 4, (FIELDS,): 96}, 1, 1))
    found = {READ.title: {BEFORE: light, NOW: side()}, WRITE.title: {BEFORE: side(), NOW: light}}
    assert [(bar.reached, bar.kept) for bar in bars(found)] == [("5.0 %", False), ("4.0 %", True)]


def test_checkouts(tmp_path: Path) -> None:
    """Each side has its interpreter, and a folder without one is an error that says what to do."""
    with pytest.raises(Missing, match=r"has no \.venv"):
        checkouts(tmp_path)
    python = tmp_path / ".venv" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    assert interpreter(tmp_path) == str(python)
    assert list(checkouts(tmp_path).items()) == [(BEFORE, (str(python), tmp_path)), (NOW, (sys.executable, ROOT))]
    assert checkouts(None).keys() == {NOW}


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([], "make bench-profile"),
        (["--before", "../old"], 'make bench-profile ARGS="--before DIR"'),
        (
            ["--rounds", "3", "--before=/some/old", "--short"],
            'make bench-profile ARGS="--rounds 3 --before=DIR --short"',
        ),
    ],
)
def test_how_it_is_repeated(given: list[str], expected: str) -> None:
    """The page does not tell where something is on one machine."""
    assert repeated(given) == expected


def test_the_command_is_sampled(tmp_path: Path) -> None:
    """It serves while it samples itself, ends well by SIGTERM, and the file then shows the rooms of a GET."""
    file, cores = tmp_path / "seen.json", chosen(os.sched_getaffinity(0))
    with running_origin() as origin, running_sampled(origin.url, sys.executable, ROOT, file, cores) as standing:
        origin.seed(PATHS[0], b'{"id": 1}', "application/json")
        with sampling(standing):
            until = proc.used(standing.pid).cpu + 0.3
            while proc.used(standing.pid).cpu < until:
                played(standing.url, [request(standing.url, "GET", PATHS[0])] * 50, READ.status)
    profile = read(file.read_text("utf-8"))
    assert profile.samples >= 10
    assert within(profile, lambda name: name.startswith("server/")) > 0.3
    assert own(profile, room_of).keys() >= {"event loop"}
