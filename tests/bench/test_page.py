"""The page of figures is what the kept results say, and says all of it."""

from dataclasses import replace
from pathlib import Path

import pytest

from bench.machine import Machine
from bench.page import DOCUMENT, SECTIONS, publish, rendered
from bench.result import Bar, Result, Table, keep, kept, read, written

RESULT = Result(
    command="make bench",
    day="2026-01-02",
    minutes=9.6,
    machine=Machine(2, "Some Processor", "Linux 6.1"),
    versions={"python": "3.11.7", "nginx": "1.22.1"},
    about=("How it was measured.",),
    tables=(Table("**Reading.**", ("who", "per s"), (("ifmatch", "12"), ("nginx", "30")), "In the median."),),
    bars=(Bar("reading", "at least 0.3 x", "0.4 x", kept=True), Bar("writing", "0 lost", "1", kept=False)),
    gaps=("HTTP/3",),
)


def test_the_page_is_what_was_measured() -> None:
    """The committed page says what the committed results say: `python -m bench.page` makes it."""
    assert DOCUMENT.read_text("utf-8") == rendered(kept())


def test_a_result_survives_its_file(tmp_path: Path) -> None:
    """What is read is what was written."""
    keep("peers", RESULT, tmp_path)
    assert written(kept(tmp_path)["peers"]) == written(RESULT)
    assert read(written(RESULT)).machine == RESULT.machine


def test_a_section_says_it_all() -> None:
    """Text, tables, and where they are from."""
    page = rendered({"peers": RESULT})
    _, _, behind = page.partition("## Next to its peers\n")
    section, _, _ = behind.partition("\n## ")
    assert section == (
        "\nHow it was measured.\n\n**Reading.**\n\n| who | per s |\n| --- | --- |\n| ifmatch | 12 |\n| nginx | 30 |\n"
        "\nIn the median.\n\nMade by `make bench` on 2026-01-02 in 10 minutes; 2 cores (Some Processor), Linux 6.1; "
        "python 3.11.7, nginx 1.22.1.\n"
    )


def test_goals_and_gaps_stand_together() -> None:
    """Those of all sections, in the order of the page whatever the order of the results."""
    other = replace(RESULT, bars=(Bar("idle", "60 MB", "45 MB", kept=True),), gaps=("Windows",))
    page = rendered({"scale": other, "peers": RESULT})
    rows = [line for line in page.splitlines() if line.endswith(("| yes |", "| **no** |"))]
    assert rows == [
        "| reading | at least 0.3 x | 0.4 x | yes |",
        "| writing | 0 lost | 1 | **no** |",
        "| idle | 60 MB | 45 MB | yes |",
    ]
    assert page.endswith("## What is not measured\n\n- HTTP/3\n- Windows\n")


def test_every_section_is_there() -> None:
    """In a fixed order, and one without a result says that it has none."""
    page = rendered({})
    places = [page.index(f"## {title}\n\nNot measured yet.\n") for title in SECTIONS.values()]
    assert places == sorted(places)


def test_a_result_without_a_section_is_refused() -> None:
    """It would be lost otherwise."""
    with pytest.raises(KeyError, match="speed"):
        rendered({"speed": RESULT})


def test_the_page_is_written(tmp_path: Path) -> None:
    """Of the results that are given."""
    publish({"peers": RESULT}, tmp_path / "page.md")
    assert (tmp_path / "page.md").read_text("utf-8") == rendered({"peers": RESULT})
