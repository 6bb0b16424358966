"""What is played in the contest is made of what the contestant has shown, and what it uses is counted."""

import pytest

from bench import contest
from bench.contest import MEASURES, READ, REVISIT, WRITE, Known, Sample, delay, learn, prepared, settled
from bench.cores import Cores
from bench.entrants import AFRESH, MEMORY, OURS, UNGUARDED, entrants
from bench.line import WrongAnswer, played
from bench.standing import Standing
from tests.support.processes import OriginHandle, running_origin, running_proxy

PATHS = ["/documents/0", "/documents/1"]


def seeded(origin: OriginHandle) -> None:
    """Put something there."""
    for path in PATHS:
        origin.seed(path, b'{"id": 1}', "application/json")


def test_every_contestant_can_be_started() -> None:
    """And each of those that must not lose a write takes part in the writing."""
    known = entrants(Cores(0, 1))
    assert {name for measure in MEASURES for name in measure.contestants} <= known.keys()
    assert {*OURS} <= {*WRITE.contestants}
    assert {*UNGUARDED} <= known.keys()
    assert WRITE.contestants[-len(AFRESH) :] == AFRESH


def test_what_is_learned() -> None:
    """The tags are those of the contestant, and they serve its conditional requests."""
    with running_origin() as origin, running_proxy("--upstream", origin.url) as proxy:
        seeded(origin)
        known = learn(proxy.url, PATHS, guarded=True)
        assert [each.path for each in known] == PATHS
        for measure in (REVISIT, WRITE, REVISIT):
            played(proxy.url, [measure.asks(proxy.url, each) for each in known], measure.status)
        assert len(origin.writes()) == len(PATHS)
        stale = [Known(each.path, '"other"', each.content) for each in known]
        with pytest.raises(WrongAnswer, match="412 instead of 204"):
            played(proxy.url, [WRITE.asks(proxy.url, each) for each in stale], WRITE.status)


@pytest.mark.parametrize("through", [True, False])
def test_tags_where_none_should_be(through: bool) -> None:
    """One who mints none does not take part as one who does, nor the reverse."""
    with running_origin() as origin, running_proxy("--upstream", origin.url) as proxy:
        seeded(origin)
        with pytest.raises(WrongAnswer, match="tags are"):
            learn(proxy.url if through else origin.url, PATHS, guarded=not through)


def test_what_is_prepared(monkeypatch: pytest.MonkeyPatch) -> None:
    """For each contestant of a measure, and for the origin server itself, a request a key."""
    monkeypatch.setattr(contest, "KEYS", len(PATHS))
    rules = "routes:\n  - path: /{path...}\n"
    with running_origin() as origin, running_proxy("--upstream", origin.url, config=rules) as proxy:
        seeded(origin)
        standings = {contest.STRAIGHT: Standing(origin.url, 0), MEMORY: Standing(proxy.url, 0)}
        measure = contest.Measure("some", (MEMORY,), WRITE.asks, 204)
        made = prepared(standings, [measure])
    assert made.keys() == {("some", contest.STRAIGHT), ("some", MEMORY)}
    assert [b"If-Match" in each for each in made["some", MEMORY]] == [True, True]
    assert [b"If-Match" in each for each in made["some", contest.STRAIGHT]] == [False, False]


@pytest.mark.parametrize("wrong", [0, 1, 2])
def test_a_turn_with_wrong_answers(monkeypatch: pytest.MonkeyPatch, wrong: int) -> None:
    """It is noted and played again; what counts is the one without."""
    monkeypatch.setattr(contest, "SETTLING", 0)
    outcomes = iter([False] * wrong + [True])
    repeated: list[str] = []

    def play_once() -> Sample:
        if not next(outcomes):
            raise WrongAnswer("503")
        return Sample(1, 2, 3)

    assert settled(play_once, repeated) == Sample(1, 2, 3)
    assert repeated == ["503"] * wrong


def test_too_many_turns_with_wrong_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever answers wrongly each time has no figure."""
    monkeypatch.setattr(contest, "SETTLING", 0)

    def play_once() -> Sample:
        raise WrongAnswer("503")

    with pytest.raises(WrongAnswer, match="503"):
        settled(play_once, [])


def test_delays() -> None:
    """In microseconds, the slow ones not below the middle; and CPU time is that of the contestant."""
    with running_origin() as origin, running_proxy("--upstream", origin.url) as proxy:
        seeded(origin)
        requests = [READ.asks(proxy.url, each) for each in learn(proxy.url, PATHS, guarded=True)]
        found = delay(proxy.url, requests, READ.status, 20)
        own, stores = contest.spent(Standing(proxy.url, proxy.child.pid))
    assert 0 < found.middle <= found.slow
    assert own > 0
    assert stores == 0
