"""What a probe sends. How answers end and what is said of them is in `test_probing`."""

from pathlib import Path

import pytest

from proxy.cli.sampling import UnreadableError, answers, fields_of, question
from proxy.config import Settings, load
from proxy.core.fields import Fields
from proxy.core.representation import Absent
from proxy.errors import MalformedRequest
from proxy.ports import Budget, Content, InterimListener, LastCheck, Purpose, Reply
from tests.support.scripted import Canned

ROUTES = """
upstream: http://127.0.0.1:9000
routes:
  - path: /wiki/{id}
    methods: [PUT]
  - path: /ledger/{id}
    fence: Fence
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """Settings with a route for writes alone."""
    path = tmp_path / "ifmatch.yaml"
    path.write_text(ROUTES, "utf-8")
    return load(str(path), flags={}, environ={})


class Listening:
    """An upstream that notes when it was asked, between the pauses."""

    def __init__(self, absent_from: int = 100) -> None:
        self.heard: list[str] = []
        self.purposes: set[Purpose] = set()
        self._absent_from = absent_from

    async def send(
        self,
        request: object,
        content: Content | None,
        *,
        purpose: Purpose,
        budget: Budget,
        interim: InterimListener | None = None,
        check: LastCheck | None = None,
    ) -> Reply:
        self.heard.append("GET")
        self.purposes.add(purpose)
        return Canned(404 if len(self.heard) >= self._absent_from else 200, b"x")

    async def pause(self, seconds: float) -> None:
        """Note a pause and let no time pass."""
        self.heard.append(f"{seconds:g} s")


@pytest.mark.asyncio
async def test_two_bursts_with_a_pause_between(settings: Settings) -> None:
    """As often as was asked for, with nothing else in between."""
    upstream = Listening()
    first, second = await answers(upstream, question(settings, "/wiki/a", Fields()), 2, 1.5, upstream.pause)
    assert upstream.heard == ["GET", "GET", "1.5 s", "GET", "GET"]
    assert upstream.purposes == {Purpose.SELECT}
    assert [len(first), len(second)] == [2, 2]


@pytest.mark.asyncio
async def test_the_first_answer_without_a_representation_ends_it(settings: Settings) -> None:
    """It says which one that was, and what it shows."""
    upstream = Listening(absent_from=2)
    with pytest.raises(UnreadableError) as raised:
        await answers(upstream, question(settings, "/wiki/a", Fields()), 3, 0, upstream.pause)
    assert isinstance(raised.value.selected, Absent)
    assert raised.value.number == len(upstream.heard) == 2


def test_a_route_for_writes_speaks_for_its_resource(settings: Settings) -> None:
    """Who probes a URL wants to know what guards it, though the request itself is a GET."""
    asked = question(settings, "/wiki/a", Fields())
    assert asked.match.route.name == "PUT /wiki/{id}"
    assert asked.selection.method == "GET"


def test_a_field_for_the_fence_is_no_field_of_the_client(settings: Settings) -> None:
    """A selection leaves it out, as the proxy does."""
    assert "fence" not in question(settings, "/ledger/a", Fields([("Fence", "9")])).selection.fields


@pytest.mark.parametrize("lines", [[("If_Match", '"x"')], [("Host", "a b")], [("Content-Length", "x")]])
def test_fields_that_the_proxy_refuses(settings: Settings, lines: list[tuple[str, str]]) -> None:
    """They are refused here in the same words."""
    with pytest.raises(MalformedRequest):
        question(settings, "/wiki/a", Fields(lines))


@pytest.mark.parametrize(
    ("line", "expected"),
    [("A: b", ("A", "b")), ("A:b:c", ("A", "b:c")), ("A:", ("A", "")), ("A: \t b ", ("A", "b")), ("A: é", ("A", "Ã©"))],
)
def test_a_field_line_is_read(line: str, expected: tuple[str, str]) -> None:
    """White space around a value is none of it; a character is sent as UTF-8."""
    assert fields_of([line]).lines == (expected,)


@pytest.mark.parametrize("line", ["", "A", ": b", "A : b", "Ä: b", "A: b\nC: d"])
def test_a_line_that_is_no_field_is_refused(line: str) -> None:
    """Nothing else gets into the head of a request."""
    with pytest.raises(ValueError, match="is not 'Name: value'"):
        fields_of([line])
