"""Each row of each system's table, through ifmatch and without it."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.seeds.__main__ import main
from tests.seeds.ed_fi import rows as ed_fi
from tests.seeds.hal import rows as hal
from tests.seeds.rows import Row, Seed
from tests.seeds.stage import Stage, staged
from tests.seeds.systems import SEEDS
from tests.seeds.wiki import rows as wiki

Stages = Callable[[Seed], Stage]

by_row = pytest.mark.parametrize(
    ("seed", "row"),
    [pytest.param(seed, row, id=f"{seed.name} {row.name}: {row.case}") for seed in SEEDS for row in seed.rows],
)


def stages(*, guarded: bool) -> Iterator[Stages]:
    """Yield what starts a system where it is first asked for, and ends all together."""
    running: dict[str, Stage] = {}
    with ExitStack() as stack:

        def stage(seed: Seed) -> Stage:
            if seed.name not in running:
                running[seed.name] = stack.enter_context(staged(seed.origin, seed.example, guarded=guarded))
            return running[seed.name]

        yield stage


@pytest.fixture(scope="module")
def through() -> Iterator[Stages]:
    """The systems with ifmatch in front, each as its example says."""
    yield from stages(guarded=True)


@pytest.fixture(scope="module")
def without() -> Iterator[Stages]:
    """The systems alone."""
    yield from stages(guarded=False)


@by_row
def test_row(through: Stages, seed: Seed, row: Row) -> None:
    """The case comes out as the table says."""
    assert row.got(through(seed)) == row.expected


@by_row
def test_a_row_needs_ifmatch(without: Stages, seed: Seed, row: Row) -> None:
    """The control: with ifmatch taken out the row does not come out, unless it says why it does all the same."""
    assert (row.got(without(seed)) == row.expected) == bool(row.alone)


def test_no_row_is_missing() -> None:
    """Each table has all its rows, in order, each with a name of its own."""
    named = {seed.name: [row.name for row in seed.rows] for seed in SEEDS}
    counts = {"halchemy": ("H", 8), "wiki": ("W", 7), "Ed-Fi": ("E", 16)}
    assert named == {name: [f"{letter}{n + 1}" for n in range(count)] for name, (letter, count) in counts.items()}


def test_a_tag_of_another_resource(through: Stages) -> None:
    """The client sends the tag of what a link was followed from; a customer's tag does not open their orders."""
    stage = through(hal.HAL)
    path = hal.customer(stage)
    stage.outsider.put(f"{path}/orders", json={"count": 1})
    with hal.connected(stage) as api:
        read = api.using_endpoint(path).get()
        refused = api.follow(read).to("orders").put({"count": 2})
    assert hal.sent(refused) == hal.tag(read)
    document = refused._halchemy.response.body  # noqa: SLF001 - where halchemy's documentation has it
    assert (document["status"], document["reason"]) == (412, "another-resource")
    assert stage.arrivals(f"{path}/orders") == []


def test_an_empty_page_is_refused_by_the_wiki(through: Stages) -> None:
    """The API's own checks speak where the precondition holds."""
    stage = through(wiki.WIKI)
    current = stage.client.get(path := wiki.page(stage)).headers["ETag"]
    assert wiki.said(wiki.put(stage.client, path, "", If_Match=current)) == (
        '400 {"message": "You need to pass some content!"}'
    )


def test_a_tag_of_before_is_refused(through: Stages) -> None:
    """A number without quotes, as Ed-Fi itself hands out and clients may still hold, is a tag that is not current."""
    stage = through(ed_fi.ED_FI)
    refused = ed_fi.send(stage.client, "PUT", ed_fi.item(stage), If_Match="-8588261538364775808")
    assert ed_fi.refusal(refused) == "412 + document"


def test_what_does_not_come_out_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    """A row that got something else says so in its table and in the sum, and the command fails."""
    rows = (Row("R1", "good", "200", lambda _: "200"), Row("R2", "bad", "200", lambda _: "500"))
    mixed, good = (Seed("wiki", wiki.WIKI.origin, wiki.WIKI.example, chosen) for chosen in (rows, rows[:1]))
    assert main([mixed]) == 1
    printed = capsys.readouterr().out.splitlines()
    assert [line.split() for line in printed if line.startswith("R")] == [
        ["R1", "good", "200", "200", "yes"],
        ["R2", "bad", "200", "500", "NO"],
    ]
    assert printed[-1] == "wiki 1/2"
    assert main([good]) == 0
