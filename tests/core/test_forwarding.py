"""What becomes of field lines on their way to the origin server and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.fields import HOP_BY_HOP, Fields
from proxy.core.forwarding import Hop, is_field_line, is_token, outbound, returning
from proxy.errors import LoopDetected

Line = tuple[str, str]
HOST = ("Host", "api.test")
CLIENT = Hop(peer="192.0.2.1", scheme="http", pseudonym="guard", trusted=False)
PROXY = Hop(peer="192.0.2.1", scheme="https", pseudonym="guard", trusted=True)
SOCKET = Hop(peer=None, scheme="http", pseudonym="guard", trusted=False)
TRUSTED_SOCKET = Hop(peer=None, scheme="http", pseudonym="guard", trusted=True)

names = st.sampled_from(
    ["Via", "Forwarded", "x-forwarded-for", "Accept", "TE", "If-Match", "IFMATCH-x", "Cookie", "X-A"]
)
lines = st.lists(st.tuples(names, st.text(alphabet="abc ,.1", max_size=8)), max_size=8)


def sent(*received: Line, hop: Hop = CLIENT, version: tuple[int, int] = (1, 1)) -> Fields:
    """Return what is forwarded of a request to `api.test` with these further lines."""
    return outbound(Fields([HOST, *received]), version, hop)


def test_end_to_end_lines_are_kept_as_they_were() -> None:
    """Order, case, repeated lines and Host are what the client sent; our lines follow."""
    received = [HOST, ("aCCept", "a"), ("X-B", "1"), ("Accept", "b"), ("If-Match", '"1"'), ("Content-Length", "5")]
    forwarded = outbound(Fields(received), (1, 1), CLIENT).lines
    assert list(forwarded[: len(received)]) == received


@pytest.mark.parametrize("name", sorted(HOP_BY_HOP))
def test_hop_by_hop_fields_are_dropped_both_ways(name: str) -> None:
    """What is for one connection does not reach the next one, Upgrade included (row 28)."""
    assert name not in sent((name.title(), "x"))
    assert name not in returning(Fields([(name.title(), "x")]), "guard")


def test_what_connection_names_is_dropped_both_ways() -> None:
    """Connection's options are fields for one connection (RFC 9110 §7.6.1)."""
    received = [("Connection", "close, X-Hop"), ("x-hop", "1"), ("X-End", "2")]
    assert {"x-hop", "x-end"} & sent(*received).names() == {"x-end"}
    assert returning(Fields(received), "guard").names() == {"x-end", "via"}


@pytest.mark.parametrize("name", ["X-HTTP-Method-Override", "x-http-method", "X-Method-OVERRIDE"])
@pytest.mark.parametrize("hop", [CLIENT, PROXY])
def test_method_overrides_are_stripped(hop: Hop, name: str) -> None:
    """The origin server sees the method that was guarded and no other (row 16)."""
    assert name not in sent((name, "DELETE"), hop=hop)


@pytest.mark.parametrize(
    "name",
    ["SCRIPT_NAME", "Script-Name", "PATH_INFO", "X-Original-URL", "X_Original_URL", "X-Rewrite-Url", "X.Script-Name"],
)
def test_only_a_trusted_peer_overrides_the_target(name: str) -> None:
    """The origin server sees the target that was guarded and no other, however the field is spelled (rule zero)."""
    assert name not in sent((name, "/x"))
    assert sent((name, "/x"), hop=PROXY).get(name) == "/x"


@pytest.mark.parametrize("name", ["Ifmatch-Tag", "IFMATCH-anything", "Fencing-Token", "Expect"])
@pytest.mark.parametrize("hop", [CLIENT, PROXY])
def test_what_is_ours_to_say_or_to_answer_is_stripped(hop: Hop, name: str) -> None:
    """Nobody but us sends our own fields, and an expectation is answered by us (rows 32, 33)."""
    assert name not in sent((name, "100-continue"), hop=hop)


@pytest.mark.parametrize(("version", "added"), [((1, 1), "1.1 guard"), ((1, 0), "1.0 guard")])
def test_via_names_us_and_the_version_received(version: tuple[int, int], added: str) -> None:
    """We are appended to Via, behind those before us (row 33, RFC 9110 §7.6.3)."""
    assert sent(version=version).get("Via") == added
    assert sent(("Via", "1.1 a, 1.0 b"), version=version).get_all("Via") == ("1.1 a, 1.0 b", added)


@pytest.mark.parametrize(
    "lines_received",
    [
        [("Via", "1.1 guard")],
        [("via", "1.0 a, HTTP/1.1 GUARD (x), 1.1 b")],
        [("Via", "1.1 a"), ("Via", "1.1  guard")],
        [("Via", "1.1 a (comment, 1.1 guard")],
        [("Via", "1.1\tguard")],
    ],
)
@pytest.mark.parametrize("hop", [CLIENT, PROXY])
def test_a_request_that_comes_back_is_a_loop(hop: Hop, lines_received: list[Line]) -> None:
    """Our pseudonym anywhere in Via, in any case, is 508 (row 33)."""
    with pytest.raises(LoopDetected):
        sent(*lines_received, hop=hop)


@pytest.mark.parametrize("value", ["1.1 guardian", "1.1 a (guard)", "guard", "1.1 other:80, 1.1 my.guard", ""])
def test_another_name_in_via_is_no_loop(value: str) -> None:
    """Only the received-by of a member of Via is compared."""
    assert sent(("Via", value)).get_all("Via") == (value, "1.1 guard")


SPOOFED: list[Line] = [
    ("X-Forwarded-For", "10.0.0.1"),
    ("x-forwarded-for", "127.0.0.1"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Host", "evil.test"),
    ("X-Forwarded-Port", "1"),
    ("X-Forwarded-Prefix", "/admin"),
    ("X-Real-IP", "127.0.0.1"),
    ("Forwarded", "for=127.0.0.1;host=evil.test"),
]


@pytest.mark.parametrize("received", [[], SPOOFED])
def test_an_untrusted_peer_is_named_and_not_believed(received: list[Line]) -> None:
    """What a peer that is not listed claims of others is dropped; what we see is set (row 33)."""
    assert sent(*received).lines == (
        HOST,
        ("X-Forwarded-For", "192.0.2.1"),
        ("X-Forwarded-Proto", "http"),
        ("X-Forwarded-Host", "api.test"),
        ("X-Forwarded-Port", "80"),
        ("Forwarded", "for=192.0.2.1;host=api.test;proto=http"),
        ("Via", "1.1 guard"),
    )


def test_a_trusted_peer_is_believed_and_appended() -> None:
    """What a listed peer says is kept, and the peer itself is appended (row 33)."""
    forwarded = sent(*SPOOFED, hop=PROXY)
    assert forwarded.get_all("X-Forwarded-For") == ("10.0.0.1, 127.0.0.1, 192.0.2.1",)
    assert forwarded.get_all("Forwarded") == ("for=127.0.0.1;host=evil.test, for=192.0.2.1;host=api.test;proto=https",)
    for name, value in SPOOFED[2:7]:
        assert forwarded.get_all(name) == (value,)


def test_a_trusted_peer_that_says_nothing_is_the_client() -> None:
    """Without forwarding fields a listed peer speaks for itself."""
    assert sent(hop=PROXY).get("X-Forwarded-For") == "192.0.2.1"
    assert sent(hop=PROXY).get("Forwarded") == "for=192.0.2.1;host=api.test;proto=https"


@pytest.mark.parametrize(
    ("line", "other"),
    [(("X-Forwarded-For", "10.0.0.1"), "Forwarded"), (("Forwarded", "for=10.0.0.1"), "X-Forwarded-For")],
)
def test_a_spelling_that_a_trusted_peer_did_not_use_is_not_begun(line: Line, other: str) -> None:
    """No field names a listed proxy as the client when the other spelling names the real one."""
    forwarded = sent(line, hop=PROXY)
    assert other not in forwarded
    assert (forwarded.get(line[0]) or "").startswith(f"{line[1]}, ")


def test_what_a_trusted_peer_left_out_is_filled_in() -> None:
    """Of the customary fields, those that are missing are set from what we see."""
    forwarded = sent(("X-Forwarded-For", "10.0.0.1"), ("X-Forwarded-Host", "www.test"), hop=PROXY)
    assert forwarded.get_all("X-Forwarded-Host") == ("www.test",)
    assert (forwarded.get("X-Forwarded-Proto"), forwarded.get("X-Forwarded-Port")) == ("https", "443")


def test_a_peer_without_an_address_is_unknown() -> None:
    """A Unix socket has no address to name (RFC 7239 §6.2)."""
    forwarded = sent(("X-Forwarded-For", "127.0.0.1"), hop=SOCKET)
    assert "X-Forwarded-For" not in forwarded
    assert forwarded.get("Forwarded") == "for=unknown;host=api.test;proto=http"


def test_a_trusted_peer_without_an_address_is_believed() -> None:
    """A proxy in front of us on a Unix socket names the client, and adds nothing of itself."""
    assert sent(("X-Forwarded-For", "10.0.0.1"), hop=TRUSTED_SOCKET).get("X-Forwarded-For") == "10.0.0.1"


@pytest.mark.parametrize(
    ("host", "port", "element"),
    [
        ("api.test:8080", "8080", 'for="[2001:db8::1]";host="api.test:8080";proto=https'),
        ("[::1]", "443", 'for="[2001:db8::1]";host="[::1]";proto=https'),
        ("api.test:", "443", 'for="[2001:db8::1]";host="api.test:";proto=https'),
    ],
)
def test_ports_and_ipv6_addresses_are_spelled_for_each_field(host: str, port: str, element: str) -> None:
    """Forwarded quotes what is no token and brackets IPv6 (RFC 7239 §6); X-Forwarded-For does neither."""
    hop = Hop(peer="2001:db8::1", scheme="https", pseudonym="guard", trusted=False)
    forwarded = outbound(Fields([("Host", host)]), (1, 1), hop)
    assert forwarded.get("X-Forwarded-For") == "2001:db8::1"
    assert (forwarded.get("X-Forwarded-Host"), forwarded.get("X-Forwarded-Port")) == (host, port)
    assert forwarded.get("Forwarded") == element


def test_without_host_none_is_made_up() -> None:
    """An HTTP/1.0 request without Host is forwarded without a claim about the host it was sent to."""
    forwarded = outbound(Fields(), (1, 0), CLIENT)
    assert forwarded.names() == {"x-forwarded-for", "x-forwarded-proto", "forwarded", "via"}
    assert forwarded.get("Forwarded") == "for=192.0.2.1;proto=http"


def test_a_response_keeps_its_lines_and_gains_via() -> None:
    """The origin server's end-to-end lines reach the client as they were, in order, with us in Via."""
    received = [("ETag", '"1"'), ("Set-Cookie", "a=1"), ("set-cookie", "b=2"), ("Via", "1.1 app"), ("X", "a\tb\xe9")]
    assert list(returning(Fields(received), "guard")) == [*received, ("Via", "1.1 guard")]


@pytest.mark.parametrize(
    "line",
    [
        *(("X Y", "a"), ("", "a"), ("X\r\nY", "a"), ("X:", "a"), ("\xe9", "a")),
        *(("X", "a\r\nSet-Cookie: b"), ("X", "a\nb"), ("X", "a\rb"), ("X", "\0"), ("X", "\x7f"), ("X", "a\x1bb")),
    ],
)
def test_a_response_line_that_could_not_be_sent_is_dropped(line: Line) -> None:
    """No line of the origin server's can end early or begin another one in the client's eyes."""
    assert list(returning(Fields([line, ("ETag", '"1"')]), "guard")) == [("ETag", '"1"'), ("Via", "1.1 guard")]


@given(received=lines)
def test_what_we_forward_comes_back_as_a_loop(received: list[Line]) -> None:
    """Whatever else a request carries, we know our own request again."""
    try:
        forwarded = sent(*received)
    except LoopDetected:
        return
    with pytest.raises(LoopDetected):
        outbound(forwarded, (1, 1), CLIENT)


@given(received=lines)
def test_what_is_sent_says_nothing_of_an_untrusted_peers_making(received: list[Line]) -> None:
    """The forwarding fields of two untrusted requests differ only in what we saw ourselves (row 33)."""
    ours = ("forwarded", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port")
    assert all(sent(*received).get_all(name) == sent().get_all(name) for name in ours)


@given(name=st.text(max_size=5), value=st.text(alphabet=st.characters(max_codepoint=0xFF), max_size=8))
def test_a_line_that_is_sent_has_no_line_end(name: str, value: str) -> None:
    """A line that may be sent is one line, and its name ends at the first colon."""
    if is_field_line(name, value):
        assert is_token(name)
        assert not {"\r", "\n", "\0"} & set(f"{name}: {value}")
        assert ":" not in name
