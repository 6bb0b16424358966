"""What a request head must be: each known way to say two things at once is refused."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.admission import MAX_FIELD_LINES, acted_on, admit
from proxy.core.fields import HOP_BY_HOP, Fields
from proxy.core.target import Target
from proxy.errors import BadFraming, MalformedRequest, MalformedTarget, MethodRefused, Misdirected

Line = tuple[str, str]
HOST = ("Host", "api.test")

HTTP_1_0, HTTP_1_1 = (1, 0), (1, 1)


def admitted(*lines: Line, method: str = "PUT", target: str = "/wiki/1", version: tuple[int, int] = HTTP_1_1) -> Target:
    """Admit a request to `api.test` with these further field lines."""
    return admit(method, target, version, Fields([HOST, *lines]))


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "MOVE", "M-SEARCH", "X", "PURGE", "!#$"])
def test_methods_known_and_unknown_are_admitted(method: str) -> None:
    """A method that nobody registered is the origin server's to judge (row 18)."""
    assert admitted(method=method).raw == "/wiki/1"


@pytest.mark.parametrize("method", ["put", "Put", "gET", "pATCH", "connect"])
def test_lower_case_methods_are_refused(method: str) -> None:
    """No origin server gets the chance to read `put` as PUT (row 19)."""
    with pytest.raises(MalformedRequest):
        admitted(method=method)


@pytest.mark.parametrize("method", ["", "PUT ", "P T", "PUT\r\n", "P/T", "P\xdcT", "PUT\0", "(PUT)"])
def test_a_method_is_a_token(method: str) -> None:
    """Nothing but a token is a method (RFC 9110 §9.1)."""
    with pytest.raises(MalformedRequest):
        admitted(method=method)


@pytest.mark.parametrize("target", ["/", "*", "api.test:443", "http://api.test/"])
@pytest.mark.parametrize("method", ["CONNECT", "TRACE"])
def test_tunnels_and_echoes_are_refused(method: str, target: str) -> None:
    """CONNECT and TRACE are refused whatever the form of their target (row 3)."""
    with pytest.raises(MethodRefused):
        admitted(method=method, target=target)


@pytest.mark.parametrize("target", ["*", "http://api.test", "HTTP://API.test:80"])
def test_options_may_ask_about_the_server(target: str) -> None:
    """`OPTIONS *` is admitted, and so is its absolute-form, which is forwarded as `*` (row 4)."""
    assert admitted(method="OPTIONS", target=target).asterisk


@pytest.mark.parametrize("target", ["/", "http://api.test/", "http://api.test?", "/*"])
def test_options_on_a_path_stays_there(target: str) -> None:
    """Only the absolute URI without path and query means `*` (RFC 9112 §3.2.4)."""
    assert not admitted(method="OPTIONS", target=target).asterisk


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PROPFIND"])
def test_the_asterisk_is_for_options_only(method: str) -> None:
    """`*` names no resource, so nothing can be done to it (row 4)."""
    with pytest.raises(MalformedTarget):
        admitted(method=method, target="*")


def test_the_target_is_judged() -> None:
    """A target that `target.parse` refuses is refused here (rows 1 to 12)."""
    with pytest.raises(MalformedTarget):
        admitted(target="/wiki/../1")


def test_an_absolute_form_is_compared_with_host() -> None:
    """An absolute-form is admitted to the authority of Host and to no other (row 2)."""
    assert admitted(target="http://API.test:80/wiki/1?a") == Target("/wiki/1?a", "/wiki/1", "a")
    with pytest.raises(Misdirected):
        admitted(target="http://evil.test/wiki/1")


@pytest.mark.parametrize("host", ["api.test", "api.test:8080", "API.test:", "127.0.0.1:1", "[::1]", "[::1]:80", "a_b"])
@pytest.mark.parametrize("version", [HTTP_1_0, HTTP_1_1])
def test_one_valid_host_is_admitted(version: tuple[int, int], host: str) -> None:
    """A name, an IPv4 or an IPv6 address, with or without port, is a Host (row 14)."""
    assert admit("GET", "/", version, Fields([("hOST", host)])).raw == "/"


@pytest.mark.parametrize(
    "host",
    ["", " ", "a b", "a, b", "me@api.test", "http://api.test", "api.test/x", "a:b", "::1", "[::1", "a\\b", "\xe9"],
)
@pytest.mark.parametrize("version", [HTTP_1_0, HTTP_1_1])
def test_a_garbage_host_is_refused(version: tuple[int, int], host: str) -> None:
    """What does not follow the grammar of Host is refused, in HTTP/1.0 too (row 14)."""
    with pytest.raises(MalformedRequest):
        admit("GET", "/", version, Fields([("Host", host)]))


@pytest.mark.parametrize("version", [HTTP_1_0, HTTP_1_1])
@pytest.mark.parametrize("second", ["api.test", "evil.test"])
def test_two_hosts_are_refused(version: tuple[int, int], second: str) -> None:
    """Two Host lines are refused even where they agree (row 14)."""
    with pytest.raises(MalformedRequest):
        admitted(("host", second), version=version)


def test_only_http_1_0_may_leave_host_out() -> None:
    """HTTP/1.1 requires Host, HTTP/1.0 does not (row 14)."""
    assert admit("GET", "/", HTTP_1_0, Fields()).raw == "/"
    with pytest.raises(MalformedRequest):
        admit("GET", "/", HTTP_1_1, Fields())


@pytest.mark.parametrize("version", [(0, 9), (2, 0), (3, 0)])
def test_other_major_versions_are_refused(version: tuple[int, int]) -> None:
    """The rules of framing checked here are those of HTTP/1."""
    with pytest.raises(MalformedRequest):
        admitted(version=version)


@pytest.mark.parametrize("method", ["CONNECT", "put", ""])
@pytest.mark.parametrize("target", ["*", "/#", "http://evil.test/"])
def test_framing_is_judged_before_all_else(method: str, target: str) -> None:
    """No other refusal, after which a connection may stay open, hides a message without a certain end."""
    fields = Fields([("Content-Length", "5"), ("Transfer-Encoding", "chunked"), ("If_Match", "*"), *[("X", "y")] * 200])
    with pytest.raises(BadFraming):
        admit(method, target, HTTP_1_1, fields)


LOOK_ALIKES = [
    *("If_Match", "IF_NONE_MATCH", "if_unmodified_since", "if.match", "If~Range", "If_-Match"),
    *("Content_Length", "Transfer_Encoding", "Content_Type", "Content_Range", "content.length", "Keep_Alive"),
    *("X_Forwarded_For", "X_Forwarded-Proto", "X-Forwarded_Anything", "X_Real_IP", "Proxy_Connection"),
    *("X_HTTP_Method_Override", "X-HTTP_Method", "X_Method-Override", "Cache_Control", "Accept_Encoding"),
    *("Ifmatch_Tag", "Fencing_Token", "Last_Modified", "HTTP2_Settings", "Proxy_Authorization"),
]


@pytest.mark.parametrize("name", LOOK_ALIKES)
def test_look_alikes_of_fields_that_we_act_on_are_refused(name: str) -> None:
    """A name that an application could read as that of a field we evaluate, drop or set is refused (row 22)."""
    with pytest.raises(MalformedRequest):
        admitted((name, "x"))


@pytest.mark.parametrize(
    "name", ["X_Request_ID", "acceptance_id", "api_key", "x.y", "If-Match", "iffy_name", "hosted_by"]
)
def test_other_names_are_admitted(name: str) -> None:
    """An underscore in a field that means nothing to us is not our business (row 22)."""
    assert admitted((name, "x")).raw == "/wiki/1"


@pytest.mark.parametrize(
    "options",
    [
        *("If-Match", "if-none-match", "close, If-Match", "close,,IF-UNMODIFIED-SINCE", "keep-alive\t,\tIf-Range"),
        *("Host", "Content-Length", "Content-Type", "Authorization", "Proxy-Authorization", "Cookie", "Range", "Via"),
        *("Cache-Control", "Accept", "Accept-Language", "Prefer", "X-Real-IP", "Last-Modified"),
        *("X-Forwarded-For", "Forwarded", "Expect", "X-HTTP-Method-Override", "Ifmatch-Tag", "Fencing-Token", "ETag"),
    ],
)
def test_connection_hides_no_field_that_we_act_on(options: str) -> None:
    """Connection cannot make us drop a field that is for the far end (row 21)."""
    with pytest.raises(MalformedRequest):
        admitted(("Connection", options))


@pytest.mark.parametrize(
    "options", ["close", "keep-alive, TE", "Upgrade, HTTP2-Settings", "X-Hop", "", "Transfer-Encoding"]
)
def test_connection_may_name_what_is_for_one_connection(options: str) -> None:
    """Options, hop-by-hop fields and fields unknown to us may be named (row 21)."""
    assert admitted(("Connection", options)).raw == "/wiki/1"


def test_every_connection_line_is_read() -> None:
    """A second Connection line is no hiding place (row 21)."""
    with pytest.raises(MalformedRequest):
        admitted(("Connection", "close"), ("connection", "If-Match"))


@pytest.mark.parametrize(("method", "refused"), [("PUT", True), ("PATCH", False), ("POST", False), ("GET", False)])
def test_a_partial_put_is_refused(method: str, refused: bool) -> None:
    """Content-Range on PUT is refused: what is compared and minted is the whole (row 30)."""
    line = ("Content-Range", "bytes 0-4/10")
    if refused:
        with pytest.raises(MalformedRequest):
            admitted(line, method=method)
    else:
        assert admitted(line, method=method).raw == "/wiki/1"


def test_a_hundred_field_lines_are_admitted_and_no_more() -> None:
    """The number of field lines is bounded."""
    lines = [("X", "y")] * (MAX_FIELD_LINES - 1)
    assert admitted(*lines).raw == "/wiki/1"
    with pytest.raises(MalformedRequest):
        admitted(*lines, ("X", "y"))


@pytest.mark.parametrize(
    "line", [("Transfer-Encoding ", "chunked"), ("", "a"), ("X:", "a"), ("\xe9", "a"), ("X", "a\r\nY: b"), ("X", "a\0")]
)
def test_a_field_line_is_a_token_and_a_value(line: Line) -> None:
    """A line that somebody may read as another one leaves the end of the message in doubt (row 27)."""
    with pytest.raises(BadFraming):
        admitted(line)


def test_every_hop_by_hop_field_is_one_that_we_act_on() -> None:
    """No field that forwarding drops can be smuggled past it under a similar name."""
    assert all(acted_on(name) for name in HOP_BY_HOP)


@given(
    method=st.text(max_size=6),
    target=st.text(alphabet=st.characters(max_codepoint=0xFF), max_size=12),
    lines=st.lists(st.tuples(st.sampled_from(["Host", "Content-Length", "Connection", "X_Y"]), st.text(max_size=8))),
)
def test_nothing_but_a_refusal_is_raised(method: str, target: str, lines: list[Line]) -> None:
    """Whatever is sent, the answer is a target or a failure of the client's."""
    try:
        admitted_target = admit(method, target, HTTP_1_1, Fields(lines))
    except (MalformedRequest, MethodRefused, Misdirected):
        return
    assert admitted_target.raw == "*" or admitted_target.raw.startswith("/")
