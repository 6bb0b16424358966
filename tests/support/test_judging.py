"""A history that was kept is judged as it was when it happened."""

from collections import Counter
from pathlib import Path

import pytest

from tests.support.histories import Applied, History, Operation, Told
from tests.support.judging import kept, main


def write(name: str, named: str, began: float, told: Told = Told.OK) -> Operation:
    """Return a guarded write that took a second."""
    status = 204 if told is Told.OK else 412
    return Operation(name, "/k", name, True, named, told, began, began + 1, status)  # noqa: FBT003 - a table


def history(*predecessors: str) -> History:
    """Return one in which each write was applied to what was there, whichever state it named."""
    names = [f"{number}" for number in range(len(predecessors))]
    return History(
        operations=[write(name, named, 2.0 * int(name)) for name, named in zip(names, predecessors, strict=True)],
        applied=[
            Applied(name, "/k", before, name, 2.0 * int(name) + 0.5)
            for name, before in zip(names, ["seed", *names], strict=False)
        ],
        forwards=Counter(names),
        start={"/k": "seed"},
        end={"/k": names[-1]},
    )


def test_a_good_history(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is found, and what it was about is said."""
    path = kept(history("seed", "0", "1"), "F0-1", tmp_path / "new")
    assert path.name == "F0-1.jsonl"
    assert main([str(path)]) == 0
    assert capsys.readouterr().out == f"{path}: 3 ok, 0 refused, 0 unknown: 0 found\n"


def test_a_lost_update(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both checkers find it, in one of two files."""
    paths = [kept(history("seed", "0", "1"), "good", tmp_path), kept(history("seed", "seed"), "lost", tmp_path)]
    assert main([*map(str, paths)]) == 1
    said = capsys.readouterr().out
    assert "lost update at 1: named seed, overwrote 0 on /k" in said
    assert "not linearizable at /k" in said


def test_no_history(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A file that is cut short, or not there, is said to be so, and is no verdict."""
    path = kept(history("seed"), "cut", tmp_path)
    path.write_bytes(path.read_bytes()[:-20])
    for broken in (path, tmp_path / "none.jsonl"):
        assert main([str(broken)]) == 2
        assert str(broken) in capsys.readouterr().err
