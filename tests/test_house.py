"""The rules of the house that no linter knows: sizes, names, mirrored tests, argued exceptions, import contracts."""

import ast
import re
import shutil
import statistics
import subprocess
import sys
import tokenize
import tomllib
from collections.abc import Iterator
from itertools import dropwhile, takewhile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = sorted((ROOT / "proxy").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))

ROOM_LINES = 250
FUNCTION_LINES = 40
MEDIAN_LINES = 12

EMPTY_NAMES = {"util", "utils", "helper", "helpers", "common", "misc", "manager", "managers"}
"""Names that do not tell what may be written in a file."""

WHOLE: dict[str, str] = {
    "tests/adapters/redis/test_cancellation.py": "cancels the adapter as a whole whenever it waits for something",
    "tests/adapters/upstream/test_cancellation.py": "cancels the adapter as a whole at every turn of the event loop",
    "tests/adapters/upstream/test_contract.py": "holds the adapter to its port, over TCP, TLS and a Unix socket",
    "tests/adapters/upstream/test_transport.py": "plays every kind of answer to the adapter, cut and ended everywhere",
    "tests/server/test_short_way.py": "holds the short way of reads to what the long one makes of the same bytes",
}
"""Tests in a mirrored folder that have no room of that name, each with its reason."""

Function = ast.FunctionDef | ast.AsyncFunctionDef


def name(path: Path) -> str:
    """Return the path as seen from the root of the repository."""
    return path.relative_to(ROOT).as_posix()


def functions(path: Path) -> Iterator[Function]:
    """Yield every function of a file, inner ones too."""
    nodes = ast.walk(ast.parse(path.read_text()))
    return (node for node in nodes if isinstance(node, Function))


def length(function: Function) -> int:
    """Return the lines from `def` to the end; decorators (the tables of a test) do not count."""
    return (function.end_lineno or function.lineno) - function.lineno + 1


def does_something(function: Function) -> bool:
    """Tell whether the body has more than a docstring or an ellipsis."""
    return any(not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)) for node in function.body)


def needs_test(room: Path) -> bool:
    """Tell whether a room holds code of its own; an `__init__` is a door, a `__main__` a bell."""
    return not room.name.startswith("__") and any(does_something(function) for function in functions(room))


def mirrored(room: Path) -> Path:
    """Return where the tests of a room are."""
    return ROOT / "tests" / room.relative_to(ROOT / "proxy").with_name(f"test_{room.name}")


@pytest.mark.parametrize("room", [room for room in ROOMS if needs_test(room)], ids=name)
def test_every_room_has_its_tests(room: Path) -> None:
    """proxy/a/b.py is tested in tests/a/test_b.py, so that neither has to be searched for."""
    assert mirrored(room).is_file(), f"{name(room)} has no {name(mirrored(room))}"


def test_every_mirrored_test_has_its_room() -> None:
    """A test file in a folder that mirrors one of proxy/ is named for a room there, and moves when that room moves."""
    orphans = []
    for test in (ROOT / "tests").rglob("*/test_*.py"):
        folder = ROOT / "proxy" / test.parent.relative_to(ROOT / "tests")
        room = folder / test.name.removeprefix("test_")
        if folder.is_dir() and not room.is_file() and not room.with_suffix("").is_dir():
            orphans.append(name(test))
    assert sorted(orphans) == sorted(WHOLE)


@pytest.mark.parametrize("room", ROOMS, ids=name)
def test_no_room_outgrows_its_idea(room: Path) -> None:
    """A room of more than 250 lines is asking to be two."""
    assert len(room.read_text().splitlines()) <= ROOM_LINES


def test_no_function_is_longer_than_a_screen() -> None:
    """No function, of tests neither, has more than 40 lines."""
    found = ((path, function) for path in ROOMS + TESTS for function in functions(path))
    long = [f"{name(path)}:{function.lineno}" for path, function in found if length(function) > FUNCTION_LINES]
    assert long == []


def test_functions_are_short(capsys: pytest.CaptureFixture[str]) -> None:
    """Half of the functions in proxy/ have at most 12 lines, signature and docstring included."""
    sizes = [length(function) for room in ROOMS for function in functions(room) if does_something(function)]
    median = statistics.median(sizes)
    with capsys.disabled():
        sys.stdout.write(f"\nproxy: {len(sizes)} functions, median {median:g} lines, longest {max(sizes)}\n")
    assert median <= MEDIAN_LINES


def test_every_name_says_what_is_inside() -> None:
    """No file or folder is called utils, helpers, common, misc or manager."""
    named = {name(path): set(path.with_suffix("").name.split("_")) for path in (ROOT / "proxy").rglob("*")}
    assert [path for path, words in named.items() if words & EMPTY_NAMES] == []


def test_the_core_has_a_map() -> None:
    """Each room of the core stands once, under "The rooms" in its `__init__`, and no other does."""
    _, _, rooms = (ROOT / "proxy/core/__init__.py").read_text().partition("\nThe rooms\n")
    there = {path.stem for path in (ROOT / "proxy/core").glob("*.py")} - {"__init__"}
    assert sorted(re.findall(r"`(\w+)`", rooms)) == sorted(there)


def ignored_rules() -> list[str]:
    """Return the rules that pyproject.toml ignores, as often as they stand there."""
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["ruff"]["lint"]
    return sorted([*lint["ignore"], *(rule for rules in lint["per-file-ignores"].values() for rule in rules)])


def argued_rules() -> list[str]:
    """Return the rules that stand on a line of their own with a reason behind them."""
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    section = dropwhile(lambda line: line != "[tool.ruff.lint]", lines)
    until_next = takewhile(lambda line: not line.startswith("[tool.mypy"), section)
    found = (re.fullmatch(r' +"([A-Z]+\d*)",\s+# \w.*', line) for line in until_next)
    return sorted(match[1] for match in found if match)


def test_every_ignored_rule_has_its_reason() -> None:
    """Each rule that ruff is told to ignore says why on its line."""
    assert argued_rules() == ignored_rules() != []


def comments(path: Path) -> Iterator[str]:
    """Yield every comment of a file."""
    with tokenize.open(path) as file:
        yield from (token.string for token in tokenize.generate_tokens(file.readline) if token.type == tokenize.COMMENT)


@pytest.mark.parametrize("path", ROOMS + TESTS, ids=name)
def test_every_exception_in_place_has_its_reason(path: Path) -> None:
    """A `noqa` names its rules and says why behind a dash; none is blanket."""
    argued = re.compile(r"# noqa: [A-Z]+\d+(, [A-Z]+\d+)* - \w")
    assert [comment for comment in comments(path) if "noqa" in comment and not argued.search(comment)] == []


@pytest.mark.parametrize("path", TESTS, ids=name)
def test_nothing_is_skipped(path: Path) -> None:
    """No test is skipped or expected to fail: what is missing on a machine fails and says how to install it."""
    assert re.findall(r"pytest\.(?:skip|importorskip|xfail|mark\.(?:skip|skipif|xfail))\b", path.read_text()) == []


def lint_imports(folder: Path) -> tuple[int, str]:
    """Run the import contracts on the package in a folder; return exit code and report."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache", "--no-logo"]
    done = subprocess.run(command, cwd=folder, check=False, capture_output=True, text=True, env={"COLUMNS": "200"})
    return done.returncode, done.stdout + done.stderr


def test_imports_point_one_way() -> None:
    """The import contracts of pyproject.toml hold."""
    code, report = lint_imports(ROOT)
    assert code == 0, report


@pytest.mark.parametrize(
    ("room", "line", "contract"),
    [
        ("errors.py", "import proxy.core.fields", "Imports point one way"),
        ("core/fields.py", "import proxy.ports", "Imports point one way"),
        ("problems/table.py", "import proxy.telemetry", "Imports point one way"),
        ("stray.py", "", "Imports point one way"),
        ("adapters/memory/lock.py", "import proxy.adapters.upstream", "Adapters know nothing"),
        ("core/fields.py", "import asyncio", "The core decides"),
        ("errors.py", "from time import monotonic", "The core decides"),
        ("gateway/writing.py", "import aiohttp", "The gateway awaits ports"),
        ("gateway/writing.py", "async def f():\n    from asyncio import sleep", "The gateway awaits ports"),
    ],
)
def test_a_broken_contract_is_seen(tmp_path: Path, room: str, line: str, contract: str) -> None:
    """Each contract sees the import it forbids: the test above cannot pass because nothing is looked at."""
    shutil.copytree(ROOT / "proxy", tmp_path / "proxy", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    with (tmp_path / "proxy" / room).open("a") as file:
        file.write(f"\n{line}\n")
    code, report = lint_imports(tmp_path)
    assert code == 1
    assert re.search(rf"{contract}.* BROKEN", report), report
