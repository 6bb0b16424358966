"""Datasette, which nobody here wrote: read under one URL, written under another, and timed in every answer.

`ifmatch probe` says what to configure, and the example that is shipped says the same. The database is read past
everyone, to tell what is so.
"""

import re
import subprocess
from collections.abc import Iterator

import httpx
import pytest
import yaml

from tests.e2e.datasette_origin.running import ROWS, Datasette, action, running_datasette
from tests.e2e.racing import basis, race
from tests.support.child import ROOT, python
from tests.support.processes import ProxyHandle, running_proxy

EXAMPLE = ROOT / "config/examples/datasette.yaml"
WRITERS, ROUNDS = 8, 10
STRONG = r'"[!-~]+"'
BARE = """
routes:
  - path: /{database}/{table}/{row}/-/update
    state: /{database}/{table}/{row}.json
  - path: /{database}/{table}/{row}
"""


@pytest.fixture(scope="module")
def datasette(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Datasette]:
    """Run Datasette; each test makes its own row there."""
    with running_datasette(tmp_path_factory.mktemp("datasette")) as running:
        yield running


@pytest.fixture(scope="module")
def proxy(datasette: Datasette) -> Iterator[ProxyHandle]:
    """Run the proxy in front of it as the shipped example says."""
    with running_proxy(str(EXAMPLE), "--upstream", datasette.url) as running:
        yield running


@pytest.fixture
def ada(datasette: Datasette, proxy: ProxyHandle) -> Iterator[httpx.Client]:
    """The one who may write."""
    with datasette.client(proxy.url) as user:
        yield user


@pytest.fixture
def key(datasette: Datasette) -> int:
    """The key of a new row."""
    return datasette.new_row()


@pytest.fixture
def path(key: int) -> str:
    """Where its JSON is."""
    return f"/shop/snippets/{key}.json"


def assert_stale(answer: httpx.Response, current: dict[str, str]) -> None:
    """Check a refusal: the problem document, and the tag of the current state twice."""
    assert answer.status_code == 412
    assert answer.json()["type"] == "urn:ifmatch:problem:precondition-failed"
    assert answer.json()["outcome"] == "not-applied"
    assert answer.headers["ETag"] == answer.json()["current_etag"] == current["If-Match"]


def probed(datasette: Datasette, config: str, path: str) -> tuple[int, str, str]:
    """Probe a row; return the exit code, what is said, and the YAML that is proposed."""
    command = python("-m", "proxy", "probe", config, path, "--upstream", datasette.url, "--pause", "0.1")
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    said, found, proposed = done.stdout.partition("routes:\n")
    return done.returncode, said + done.stderr, found + proposed


def test_what_a_probe_proposes_makes_writes_succeed(
    datasette: Datasette, tmp_path_factory: pytest.TempPathFactory, key: int, path: str
) -> None:
    """Before, every write is refused, since no tag is ever current; with the YAML pasted as it is, none is."""
    config = tmp_path_factory.mktemp("probed") / "ifmatch.yaml"
    config.write_text(f"upstream: {datasette.url}\n{BARE}", "utf-8")
    with running_proxy(str(config)) as unprobed, datasette.client(unprobed.url) as user:
        assert {ROWS.write(user, path, 1, basis(user, path)).status_code for _ in range(5)} == {412}
    code, said, proposed = probed(datasette, str(config), path)
    assert (code, re.findall(r"^differs +(\S+):", said, re.MULTILINE)) == (1, ["/query_ms"])
    config.write_text(f"upstream: {datasette.url}\n{proposed}", "utf-8")
    with running_proxy(str(config)) as pasted, datasette.client(pasted.url) as user:
        assert [ROWS.write(user, path, stars, basis(user, path)).status_code for stars in range(1, 6)] == [200] * 5
    assert datasette.row(key) == ("first", 5)
    assert probed(datasette, str(config), path)[0] == 0


def test_the_example_is_what_a_probe_proposes(datasette: Datasette, path: str) -> None:
    """The route by which a row is read is stable, with the `etag` that is proposed where there is none."""
    code, said, proposed = probed(datasette, str(EXAMPLE), path)
    assert (code, proposed) == (0, ""), said
    sections = yaml.safe_load(EXAMPLE.read_text("utf-8"))["routes"]
    about_rows = [section.get("etag") for section in sections if "{row}" in section["path"]]
    assert about_rows == [None, None, {"canonical": "json", "ignore": ["/query_ms"]}]


def test_the_page_of_a_row_has_no_stable_tag(datasette: Datasette, path: str) -> None:
    """It shows the time its queries took, and a probe says that no `ignore` helps there."""
    code, said, proposed = probed(datasette, str(EXAMPLE), path.removesuffix(".json"))
    assert (code, proposed) == (1, "")
    assert "text/html; charset=utf-8 is none" in said


def test_a_row_has_a_tag(datasette: Datasette, ada: httpx.Client, path: str) -> None:
    """Datasette sends none; through the proxy the row has one, by which it is not sent again."""
    with datasette.client(datasette.url) as straight:
        assert "ETag" not in straight.get(path).headers
    tagged = ada.get(path)
    assert re.fullmatch(STRONG, tagged.headers["ETag"])
    assert ada.get(path, headers={"If-None-Match": tagged.headers["ETag"]}).status_code == 304


def test_one_tag_serves_one_write(datasette: Datasette, ada: httpx.Client, key: int, path: str) -> None:
    """The first write with a tag is in the database, and its answer has the next tag; the second is refused."""
    based = basis(ada, path)
    first = ROWS.write(ada, path, 1, based)
    assert (first.status_code, first.json()) == (200, {"ok": True})
    assert basis(ada, path) == {"If-Match": first.headers["ETag"]} != based
    assert_stale(ROWS.write(ada, path, 2, based), basis(ada, path))
    assert datasette.row(key) == ("first", 1)


def test_the_tag_in_the_answer_serves_the_next_write(ada: httpx.Client, path: str) -> None:
    """Who has just written may write again without another GET."""
    headers = basis(ada, path)
    for stars in (1, 2, 3):
        answer = ROWS.write(ada, path, stars, headers)
        assert answer.status_code == 200
        headers = {"If-Match": answer.headers["ETag"]}


def test_only_what_was_seen_is_deleted(datasette: Datasette, ada: httpx.Client, key: int, path: str) -> None:
    """A delete is a POST as well, and takes the same tag; afterwards Datasette's own 404 is the answer."""
    old = basis(ada, path)
    ROWS.write(ada, path, 1, old)
    current = basis(ada, path)
    assert_stale(ada.post(action(path, "delete"), json={}, headers=old), current)
    assert datasette.row(key) == ("first", 1)
    assert ada.post(action(path, "delete"), json={}, headers=current).status_code == 200
    assert datasette.row(key) is None
    for name in ("update", "delete"):
        gone = ada.post(action(path, name), json={"update": {"stars": 1}}, headers=current)
        assert (gone.status_code, gone.json()["ok"]) == (404, False)


def test_a_write_without_a_tag_is_refused(datasette: Datasette, ada: httpx.Client, key: int, path: str) -> None:
    """The example demands If-Match of every update and delete of a row."""
    assert ROWS.write(ada, path, 1, {}).status_code == 428
    assert ada.post(action(path, "delete"), json={}).status_code == 428
    assert datasette.row(key) == ("first", 0)


def test_the_tag_of_the_page_is_another_one(datasette: Datasette, ada: httpx.Client, key: int, path: str) -> None:
    """Who has read the page has no tag for the row: the write is refused, not let through."""
    based = basis(ada, path.removesuffix(".json"))
    assert_stale(ROWS.write(ada, path, 1, based), basis(ada, path))
    assert datasette.row(key) == ("first", 0)


def test_datasette_says_who_may_write(
    datasette: Datasette, proxy: ProxyHandle, ada: httpx.Client, key: int, path: str
) -> None:
    """Where everybody may read, a write with the current tag is refused by Datasette itself."""
    based = basis(ada, path)
    with datasette.client(proxy.url, known=False) as nobody:
        answer = ROWS.write(nobody, path, 1, based)
    assert (answer.status_code, answer.json()["error"]) == (403, "Permission denied")
    assert datasette.row(key) == ("first", 0)


@pytest.mark.parametrize("spelling", ["{}", "0{}", "+{}", "{}e0", "{}0e-1", "~3{}", "{}.0"])
def test_racing_writers_lose_nothing(datasette: Datasette, proxy: ProxyHandle, key: int, spelling: str) -> None:
    """G1, I5: each writer goes at its own pace, all write what they read plus one, and every accepted star is there.

    Whichever spellings of a key Datasette and SQLite take for one, its writers exclude each other.
    """
    paths = [f"/shop/snippets/{name}.json" for name in (str(key), spelling.format(key))] * (WRITERS // 2)
    statuses = race(lambda: datasette.client(proxy.url), paths, ROUNDS, in_step=False, numbered=ROWS)
    assert set(statuses) <= {200, 412}
    assert statuses.total() == WRITERS * ROUNDS
    row = datasette.row(key)
    assert row is not None
    assert row[1] == statuses[200] >= ROUNDS


def test_of_writers_in_step_one_wins(datasette: Datasette, proxy: ProxyHandle, key: int, path: str) -> None:
    """G1: whenever all writers hold the same tag, exactly one of them succeeds."""
    statuses = race(lambda: datasette.client(proxy.url), [path] * WRITERS, ROUNDS, in_step=True, numbered=ROWS)
    assert statuses == {200: ROUNDS, 412: (WRITERS - 1) * ROUNDS}
    assert datasette.row(key) == ("first", ROUNDS)


def test_without_the_proxy_stars_are_lost(datasette: Datasette, key: int, path: str) -> None:
    """The control: straight to Datasette all of those writes succeed, and of each step's a single one is left."""
    statuses = race(lambda: datasette.client(datasette.url), [path] * WRITERS, ROUNDS, in_step=True, numbered=ROWS)
    assert statuses == {200: WRITERS * ROUNDS}
    assert datasette.row(key) == ("first", ROUNDS)
