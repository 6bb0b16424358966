"""Readers and writers who like different representations of one resource, with a store that is emptied in between."""

import io
import signal
from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import httpx
import pytest

from proxy.cli import vouching
from tests.support.child import PATIENCE, Child, python
from tests.support.processes import ProxyHandle, running_proxy
from tests.support.redis_server import RedisHandle
from tests.support.stores import running_redis

RULES = """
upstream: {upstream}
store: {store}
tag_key: a secret of the tests
routes:
  - path: /records/{{id}}
    etag_on_write: always
    trust: 1h
"""

NUMBERS = count(1)
JSON, XML = {"Accept": "application/json"}, {"Accept": "application/xml;q=1, */*;q=0.1"}
GERMAN = {"Accept-Language": "de"}


@pytest.fixture(scope="module")
def store() -> Iterator[RedisHandle]:
    """A store."""
    with running_redis() as handle:
        yield handle


@pytest.fixture(scope="module")
def rules(store: RedisHandle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The configuration, before an API that negotiates."""
    child = Child(python("-m", "uvicorn", "--port", "0", "tests.e2e.negotiating.main:app"))
    try:
        upstream = child.line(r"running on (http://\S+)")[1]
        path = tmp_path_factory.mktemp("rules") / "ifmatch.yaml"
        path.write_text(RULES.format(upstream=upstream, store=store.url), "utf-8")
        yield path
    finally:
        code = child.stop()
    assert code in {0, -signal.SIGTERM}, child.stderr


@pytest.fixture(scope="module")
def proxy(rules: Path) -> Iterator[ProxyHandle]:
    """Run the proxy, vouched for."""
    with running_proxy(str(rules)) as running:
        vouch(rules)
        yield running


@pytest.fixture
def user(proxy: ProxyHandle) -> Iterator[httpx.Client]:
    """A client of the proxy."""
    with httpx.Client(base_url=proxy.url, timeout=PATIENCE, trust_env=False) as connected:
        yield connected


@pytest.fixture
def empty(store: RedisHandle, rules: Path, proxy: ProxyHandle) -> Callable[[], None]:
    """Make the store forget everything, on the word of an operator that nobody writes."""
    assert proxy.url

    def emptied() -> None:
        store.flush()
        vouch(rules)

    return emptied


@pytest.fixture
def record(user: httpx.Client) -> str:
    """The path of a new record."""
    path = f"/records/{next(NUMBERS)}"
    assert write(user, path, {}, "new").status_code == 204
    return path


def vouch(rules: Path) -> None:
    """Say that nobody writes, so that a store that is new or was emptied is used at once."""
    said = io.StringIO()
    assert vouching.vouch(str(rules), said) == 0, said.getvalue()


def write(user: httpx.Client, path: str, fields: dict[str, str], name: str) -> httpx.Response:
    """Write a record."""
    return user.put(path, params={"name": name, "stock": 1}, headers=fields)


@pytest.mark.parametrize(
    ("read", "wrote"),
    [(JSON, XML), (XML, JSON), (XML, {}), (XML | GERMAN, JSON), (JSON | GERMAN, XML)],
    ids=["json-xml", "xml-json", "xml-any", "german-xml-json", "german-json-xml"],
)
def test_a_writer_may_accept_something_else(
    empty: Callable[[], None], user: httpx.Client, record: str, read: dict[str, str], wrote: dict[str, str]
) -> None:
    """The tag says what it is a tag of: a good one is good, a stale one stale, though nothing is remembered."""
    shown = user.get(record, headers=read)
    tag = shown.headers["ETag"]
    assert shown.headers["Content-Type"].split(";")[0] in tag
    for name, status in (("first", 204), ("second", 412)):
        empty()
        assert write(user, record, wrote | {"If-Match": tag}, name).status_code == status
    assert "first" in user.get(record).text


def test_the_tag_in_the_answer_is_of_what_the_writer_had(user: httpx.Client, record: str) -> None:
    """So the next write needs no GET, whatever it accepts."""
    tag = user.get(record, headers=XML | GERMAN).headers["ETag"]
    for name in ("a", "b", "c"):
        answer = write(user, record, JSON | {"If-Match": tag}, name)
        assert (answer.status_code, "application/xml@de" in answer.headers["ETag"]) == (204, True)
        tag = answer.headers["ETag"]
    assert user.get(record, headers=XML | GERMAN).headers["ETag"] == tag


def test_each_representation_has_its_own_tag(user: httpx.Client, record: str) -> None:
    """Strong tags of one resource never name two sequences of bytes; a copy is current only as what it is."""
    wishes = [JSON, XML, JSON | GERMAN, XML | GERMAN]
    tags = [user.get(record, headers=wish).headers["ETag"] for wish in wishes]
    assert len(set(tags)) == 4
    for wish in wishes:
        statuses = [user.get(record, headers=wish | {"If-None-Match": tag}).status_code for tag in tags]
        assert sorted(statuses) == [200, 200, 200, 304]


def test_a_delete_needs_to_like_nothing(user: httpx.Client, record: str) -> None:
    """It has no content to negotiate about."""
    tag = user.get(record, headers=XML | GERMAN).headers["ETag"]
    assert user.delete(record, headers=JSON | {"If-Match": tag}).status_code == 204
    assert user.get(record).status_code == 404
