"""An API that nobody here wrote: Django REST framework serves the models of its own tutorials, driven by httpx.

The proxy reads the example that is shipped for such an API. The database is read past everyone, to tell what is so.
"""

import re
from collections.abc import Iterator

import httpx
import pytest

from tests.e2e.django_tutorial.clients import ADA, GRACE, User, client, path_of
from tests.e2e.django_tutorial.running import Snippet, Tutorial, running_tutorial
from tests.e2e.racing import basis, race
from tests.support.child import ROOT
from tests.support.processes import ProxyHandle, running_proxy

EXAMPLE = ROOT / "config/examples/django-rest-framework.yaml"
WRITERS, ROUNDS = 8, 20
STRONG = r'"[!-~]+"'


@pytest.fixture(scope="module")
def tutorial(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tutorial]:
    """Run the API; each test makes its own resources there."""
    with running_tutorial(tmp_path_factory.mktemp("tutorial") / "db.sqlite3") as running:
        yield running


@pytest.fixture(scope="module")
def proxy(tutorial: Tutorial) -> Iterator[ProxyHandle]:
    """Run the proxy in front of it as the shipped example says."""
    with running_proxy(str(EXAMPLE), "--upstream", tutorial.url) as running:
        yield running


@pytest.fixture
def ada(proxy: ProxyHandle) -> Iterator[httpx.Client]:
    """The owner of all snippets."""
    with client(proxy.url, ADA) as owner:
        yield owner


@pytest.fixture
def snippet(ada: httpx.Client) -> Snippet:
    """A new snippet."""
    created: Snippet = ada.post("/snippets/", json={"title": "first", "code": "print(1)"}).json()
    return created


def stars(tutorial: Tutorial, snippet: Snippet) -> int:
    """Return how many stars a snippet has in the database."""
    row = tutorial.row(snippet)
    assert row is not None
    counted: int = row["stars"]
    return counted


def assert_stale(answer: httpx.Response, current: dict[str, str]) -> None:
    """Check a refusal: the problem document, and the tag of the current state twice."""
    assert answer.status_code == 412
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert answer.json()["type"] == "urn:ifmatch:problem:precondition-failed"
    assert answer.json()["outcome"] == "not-applied"
    assert answer.headers["ETag"] == answer.json()["current_etag"] == current["If-Match"]


def test_a_snippet_has_a_tag(tutorial: Tutorial, ada: httpx.Client, snippet: Snippet) -> None:
    """Django sends no ETag; through the proxy the same representation has a strong one."""
    with client(tutorial.url) as straight:
        bare = straight.get(path_of(snippet))
    tagged = ada.get(path_of(snippet))
    assert "ETag" not in bare.headers
    assert re.fullmatch(STRONG, tagged.headers["ETag"])
    assert (tagged.status_code, tagged.content) == (200, bare.content)
    assert tagged.headers["Vary"] == bare.headers["Vary"]


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_one_tag_serves_one_write(tutorial: Tutorial, ada: httpx.Client, snippet: Snippet, method: str) -> None:
    """The first write with a tag is in the database, and its answer has the next tag; the second is refused."""
    based = basis(ada, path_of(snippet))
    first = ada.request(method, path_of(snippet), json={"title": "a", "code": "one"}, headers=based)
    assert (first.status_code, first.json()) == (200, snippet | {"title": "a", "code": "one"})
    assert basis(ada, path_of(snippet)) == {"If-Match": first.headers["ETag"]} != based
    second = ada.request(method, path_of(snippet), json={"title": "b", "code": "two"}, headers=based)
    assert_stale(second, basis(ada, path_of(snippet)))
    assert tutorial.row(snippet) == {"title": "a", "code": "one", "language": "python", "stars": 0}
    assert tutorial.arrivals(path_of(snippet)).count(method) == 1


def test_the_tag_in_the_answer_serves_the_next_write(ada: httpx.Client, snippet: Snippet) -> None:
    """Who has just written may write again without another GET."""
    headers = basis(ada, path_of(snippet))
    for counted in range(3):
        answer = ada.patch(path_of(snippet), json={"stars": counted}, headers=headers)
        assert answer.status_code == 200
        headers = {"If-Match": answer.headers["ETag"]}


def test_only_what_was_seen_is_deleted(tutorial: Tutorial, ada: httpx.Client, snippet: Snippet) -> None:
    """DELETE with an old tag is refused, with the current one done; afterwards Django's own 404 is the answer."""
    old = basis(ada, path_of(snippet))
    ada.patch(path_of(snippet), json={"stars": 1}, headers=old)
    current = basis(ada, path_of(snippet))
    assert_stale(ada.delete(path_of(snippet), headers=old), current)
    assert tutorial.row(snippet) is not None
    assert ada.delete(path_of(snippet), headers=current).status_code == 204
    assert tutorial.row(snippet) is None
    gone = ada.get(path_of(snippet))
    assert (gone.status_code, "ETag" in gone.headers) == (404, False)
    for method in ("PUT", "PATCH", "DELETE"):
        answer = ada.request(method, path_of(snippet), headers=current)
        assert (answer.status_code, answer.content) == (404, gone.content)


def test_a_write_without_a_tag_is_refused(tutorial: Tutorial, ada: httpx.Client, snippet: Snippet) -> None:
    """The example demands If-Match of every write to a snippet; what lacks it does not reach Django."""
    for method in ("PUT", "PATCH", "DELETE"):
        assert ada.request(method, path_of(snippet), json={"code": "blind"}).status_code == 428
    assert set(tutorial.arrivals(path_of(snippet))) == {"GET"}


def test_creation_passes(proxy: ProxyHandle, ada: httpx.Client) -> None:
    """POST is answered by Django's 201, whose Location leads through the proxy to the new resource."""
    created = ada.post("/groups/", json={"name": "authors"})
    assert created.status_code == 201
    assert created.headers["Location"] == created.json()["url"]
    assert created.headers["Location"].startswith(f"{proxy.url}/groups/")
    assert re.fullmatch(STRONG, ada.get(created.headers["Location"]).headers["ETag"])


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_what_is_known_is_not_sent_again(ada: httpx.Client, snippet: Snippet, method: str) -> None:
    """If-None-Match with the current tag is answered 304, with an old one 200."""
    based = basis(ada, path_of(snippet))
    known = {"If-None-Match": based["If-Match"]}
    unchanged = ada.request(method, path_of(snippet), headers=known)
    assert (unchanged.status_code, unchanged.content) == (304, b"")
    assert unchanged.headers["ETag"] == based["If-Match"]
    ada.patch(path_of(snippet), json={"stars": 1}, headers=based)
    assert ada.request(method, path_of(snippet), headers=known).status_code == 200


def test_a_list_has_a_tag_for_each_page(ada: httpx.Client, snippet: Snippet) -> None:
    """A page that is known is not sent again until what it shows has changed; another page's tag does not count."""
    known = {"If-None-Match": ada.get("/snippets/?page=1").headers["ETag"]}
    assert ada.get("/snippets/?page=1", headers=known).status_code == 304
    assert ada.get("/snippets/", headers=known).status_code == 200
    ada.post("/snippets/", json={"code": "another"})
    assert ada.get("/snippets/?page=1", headers=known).status_code == 200


def test_white_space_is_no_change(ada: httpx.Client, snippet: Snippet) -> None:
    """A client that has JSON indented by Django shares its tags with one that has not."""
    indented = ada.get(path_of(snippet), headers={"Accept": "application/json; indent=4"})
    assert indented.content != ada.get(path_of(snippet)).content
    based = {"If-Match": indented.headers["ETag"]}
    assert ada.patch(path_of(snippet), json={"stars": 1}, headers=based).status_code == 200


@pytest.mark.parametrize(
    ("media_type", "content", "status"),
    [
        ("application/json", b'{"code": "x", "language": "latin"}', 400),
        ("application/json", b'{"code": ', 400),
        ("text/csv", b"code,x", 415),
    ],
)
def test_django_refuses_what_is_wrong(
    ada: httpx.Client, snippet: Snippet, media_type: str, content: bytes, status: int
) -> None:
    """With the current tag, a mistake is told by Django itself, and the tag stays good."""
    based = basis(ada, path_of(snippet))
    answer = ada.put(path_of(snippet), content=content, headers=based | {"Content-Type": media_type})
    assert answer.status_code == status
    assert answer.headers["Content-Type"] == "application/json"
    assert answer.json().keys() <= {"detail", "language"}
    assert ada.put(path_of(snippet), json={"code": "right"}, headers=based).status_code == 200


@pytest.mark.parametrize(("who", "status"), [(None, 401), (GRACE, 403)])
def test_django_says_who_may_write(
    proxy: ProxyHandle, ada: httpx.Client, snippet: Snippet, who: User | None, status: int
) -> None:
    """Where everybody may read, a write with the current tag is refused by Django itself, and the tag stays good."""
    based = basis(ada, path_of(snippet))
    with client(proxy.url, who) as other:
        for method in ("PUT", "PATCH", "DELETE"):
            answer = other.request(method, path_of(snippet), json={"code": "theirs"}, headers=based)
            assert (answer.status_code, list(answer.json())) == (status, ["detail"])
            assert ("WWW-Authenticate" in answer.headers) == (status == 401)
            assert "Proxy-Status" not in answer.headers
    assert ada.patch(path_of(snippet), json={"stars": 1}, headers=based).status_code == 200


@pytest.mark.parametrize("who", [None, ("ada", "guessed")])
def test_django_says_who_may_read(tutorial: Tutorial, proxy: ProxyHandle, ada: httpx.Client, who: User | None) -> None:
    """Where only users may read, nobody else learns whether a tag is current, and no write of theirs is forwarded."""
    group = ada.post("/groups/", json={"name": f"readers without {who}"}).headers["Location"]
    path = group.removeprefix(proxy.url)
    with client(proxy.url, who) as other:
        for based in (basis(ada, path), {"If-Match": '"guessed"'}, {"If-Match": "*"}, {}):
            answer = other.put(path, json={"name": "theirs"}, headers=based)
            assert (answer.status_code, list(answer.json())) == (401, ["detail"])
            assert "WWW-Authenticate" in answer.headers
            assert "not forwarded" in answer.headers["Proxy-Status"]
    assert set(tutorial.arrivals(path)) == {"GET"}


@pytest.mark.parametrize("spelling", ["{}/", "{}.json", "0{}/", "+{}/", "%20{}/"])
def test_racing_writers_lose_nothing(tutorial: Tutorial, proxy: ProxyHandle, snippet: Snippet, spelling: str) -> None:
    """G1, I5: each writer goes at its own pace, all write what they read plus one, and every accepted star is there.

    Whichever spellings of a key the router and `int` take for one, its writers exclude each other.
    """
    other = "/snippets/" + spelling.format(snippet["id"])
    paths = [path_of(snippet), other] * (WRITERS // 2)
    statuses = race(lambda: client(proxy.url), paths, ROUNDS, in_step=False)
    assert set(statuses) <= {200, 412}
    assert statuses.total() == WRITERS * ROUNDS
    assert stars(tutorial, snippet) == statuses[200]


def test_of_writers_in_step_one_wins(tutorial: Tutorial, proxy: ProxyHandle, snippet: Snippet) -> None:
    """G1: whenever all writers hold the same tag, exactly one of them succeeds."""
    statuses = race(lambda: client(proxy.url), [path_of(snippet)] * WRITERS, ROUNDS, in_step=True)
    assert statuses == {200: ROUNDS, 412: (WRITERS - 1) * ROUNDS}
    assert stars(tutorial, snippet) == ROUNDS


def test_without_the_proxy_stars_are_lost(tutorial: Tutorial, snippet: Snippet) -> None:
    """The control: straight to Django all of those writes succeed, and of each step's a single one is left."""
    statuses = race(lambda: client(tutorial.url), [path_of(snippet)] * WRITERS, ROUNDS, in_step=True)
    assert statuses == {200: WRITERS * ROUNDS}
    assert stars(tutorial, snippet) == ROUNDS
