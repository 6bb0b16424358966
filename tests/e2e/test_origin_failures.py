"""The origin server dies before, while and after it applies a write, answers late, or half.

What the writer is told, how often the origin server saw the write, and that the next writer is decided by the truth.
"""

import json
from collections.abc import Iterator

import pytest

from tests.support.clients import Heard, ask
from tests.support.ledger import Stage
from tests.support.processes import OriginHandle, ProxyHandle, running_origin, running_proxy

PAGE = "/page"
CONFIG = """
upstream: {upstream}
routes:
  - path: /{{path...}}
    timeouts: {{connect: 1s, select: 1s, perform: 1s, settle: 1s}}
    lock: {{wait: {wait}, read: 2s, write: 7s}}
"""


@pytest.fixture
def origin() -> Iterator[OriginHandle]:
    """Run an origin server that holds a page."""
    with running_origin() as running:
        running.seed(PAGE, b"old")
        yield running


@pytest.fixture
def proxy(origin: OriginHandle) -> Iterator[ProxyHandle]:
    """Run a proxy before it, in a hurry."""
    with running_proxy(config=CONFIG.format(upstream=origin.url, wait="250ms")) as running:
        yield running


def put(proxy: ProxyHandle, content: bytes, tag: str) -> Heard:
    """Write the page."""
    return ask(proxy.url, "PUT", PAGE, content, If_Match=tag)


def problem(heard: Heard) -> dict[str, object]:
    """Return the problem document of an answer."""
    assert heard.fields["content-type"] == "application/problem+json"
    document = json.loads(heard.content)
    assert isinstance(document, dict)
    return document


@pytest.mark.parametrize(
    ("knob", "status"),
    [
        ({"drop_before_apply": True}, 502),
        ({"drop_after_apply": True}, 502),
        ({"truncate": True}, 502),
        ({"hold_before_apply": True}, 504),
        ({"hold_after_apply": True}, 504),
    ],
)
def test_a_write_without_a_whole_answer(
    origin: OriginHandle, proxy: ProxyHandle, knob: dict[str, object], status: int
) -> None:
    """G3, I4: it is told as unknown and was sent once; the next writer is kept out, and told when to come again."""
    tag = ask(proxy.url, "GET", PAGE).fields["etag"]
    origin.knobs(PUT={**knob, "times": 1})
    heard = put(proxy, b"first", tag)
    assert heard.status == status
    assert problem(heard)["outcome"] == "unknown"
    busy = put(proxy, b"second", tag)
    assert busy.status == 503
    assert problem(busy)["outcome"] == "not-applied"
    assert 1 <= int(busy.fields["retry-after"]) <= 7
    assert len(origin.log("PUT")) == 1


@pytest.mark.parametrize(("knob", "applied"), [("drop_before_apply", False), ("drop_after_apply", True)])
def test_the_next_writer_is_decided_by_the_truth(origin: OriginHandle, knob: str, applied: bool) -> None:
    """I4: who waits for the lease to lapse is refused if the unanswered write was applied, and succeeds if not."""
    with running_proxy(config=CONFIG.format(upstream=origin.url, wait="30s")) as patient:
        tag = ask(patient.url, "GET", PAGE).fields["etag"]
        origin.knobs(PUT={knob: True, "times": 1})
        assert put(patient, b"first", tag).status == 502
        assert put(patient, b"second", tag).status == (412 if applied else 204)
        assert origin.peek(PAGE) == (b"first" if applied else b"second")
        assert len(origin.log("PUT")) == (1 if applied else 2)


def test_a_write_that_is_applied_late_is_not_overtaken(origin: OriginHandle) -> None:
    """I4: applied after its writer gave up and before the lease lapsed, it is what the next writer is compared with."""
    with running_proxy(config=CONFIG.format(upstream=origin.url, wait="30s")) as patient:
        tag = ask(patient.url, "GET", PAGE).fields["etag"]
        origin.knobs(PUT={"hold_before_apply": True, "times": 1})
        assert problem(put(patient, b"late", tag))["outcome"] == "unknown"
        origin.release()
        origin.until(Stage.APPLIED, method="PUT")
        assert put(patient, b"second", tag).status == 412
        assert origin.peek(PAGE) == b"late"


@pytest.mark.parametrize(
    ("knob", "status"),
    [
        ({"drop_before_apply": True}, 502),
        ({"truncate": True}, 502),
        ({"hold_before_apply": True}, 504),
        ({"status": 500}, 502),
        ({"status": 405}, 502),
    ],
)
def test_a_selection_without_a_state_stops_the_write(
    origin: OriginHandle, proxy: ProxyHandle, knob: dict[str, object], status: int
) -> None:
    """I7: nothing is forwarded, the answer says so, and the resource is free for the next."""
    tag = ask(proxy.url, "GET", PAGE).fields["etag"]
    origin.knobs(GET={**knob, "times": 2})  # a kept-alive connection that dies is tried once more
    heard = put(proxy, b"new", tag)
    assert heard.status == status
    assert problem(heard)["outcome"] == "not-applied"
    assert origin.log("PUT") == []
    origin.release()
    origin.knobs(GET={})
    assert put(proxy, b"new", tag).status == 204


@pytest.mark.parametrize(
    ("status", "line"), [(401, ["WWW-Authenticate", "Basic"]), (403, None), (302, ["Location", "/x"])]
)
def test_authorization_speaks_first(
    origin: OriginHandle, proxy: ProxyHandle, status: int, line: list[str] | None
) -> None:
    """I7: the origin server's refusal to show the page is the answer to the write, and says that it was not sent."""
    origin.knobs(GET={"status": status, "fields": [line] if line else []})
    heard = put(proxy, b"new", '"stale"')
    assert heard.status == status
    assert "not forwarded" in heard.fields["proxy-status"]
    assert line is None or heard.fields[line[0].lower()] == line[1]
    assert origin.log("PUT") == []


def test_an_origin_server_that_is_not_there(proxy: ProxyHandle, origin: OriginHandle) -> None:
    """Nothing could be sent, which is told as 502, not applied; the proxy goes on."""
    tag = ask(proxy.url, "GET", PAGE).fields["etag"]
    origin.child.kill()
    for method, content in (("GET", None), ("PUT", b"new"), ("OPTIONS", None)):
        heard = ask(proxy.url, method, PAGE, content, If_Match=tag)
        assert heard.status == 502
        assert problem(heard)["outcome"] == "not-applied"


def test_the_proxy_starts_before_its_origin_server() -> None:
    """An origin server that is not there yet is no reason not to start."""
    with running_proxy("--upstream", "http://127.0.0.1:1") as proxy:
        heard = ask(proxy.url, "GET", "/")
        assert heard.status == 502
        assert problem(heard)["outcome"] == "not-applied"
        assert proxy.admin_url is not None
        assert ask(proxy.admin_url, "GET", "/readyz").status == 200
