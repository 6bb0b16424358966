"""How the store stands is said when it changes, and once; what it refuses is said once, too."""

import pytest
from redis.exceptions import ResponseError

from proxy.adapters.redis.standing import REFUSALS, Report, Standing
from tests.adapters.redis.members import Heard

USABLE, QUARANTINED, UNREACHABLE, REFUSED = (
    Standing.USABLE,
    Standing.QUARANTINED,
    Standing.UNREACHABLE,
    Standing.REFUSED,
)


def reported(*stood: tuple[Standing, str]) -> Heard:
    """Return what is heard when the store stands like that, one after the other."""
    heard = Heard()
    report = Report(heard.lines.append, heard.standings.append)
    for standing, why in stood:
        report.stands(standing, why)
    return heard


def test_a_store_that_is_well_from_the_start_is_no_news() -> None:
    """The program hears of it, people do not."""
    assert reported((USABLE, "0 s"), (USABLE, "0 s")) == Heard(standings=[USABLE])


def test_each_change_is_said_once() -> None:
    """However often the store is looked at, and however long a quarantine still takes."""
    heard = reported(
        *((UNREACHABLE, "unreachable"), (UNREACHABLE, "unreachable"), (QUARANTINED, "35 s"), (QUARANTINED, "34 s")),
        *((USABLE, "0 s"), (REFUSED, "do this"), (REFUSED, "do this"), (USABLE, "0 s")),
    )
    assert heard.standings == [UNREACHABLE, QUARANTINED, USABLE, REFUSED, USABLE]
    assert heard.lines == [
        "store cannot be used (unreachable): guarded writes are refused, reads go on",
        "store is new, was restarted or replaced: guarded writes are refused for 35 s (see ifmatch vouch)",
        "store is usable: guarded writes go on",
        "store must not be used, guarded writes are refused: do this",
        "store is usable: guarded writes go on",
    ]


@pytest.mark.parametrize(
    ("reasons", "said"),
    [
        (["timeout", "unreachable", "timeout"], ["timeout"]),
        (["unreachable", "no replica", "no replica"], ["unreachable", "no replica"]),
        (["no replica", "timeout", "no replica"], ["no replica"]),
        (["no replica", "out of memory"], ["no replica", "out of memory"]),
    ],
)
def test_another_reason_is_news(reasons: list[str], said: list[str]) -> None:
    """It is looked for elsewhere; two kinds of silence are one reason, and a moment of it takes nothing back."""
    heard = reported(*((UNREACHABLE, reason) for reason in reasons))
    assert heard.standings == [UNREACHABLE]
    assert [line.split("(")[1].split(")")[0] for line in heard.lines] == said


def test_what_is_done_instead() -> None:
    """Whoever goes on without the store is not told that writes are refused."""
    heard = Heard()
    report = Report(heard.lines.append, heard.standings.append)
    report.instead = "go on alone"
    report.stands(UNREACHABLE, "timeout")
    assert heard.lines == ["store cannot be used (timeout): guarded writes go on alone, reads go on"]


def test_what_is_refused_for_good_is_said_once() -> None:
    """A server that is being replaced refuses too, but the watch says that; and nobody is told without end."""
    heard = Heard()
    report = Report(heard.lines.append, heard.standings.append)
    report.refuses(ResponseError("NOREPLICAS Not enough good replicas to write."))
    for number in range(2 * REFUSALS):
        for _ in range(2):
            report.refuses(ResponseError(f"NOPERM this user has no permissions to run the '{number}' command"))
    assert len(heard.lines) == REFUSALS
    assert all("the ACL in docs/operations.md" in line for line in heard.lines)
