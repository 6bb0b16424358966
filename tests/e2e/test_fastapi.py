"""FastAPI's tutorial under uvicorn, guarded without any configuration but the address, driven by httpx."""

import signal
from collections.abc import Iterator
from itertools import count

import httpx
import pytest

from tests.e2e.racing import basis, race
from tests.support.child import PATIENCE, Child, python
from tests.support.processes import running_proxy

WRITERS, ROUNDS = 8, 20
NUMBERS = count(1)


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    """Run the tutorial's API; each test makes its own items there."""
    child = Child(python("-m", "uvicorn", "--port", "0", "tests.e2e.fastapi_tutorial.main:app"))
    try:
        yield child.line(r"running on (http://\S+)")[1]
    finally:
        code = child.stop()
    assert code in {0, -signal.SIGTERM}, child.stderr


@pytest.fixture(scope="module")
def proxy(origin: str) -> Iterator[str]:
    """Run the proxy in front of it."""
    with running_proxy("--upstream", origin) as running:
        yield running.url


@pytest.fixture
def user(proxy: str) -> Iterator[httpx.Client]:
    """A client of the proxy."""
    with client(proxy) as connected:
        yield connected


@pytest.fixture
def item(user: httpx.Client) -> str:
    """The path of a new item."""
    path = f"/items/item-{next(NUMBERS)}"
    assert user.put(path, json={"name": "first"}, headers={"If-None-Match": "*"}).status_code == 200
    return path


def client(url: str) -> httpx.Client:
    """Return a client."""
    return httpx.Client(base_url=url, timeout=PATIENCE, trust_env=False)


def test_an_item_has_a_tag(origin: str, user: httpx.Client, item: str) -> None:
    """FastAPI sends no ETag; through the proxy the same representation has one, by which it is not sent again."""
    with client(origin) as straight:
        bare = straight.get(item)
    tagged = user.get(item)
    assert "ETag" not in bare.headers
    assert tagged.content == bare.content
    assert user.get(item, headers={"If-None-Match": tagged.headers["ETag"]}).status_code == 304


def test_an_item_is_created_once(user: httpx.Client, item: str) -> None:
    """PUT creates here, so If-None-Match: * keeps the second creator from undoing what the first has done."""
    again = user.put(item, json={"name": "second"}, headers={"If-None-Match": "*"})
    assert (again.status_code, again.headers["ETag"]) == (412, user.get(item).headers["ETag"])
    assert user.get(item).json()["name"] == "first"


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_one_tag_serves_one_write(user: httpx.Client, item: str, method: str) -> None:
    """The first write with a tag is done, the second refused with the tag of what the first has left."""
    based = basis(user, item)
    first = user.request(method, item, json={"name": "a", "price": 2}, headers=based)
    assert (first.status_code, first.json()) == (200, {"name": "a", "price": 2.0, "stars": 0})
    second = user.request(method, item, json={"name": "b"}, headers=based)
    assert second.status_code == 412
    assert second.json()["current_etag"] == basis(user, item)["If-Match"] != based["If-Match"]
    assert user.get(item).json() == first.json()


def test_fastapi_refuses_what_is_wrong(user: httpx.Client, item: str) -> None:
    """With the current tag, a mistake is told by FastAPI itself, and the tag stays good."""
    based = basis(user, item)
    answer = user.patch(item, json={"stars": "many"}, headers=based)
    assert (answer.status_code, answer.json()["detail"][0]["loc"]) == (422, ["body", "stars"])
    assert user.patch(item, json={"stars": 5}, headers=based).status_code == 200


def test_only_what_was_seen_is_deleted(user: httpx.Client, item: str) -> None:
    """DELETE with an old tag is refused, with the current one done; afterwards FastAPI's own 404 is the answer."""
    old = basis(user, item)
    user.patch(item, json={"stars": 1}, headers=old)
    assert user.delete(item, headers=old).status_code == 412
    assert user.delete(item, headers=basis(user, item)).status_code == 204
    for answer in (user.get(item), user.delete(item, headers=old)):
        assert (answer.status_code, answer.json()) == (404, {"detail": "Item not found"})


def test_racing_writers_lose_nothing(proxy: str, user: httpx.Client, item: str) -> None:
    """G1: each writer goes at its own pace, all write what they read plus one, and every accepted star is there."""
    statuses = race(lambda: client(proxy), [item] * WRITERS, ROUNDS, in_step=False)
    assert set(statuses) <= {200, 412}
    assert statuses.total() == WRITERS * ROUNDS
    assert user.get(item).json()["stars"] == statuses[200]


@pytest.mark.parametrize("guarded", [True, False])
def test_writers_in_step(proxy: str, origin: str, user: httpx.Client, item: str, guarded: bool) -> None:
    """G1: of writers with one tag one succeeds; straight to FastAPI all do, and a single one's star is left."""
    url = proxy if guarded else origin
    statuses = race(lambda: client(url), [item] * WRITERS, ROUNDS, in_step=True)
    assert statuses == ({200: ROUNDS, 412: (WRITERS - 1) * ROUNDS} if guarded else {200: WRITERS * ROUNDS})
    assert user.get(item).json()["stars"] == ROUNDS
