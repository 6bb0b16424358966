"""A page of another origin uses optimistic concurrency, before a real framework's own middleware and without one.

`Page` asks and judges as a browser does by https://fetch.spec.whatwg.org: a preflight before what is not simple, and an
answer that the page may not read is an error to it, whatever its status.
"""

import signal
from collections.abc import Iterator
from itertools import count

import httpx
import pytest

from tests.support.child import PATIENCE, Child, python
from tests.support.processes import running_proxy

APP, STRANGER = "https://app.example", "https://stranger.example"
NUMBERS = count(1)
SAFELISTED = {
    "cache-control",
    "content-language",
    "content-length",
    "content-type",
    "expires",
    "last-modified",
    "pragma",
}
CONFIG = f"""
routes:
  - path: /shared/off/notes/{{name}}
    cors: "off"
  - path: /shared/notes/{{name}}
    require: existing
  - path: /silent/notes/{{name}}
    require: existing
    cors: [{APP}]
"""


class Blocked(Exception):
    """The browser keeps the answer from the page."""


class Page:
    """A script of a page from `origin`. Its requests carry credentials unless told otherwise."""

    def __init__(self, client: httpx.Client, origin: str, *, credentials: bool = True) -> None:
        self._client = client
        self._origin = origin
        self._credentials = credentials

    def fetch(self, method: str, path: str, content: str | None = None, **headers: str) -> tuple[int, dict[str, str]]:
        """Return what the script sees: status, and the fields that it may read. Raised otherwise: `Blocked`."""
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        if names or method not in {"GET", "POST"}:
            self._preflight(method, path, sorted(name.lower() for name in names))
        answer = self._client.request(method, path, content=content, headers={**names, "Origin": self._origin})
        self._check(answer)
        exposed = {name.strip().lower() for name in answer.headers.get("Access-Control-Expose-Headers", "").split(",")}
        readable = SAFELISTED | (set(answer.headers) if "*" in exposed and not self._credentials else exposed)
        return answer.status_code, {name: value for name, value in answer.headers.items() if name in readable}

    def _preflight(self, method: str, path: str, names: list[str]) -> None:
        asked = {"Origin": self._origin, "Access-Control-Request-Method": method}
        if names:
            asked["Access-Control-Request-Headers"] = ",".join(names)
        answer = self._client.options(path, headers=asked)
        self._check(answer)
        if not answer.is_success:
            raise Blocked(f"preflight: {answer.status_code} {answer.text}")
        allowed = {
            kind: [name.strip().lower() for name in answer.headers.get(f"Access-Control-Allow-{kind}", "").split(",")]
            for kind in ("Methods", "Headers")
        }
        if method.lower() not in allowed["Methods"] or not set(names) <= set(allowed["Headers"]):
            raise Blocked(f"preflight: {allowed}")

    def _check(self, answer: httpx.Response) -> None:
        """Do the CORS check: one origin is allowed, it is this one, and credentials are where they were sent."""
        allowed = answer.headers.get_list("Access-Control-Allow-Origin")
        anyone = allowed == ["*"] and not self._credentials
        credentials = answer.headers.get("Access-Control-Allow-Credentials") == "true"
        if not anyone and (allowed != [self._origin] or (self._credentials and not credentials)):
            raise Blocked(f"{answer.status_code}: {answer.headers}")


@pytest.fixture(scope="module")
def origin() -> Iterator[str]:
    """Run the origin server."""
    child = Child(python("-m", "uvicorn", "--port", "0", "tests.e2e.cors_app.main:app"))
    try:
        yield child.line(r"running on (http://\S+)")[1]
    finally:
        code = child.stop()
    assert code in {0, -signal.SIGTERM}, child.stderr


@pytest.fixture(scope="module")
def client(origin: str) -> Iterator[httpx.Client]:
    """A connection of a browser to the proxy."""
    with (
        running_proxy("--upstream", origin, config=CONFIG) as proxy,
        httpx.Client(base_url=proxy.url, timeout=PATIENCE, trust_env=False) as connected,
    ):
        yield connected


@pytest.fixture
def note(client: httpx.Client) -> str:
    """The name of a new note."""
    name = f"note-{next(NUMBERS)}"
    assert client.put(f"/shared/notes/{name}", content="first", headers={"If-None-Match": "*"}).status_code == 204
    return name


@pytest.mark.parametrize("folder", ["shared", "silent"])
def test_a_page_reads_and_writes_by_tags(client: httpx.Client, note: str, folder: str) -> None:
    """It sees the tag and may send it; too late, it sees the tag of what is there now, and that one is good."""
    page, path = Page(client, APP), f"/{folder}/notes/{note}"
    status, fields = page.fetch("GET", path)
    assert (status, fields["etag"]) == (200, client.get(path).headers["ETag"])
    assert page.fetch("GET", path, If_None_Match=fields["etag"])[0] == 304
    assert page.fetch("PUT", path, "second", If_Match=fields["etag"], Content_Type="text/plain")[0] == 204
    refused, current = page.fetch("PUT", path, "third", If_Match=fields["etag"])
    assert (refused, current["etag"]) == (412, client.get(path).headers["ETag"])
    assert page.fetch("PUT", path, "third", If_Match=current["etag"])[0] == 204


@pytest.mark.parametrize("folder", ["shared", "silent"])
def test_a_page_is_told_that_a_precondition_is_missing(client: httpx.Client, note: str, folder: str) -> None:
    """428 and 400 are problems of the page, so it is let see them."""
    page, path = Page(client, APP), f"/{folder}/notes/{note}"
    assert page.fetch("PUT", path, "second")[0] == 428
    if folder == "silent":  # a field that cannot be read is refused before the origin server is asked who may read
        assert page.fetch("PUT", path, "second", If_Match='"x')[0] == 400


def test_what_the_framework_exposes_stays_exposed(client: httpx.Client, note: str) -> None:
    """The tag comes on top."""
    answer = client.get(f"/shared/notes/{note}", headers={"Origin": APP})
    assert answer.headers["Access-Control-Expose-Headers"] == "X-Total, ETag"


def test_the_framework_alone_refuses_the_preflight(origin: str, note: str) -> None:
    """The control: straight to it, no page could ever send If-Match, nor read a tag."""
    with httpx.Client(base_url=origin, timeout=PATIENCE, trust_env=False) as straight:
        page = Page(straight, APP)
        assert "etag" not in page.fetch("GET", f"/shared/notes/{note}")[1]
        with pytest.raises(Blocked, match="preflight: 400"):
            page.fetch("PUT", f"/shared/notes/{note}", "second", If_Match='"x"')


def test_off_leaves_the_framework_alone(client: httpx.Client) -> None:
    """With `cors: "off"` nothing is added anywhere."""
    asked = {"Origin": APP, "Access-Control-Request-Method": "PUT", "Access-Control-Request-Headers": "if-match"}
    assert client.options("/shared/off/notes/1", headers=asked).status_code == 400


@pytest.mark.parametrize("folder", ["shared", "silent"])
def test_a_stranger_gets_nothing(client: httpx.Client, note: str, folder: str) -> None:
    """Neither an answer nor a refusal, nor leave to write."""
    page, path = Page(client, STRANGER), f"/{folder}/notes/{note}"
    with pytest.raises(Blocked):
        page.fetch("GET", path)
    with pytest.raises(Blocked):
        page.fetch("PUT", path, "second", If_Match='"x"')
    refusal = client.put(path, content="x", headers={"Origin": STRANGER, "If-Match": '"x"'})
    assert refusal.status_code == 412
    assert "Access-Control-Allow-Origin" not in refusal.headers
