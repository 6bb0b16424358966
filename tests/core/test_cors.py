"""Which answers a browser lets a page of another origin read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core import cors
from proxy.core.cors import AllowedOrigins, Cors, Sharing
from proxy.core.fields import Fields
from proxy.core.message import Request
from proxy.core.target import parse

APP = "https://app.example"
LISTED = AllowedOrigins((APP, "http://localhost:3000"))
ANYONE = AllowedOrigins(("*",))
ASKED = Fields([("Origin", APP)])
TAG = ("ETag", '"a"')
SHARES = ("Access-Control-Allow-Origin", APP)
CREDENTIALS = ("Access-Control-Allow-Credentials", "true")
VARIES = ("Vary", "Origin")
EXPOSES = ("Access-Control-Expose-Headers", "ETag")
ALLOWS = "Access-Control-Allow-Headers"

Line = tuple[str, str]


def preflight(headers: str | None = "if-match, content-type", *lines: Line, origin: str = APP) -> Fields:
    """Return the fields with which a browser asks whether a page may send a PUT with these headers."""
    asked = [] if headers is None else [("Access-Control-Request-Headers", headers)]
    return Fields([("Origin", origin), ("Access-Control-Request-Method", "PUT"), *asked, *lines])


def shared(
    rule: Cors, *answer: Line, asked: Fields = ASKED, method: str = "GET", heard: Fields = cors.NOTHING
) -> set[Line]:
    """Return the lines of an answer."""
    return set(cors.shared(rule, method, asked, Fields(answer), heard))


@pytest.mark.parametrize(
    ("written", "origin"),
    [
        ("https://app.example", APP),
        ("HTTPS://App.Example:443", APP),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://localhost:80", "http://localhost"),
        ("https://localhost:80", "https://localhost:80"),
        ("http://[0:0::1]:8080", "http://[::1]:8080"),
        ("capacitor://localhost", "capacitor://localhost"),
        ("chrome-extension://abcdef", "chrome-extension://abcdef"),
        ("*", "*"),
    ],
)
def test_an_origin_is_read_as_browsers_write_it(written: str, origin: str) -> None:
    """Lower case, and without the port that its scheme implies; anything else would never be equal to one."""
    assert cors.parse_origin(written) == origin


@pytest.mark.parametrize(
    ("written", "message"),
    [
        ("null", "expected scheme://host"),
        ("app.example", "expected scheme://host"),
        ("", "expected scheme://host"),
        ("https://\u00e4pp.example", "expected scheme://host"),
        ("https://", "expected a host name"),
        ("https://app.example/", "leave out path"),
        ("https://app.example/a", "leave out path"),
        ("https://app.example?a", "leave out path"),
        ("https://u:p@app.example", "leave out path, query and user"),
        ("https://*.example", "compared as a whole"),
        ("https://app.example:99999", "at most 65535"),
        ("https://a b", "expected a host name"),
    ],
)
def test_what_is_no_origin(written: str, message: str) -> None:
    """`null` is what every sandboxed page calls itself; a pattern is compared with nothing."""
    with pytest.raises(ValueError, match=message):
        cors.parse_origin(written)


@pytest.mark.parametrize(
    ("theirs", "exposed"),
    [
        ([], "ETag"),
        ([("Access-Control-Expose-Headers", "X-Total, Link")], "X-Total, Link, ETag"),
        (
            [("Access-Control-Expose-Headers", "X-Total"), ("access-control-expose-headers", "Link")],
            "X-Total, Link, ETag",
        ),
        ([("Access-Control-Expose-Headers", "etag")], "etag"),
        ([("Access-Control-Expose-Headers", "*")], "*"),
        ([("Access-Control-Expose-Headers", "*"), CREDENTIALS], "*, ETag"),
    ],
)
def test_a_tag_is_exposed_where_the_origin_server_shares(theirs: list[Line], exposed: str) -> None:
    """Once, beside what is exposed already; `*` names it unless credentials were sent."""
    answer = cors.shared(Sharing.AUTO, "GET", ASKED, Fields([TAG, SHARES, *theirs]))
    assert answer.get("access-control-expose-headers") == exposed


@pytest.mark.parametrize(
    ("rule", "lines"),
    [
        (Sharing.AUTO, [TAG]),
        (Sharing.AUTO, [TAG, EXPOSES]),
        (Sharing.AUTO, [SHARES, ("Access-Control-Expose-Headers", "X-Total")]),
        (Sharing.OFF, [TAG, SHARES]),
        (Sharing.OFF, []),
    ],
)
def test_otherwise_an_answer_stays_as_it_is(rule: Cors, lines: list[Line]) -> None:
    """Where the origin server does not share, where there is no tag, and where the route has it off."""
    assert cors.shared(rule, "GET", ASKED, Fields(lines)) == Fields(lines)


def test_a_refusal_is_for_those_who_may_read_the_state() -> None:
    """It repeats what the selection was answered with, for this client's Origin; nothing else of that answer."""
    selection = Fields([SHARES, CREDENTIALS, ("Vary", "Accept, origin"), ("Content-Type", "a/b"), ("ETag", "theirs")])
    heard = cors.said(selection)
    assert heard == Fields([SHARES, CREDENTIALS, VARIES])
    assert shared(Sharing.AUTO, TAG, heard=heard) == {TAG, SHARES, CREDENTIALS, VARIES, EXPOSES}
    assert shared(Sharing.AUTO, heard=heard) == {SHARES, CREDENTIALS, VARIES}
    assert shared(Sharing.OFF, TAG, heard=heard) == {TAG}


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ([], []),
        ([VARIES, EXPOSES, CREDENTIALS], []),
        ([("Access-Control-Allow-Origin", "*")], [("Access-Control-Allow-Origin", "*")]),
        ([SHARES, ("Vary", "Accept"), ("Access-Control-Allow-Methods", "GET")], [SHARES]),
        ([SHARES, EXPOSES], [SHARES, EXPOSES]),
    ],
)
def test_what_an_answer_says_of_its_readers(lines: list[Line], said: list[Line]) -> None:
    """Nothing, unless it names an origin."""
    assert cors.said(Fields(lines)) == Fields(said)


@pytest.mark.parametrize(
    ("method", "lines", "asked"),
    [
        ("OPTIONS", [("Origin", APP), ("Access-Control-Request-Method", "PUT")], "PUT"),
        ("OPTIONS", [("Access-Control-Request-Method", "PUT")], None),
        ("OPTIONS", [("Origin", APP)], None),
        ("PUT", [("Origin", APP), ("Access-Control-Request-Method", "PUT")], None),
        ("OPTIONS", [("Origin", APP), *[("Access-Control-Request-Method", "PUT")] * 2], None),
    ],
)
def test_a_preflight_asks_for_a_method(method: str, lines: list[Line], asked: str | None) -> None:
    """https://fetch.spec.whatwg.org/#cors-preflight-request: OPTIONS with both fields; any other OPTIONS is none."""
    assert cors.asked_method(method, Fields(lines)) == asked


@pytest.mark.parametrize(
    ("asked", "onward"),
    [
        ("content-type,if-match", "content-type"),
        ("If-Match, X-A , if-none-match,If-Modified-Since, if-unmodified-since,if-range,b", "X-A,b"),
        ("if-match", None),
        ("content-type", "content-type"),
        (None, None),
    ],
)
def test_the_origin_server_is_not_asked_for_conditional_fields(asked: str | None, onward: str | None) -> None:
    """They are ours; a framework that does not know their names may refuse the whole preflight for them."""
    request = Request("OPTIONS", parse("/a", "h"), preflight(asked, ("X-B", "1")))
    sent = cors.relayed(Sharing.AUTO, request)
    assert sent.fields.get("access-control-request-headers") == onward
    assert sent.fields.without(["access-control-request-headers"]) == preflight(None, ("X-B", "1"))
    assert cors.relayed(Sharing.OFF, request) is request


def test_what_is_no_preflight_goes_on_as_it_is() -> None:
    """Only a preflight is changed on its way."""
    request = Request("GET", parse("/a", "h"), preflight())
    assert cors.relayed(Sharing.AUTO, request) is request


@pytest.mark.parametrize(
    ("asked", "theirs", "allowed"),
    [
        ("content-type, If-Match", "content-type", "content-type, If-Match"),
        ("if-match,if-none-match", None, "if-match, if-none-match"),
        ("if-match", "Accept, If-Match", "Accept, If-Match"),
        ("if-match", "*", "*, if-match"),
        ("content-type", "content-type", "content-type"),
        (None, None, None),
    ],
)
def test_a_page_may_send_conditional_fields_where_the_origin_server_lets_it_in(
    asked: str | None, theirs: str | None, allowed: str | None
) -> None:
    """Exactly those that it asked for are added."""
    lines = [SHARES] if theirs is None else [SHARES, (ALLOWS, theirs)]
    answer = cors.shared(Sharing.AUTO, "OPTIONS", preflight(asked), Fields(lines))
    assert answer.get(ALLOWS) == allowed
    assert answer.without([ALLOWS]) == Fields([SHARES])


def test_who_is_not_let_in_stays_out() -> None:
    """An answer to a preflight that allows no origin is not touched."""
    lines = Fields([(ALLOWS, "content-type")])
    assert cors.shared(Sharing.AUTO, "OPTIONS", preflight(), lines) == lines


@pytest.mark.parametrize(
    ("rule", "origin", "admitted"),
    [
        (LISTED, APP, [SHARES, CREDENTIALS]),
        (LISTED, "http://localhost:3000", [("Access-Control-Allow-Origin", "http://localhost:3000"), CREDENTIALS]),
        (ANYONE, "null", [("Access-Control-Allow-Origin", "*")]),
    ],
)
def test_a_route_answers_preflights_by_itself(rule: AllowedOrigins, origin: str, admitted: list[Line]) -> None:
    """204 with the method and the fields that were asked for, and for how long that counts."""
    answer = cors.answered(rule, "OPTIONS", preflight(origin=origin))
    assert answer is not None
    assert (answer.status, answer.content) == (204, b"")
    assert set(answer.fields) == {
        *admitted,
        ("Access-Control-Allow-Methods", "PUT"),
        (ALLOWS, "if-match, content-type"),
        ("Access-Control-Max-Age", "600"),
        ("Vary", "Origin, Access-Control-Request-Method, Access-Control-Request-Headers"),
    }
    assert cors.shared(rule, "OPTIONS", preflight(origin=origin), answer.fields) == answer.fields


@pytest.mark.parametrize("origin", ["https://other.example", "null", "https://app.example.evil", "HTTPS://APP.EXAMPLE"])
def test_a_stranger_is_allowed_nothing(origin: str) -> None:
    """Neither on a preflight nor on an answer, whatever the origin server says; only caches are told why."""
    answer = cors.answered(LISTED, "OPTIONS", preflight(origin=origin))
    assert answer is not None
    assert (answer.status, set(answer.fields.names())) == (204, {"vary"})
    theirs = [TAG, ("Access-Control-Allow-Origin", "*"), CREDENTIALS, EXPOSES]
    assert shared(LISTED, *theirs, asked=Fields([("Origin", origin)])) == {TAG, VARIES}


@pytest.mark.parametrize("rule", [Sharing.AUTO, Sharing.OFF])
def test_otherwise_the_origin_server_answers_preflights(rule: Cors) -> None:
    """A route that names no origins leaves them to it; and what is no preflight is always the origin server's."""
    assert cors.answered(rule, "OPTIONS", preflight()) is None
    assert cors.answered(LISTED, "OPTIONS", ASKED) is None
    assert cors.answered(LISTED, "PUT", preflight()) is None


def test_a_preflight_that_asks_for_no_fields() -> None:
    """Is allowed none."""
    answer = cors.answered(LISTED, "OPTIONS", preflight(None))
    assert answer is not None
    assert ALLOWS not in answer.fields


@pytest.mark.parametrize(
    ("rule", "asked", "answer", "sent"),
    [
        (LISTED, ASKED, [TAG], {TAG, SHARES, CREDENTIALS, VARIES, EXPOSES}),
        (LISTED, ASKED, [], {SHARES, CREDENTIALS, VARIES}),
        (LISTED, Fields(), [TAG], {TAG, VARIES}),
        (
            LISTED,
            ASKED,
            [TAG, ("Access-Control-Allow-Origin", "*"), ("Access-Control-Expose-Headers", "Link"), ("Vary", "Accept")],
            {TAG, SHARES, CREDENTIALS, ("Access-Control-Expose-Headers", "Link, ETag"), ("Vary", "Accept, Origin")},
        ),
        (LISTED, ASKED, [("Vary", "*")], {SHARES, CREDENTIALS, ("Vary", "*")}),
        (ANYONE, ASKED, [TAG, SHARES, CREDENTIALS], {TAG, ("Access-Control-Allow-Origin", "*"), EXPOSES}),
        (ANYONE, Fields(), [], {("Access-Control-Allow-Origin", "*")}),
    ],
)
def test_a_route_shares_by_itself(rule: Cors, asked: Fields, answer: list[Line], sent: set[Line]) -> None:
    """What it says takes the place of what the origin server says; credentials go to those named, never to anyone."""
    assert shared(rule, *answer, asked=asked) == sent


LINES = st.lists(
    st.sampled_from([TAG, SHARES, CREDENTIALS, VARIES, EXPOSES, ("Access-Control-Allow-Origin", "*"), ("X-A", "1")]),
    max_size=5,
)
RULES = st.sampled_from([Sharing.AUTO, Sharing.OFF, LISTED, ANYONE])


@given(RULES, LINES, st.sampled_from([APP, "https://other.example", None]))
def test_saying_it_twice_changes_nothing(rule: Cors, lines: list[Line], origin: str | None) -> None:
    """What was shared once is not shared differently by another proxy of the same kind."""
    asked = Fields() if origin is None else Fields([("Origin", origin)])
    once = cors.shared(rule, "GET", asked, Fields(lines))
    assert set(cors.shared(rule, "GET", asked, once)) == set(once)


@given(LINES, st.sampled_from([APP, "https://other.example", None]))
def test_anyone_and_credentials_never_meet(lines: list[Line], origin: str | None) -> None:
    """A route that shares by itself never lets every page act in a user's name."""
    asked = Fields() if origin is None else Fields([("Origin", origin)])
    for rule in (LISTED, ANYONE):
        answer = cors.shared(rule, "GET", asked, Fields(lines))
        assert not (answer.get("access-control-allow-origin") == "*" and "access-control-allow-credentials" in answer)
        assert len(answer.get_all("access-control-allow-origin")) <= 1
