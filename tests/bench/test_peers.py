"""The whole: what two sections of the page are made of, and when the measurement says that something is wrong."""

from dataclasses import replace

import pytest

from bench import comparison, entrants, peers
from bench.cores import Cores
from bench.losing import Losses
from bench.machine import Machine
from bench.page import rendered
from bench.result import Result
from bench.storm import Storm
from tests.bench.test_comparison import LOSSES, figures

FRAME = Result("make bench", "2026-01-02", 8.0, Machine(2, "Some Processor", "Linux 6.1"), {"python": "3.11.7"})
RAGED = {
    (entrants.LUA, True): (Storm({204: 3}, 1_000), 2),
    (entrants.MEMORY, True): (Storm({204: 1, 412: 999}, 5), 2),
    (entrants.MEMORY, False): (Storm({412: 1_000}, 2), 0),
}


def made() -> dict[str, Result]:
    """Return the sections of figures that were made up."""
    return peers.results(figures(), LOSSES, RAGED, FRAME)


def test_the_sections() -> None:
    """Both are sections of the page; the goal of the storm is ours alone, whatever the peers ask."""
    page = rendered(made())
    assert page.count("Made by `make bench` on 2026-01-02 in 8 minutes") == 2
    assert (
        "1,000 writers with one tag, one replica: requests to the origin server beyond the winner's | at most 3 | 3"
        in page
    )
    assert all(gap in page for gap in peers.GAPS)
    assert page.count(f"\n\n{comparison.apart(figures())}\n\n") == 1


@pytest.mark.parametrize(("lost", "code"), [(0, 0), (1, 1)])
def test_a_lost_write_is_an_error(capsys: pytest.CaptureFixture[str], lost: int, code: int) -> None:
    """One is enough; and it is said who lost it."""
    losses: dict[str, Losses] = {**LOSSES, entrants.REDIS: replace(LOSSES[entrants.REDIS], lost=lost)}
    assert peers.told(made(), losses, short=True) == code
    assert (f"{entrants.REDIS} has lost accepted writes" in capsys.readouterr().out) == bool(lost)


def test_what_peers_lose_is_no_error() -> None:
    """It is what they are measured for."""
    assert peers.told(made(), {**LOSSES, entrants.LUA: Losses(10, 0, 0, 9)}, short=True) == 0


def test_what_is_missing_is_an_error(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing is left out: the command that installs it is named, and nothing is measured."""
    monkeypatch.setattr("shutil.which", lambda *_, **__: None)
    assert peers.main([]) == 2
    assert capsys.readouterr().out == "nginx is missing; run: apt-get install -y nginx\n"


def test_a_short_run_can_be_told_more() -> None:
    """What is said on the command line counts before what a short run takes for granted."""
    short = peers.asked(["--short", "--rounds", "2"])
    assert (short.rounds, short.seconds, short.short) == (2, 1, True)
    assert peers.asked([]).rounds > 3


def test_how_it_is_measured() -> None:
    """Each paragraph is one line, and says what was asked for."""
    paragraphs = peers.about(peers.asked(["--rounds", "7"]), Cores(0, 1))
    assert all("\n" not in paragraph and "{" not in paragraph for paragraph in paragraphs)
    assert "In each of 7 rounds" in "".join(paragraphs)
    assert Cores(0, 1).told in "".join(paragraphs)
