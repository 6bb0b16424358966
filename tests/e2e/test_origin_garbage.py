"""An origin server that answers garbage, too much, or twice: through the running proxy, read and written.

After each such answer the next request is unharmed, on the connections that are left.
"""

from collections.abc import Iterator
from http.client import HTTPException
from itertools import count

import pytest

from tests.support.clients import Heard, ask
from tests.support.processes import ProxyHandle, running_proxy
from tests.support.wire_origin import MINE, WireOrigin, wire_origin
from tests.support.wires import BAD, GOOD, Bad, Good

CONFIG = "upstream: {upstream}\nroutes:\n  - path: /wiki/{{id}}\n    etag_on_write: never\n"
PAGES = count()
THEIRS = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 6\r\n\r\ntheirs"
ENDING = {name: row for name, row in GOOD.items() if row.method == "GET" and not row.until_close and not row.interim}
# The client of these tests takes an interim response for the answer.
RELAYED = {name: row for name, row in BAD.items() if not row.wire.startswith(b"HTTP/1.1 103 A\r\n\r\n")}


@pytest.fixture(scope="module")
def origin() -> Iterator[WireOrigin]:
    """Run an origin server that answers bytes."""
    with wire_origin() as running:
        yield running


@pytest.fixture(scope="module")
def proxy(origin: WireOrigin) -> Iterator[ProxyHandle]:
    """Run the proxy before it."""
    with running_proxy(config=CONFIG.format(upstream=origin.url)) as running:
        yield running


@pytest.fixture
def page() -> str:
    """Return a path of its own."""
    return f"/wiki/{next(PAGES)}"


def put(proxy: ProxyHandle, page: str, tag: str) -> Heard:
    """Write a page."""
    return ask(proxy.url, "PUT", page, b"new", If_Match=tag)


def unharmed(proxy: ProxyHandle) -> None:
    """The next requests get their own answers: one that is relayed, one that is observed, one that is guarded."""
    fine = f"/wiki/{next(PAGES)}"
    heard = [ask(proxy.url, "GET", path) for path in ("/open", fine)]
    assert [(each.status, each.content) for each in heard] == [(200, b"mine")] * 2
    assert put(proxy, fine, heard[1].fields["etag"]).status == 200


def assert_failed(heard: Heard, kind: str) -> None:
    """Check a problem document."""
    assert heard.status == 502
    assert f'"urn:ifmatch:problem:{kind}"'.encode() in heard.content


@pytest.mark.parametrize("row", BAD.values(), ids=BAD.keys())
def test_what_is_no_answer(origin: WireOrigin, proxy: ProxyHandle, page: str, row: Bad) -> None:
    """502, to a reader, to a writer whose selection it is (nothing was sent), to one whose write it is (unknown)."""
    tag = ask(proxy.url, "GET", page).fields["etag"]
    origin.answers["GET", page] = row.wire
    assert_failed(ask(proxy.url, "GET", page), "upstream-unanswered")
    unharmed(proxy)
    assert_failed(put(proxy, page, tag), "upstream-unanswered")
    assert ("PUT", page) not in origin.asked
    unharmed(proxy)
    del origin.answers["GET", page]
    origin.answers["PUT", page] = row.wire
    assert_failed(put(proxy, page, tag), "outcome-unknown")
    assert origin.asked.count(("PUT", page)) == 1
    unharmed(proxy)


@pytest.mark.parametrize("row", RELAYED.values(), ids=RELAYED.keys())
def test_what_is_no_answer_to_what_is_relayed(origin: WireOrigin, proxy: ProxyHandle, page: str, row: Bad) -> None:
    """502 where its head is wrong; an answer that breaks off, and never looks whole, where its content is."""
    path = page.replace("/wiki", "/open")
    origin.answers["GET", path] = row.wire
    if row.late:
        with pytest.raises((HTTPException, ConnectionError)):
            ask(proxy.url, "GET", path)
    else:
        assert_failed(ask(proxy.url, "GET", path), "upstream-unanswered")
    unharmed(proxy)


@pytest.mark.parametrize("row", ENDING.values(), ids=ENDING.keys())
@pytest.mark.parametrize("place", ["/open", "/wiki"])
def test_two_answers_to_one_request(origin: WireOrigin, proxy: ProxyHandle, page: str, row: Good, place: str) -> None:
    """The first one counts; nothing of the second is content of it, or the answer to anybody else."""
    path = page.replace("/wiki", place)
    origin.answers["GET", path] = row.wire + THEIRS
    heard = ask(proxy.url, "GET", path)
    assert (heard.status, heard.content) == (row.status, row.content)
    unharmed(proxy)


def test_the_control(origin: WireOrigin, proxy: ProxyHandle, page: str) -> None:
    """Without any of it all is well, so that what is wrong above is what was answered."""
    origin.answers["GET", page] = MINE
    unharmed(proxy)
    assert put(proxy, page, ask(proxy.url, "GET", page).fields["etag"]).status == 200
