"""The text forms of authorities, listeners and origin servers."""

from ipaddress import IPv6Address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.address import (
    Address,
    Authority,
    Origin,
    TcpAddress,
    UnixAddress,
    bracketed,
    parse_authority,
    parse_listen,
    parse_origin,
)

AUTHORITIES = {
    "api.test": Authority("api.test", None),
    "API.Test": Authority("api.test", None),
    "api.test:8080": Authority("api.test", 8080),
    "api.test:": Authority("api.test", None),
    "api_1": Authority("api_1", None),
    "127.0.0.1:80": Authority("127.0.0.1", 80),
    "[::1]": Authority("::1", None),
    "[0:0:0::1]:8080": Authority("::1", 8080),
    "[::FFFF:127.0.0.1]": Authority(IPv6Address("::ffff:7f00:1").compressed, None),  # spelled by Python's version
    "%C3%A9.test": Authority("%c3%a9.test", None),
}

NO_AUTHORITIES = [
    *("", ":80", "api.test:http", "api.test:-1", "api.test:65536", "api.test:1:2", "api.test:\xb2", "a:000080"),
    *("me@api.test", "api test", " api.test", "api.test ", "api.test/", "api.test?a", "api.test#a", "a\\b", "a\0b"),
    *("::1", "[::1", "::1]", "[::1]x", "[]", "[:::1]", "[127.0.0.1]", "[fe80::1%eth0]", "[v1.a]", "[api.test]", "%zz"),
    *("api.test\r\nX: y", "<api.test>", '"api.test"', "\xe9.test", "[::1]:80:80"),
]

LISTENERS = {
    "127.0.0.1:8080": TcpAddress("127.0.0.1", 8080),
    "localhost:0": TcpAddress("localhost", 0),
    "[::1]:8080": TcpAddress("::1", 8080),
    ":8080": TcpAddress("", 8080),
    "unix:/run/x.sock": UnixAddress("/run/x.sock"),
    "unix:///run/x.sock": UnixAddress("/run/x.sock"),
}

NO_LISTENERS = {
    "127.0.0.1": "the port is missing",
    "localhost:": "the port is missing",
    ":": "the port is missing",
    "http://127.0.0.1:8080": "without a scheme or a path",
    "/run/x.sock": "without a scheme or a path",
    "::1:8080": "expected a host name or address",
    "127.0.0.1:65536": "at most 65535",
    "[1::2::3]:80": "IPv6 address between the brackets",
    "": "expected a host name or address",
    "unix:": "absolute path of a socket",
    "unix:run/x.sock": "absolute path of a socket",
    "unix://run/x.sock": "absolute path of a socket",
    "unix:/run/\0": "absolute path of a socket",
}

ORIGINS = {
    "http://127.0.0.1:9000": Origin(TcpAddress("127.0.0.1", 9000), tls=False, authority="127.0.0.1:9000"),
    "http://127.0.0.1:9000/": Origin(TcpAddress("127.0.0.1", 9000), tls=False, authority="127.0.0.1:9000"),
    "http://App.test": Origin(TcpAddress("app.test", 80), tls=False, authority="app.test"),
    "HTTP://app.test:80": Origin(TcpAddress("app.test", 80), tls=False, authority="app.test"),
    "http://app.test:443": Origin(TcpAddress("app.test", 443), tls=False, authority="app.test:443"),
    "https://app.test": Origin(TcpAddress("app.test", 443), tls=True, authority="app.test"),
    "https://app.test:8443": Origin(TcpAddress("app.test", 8443), tls=True, authority="app.test:8443"),
    "http://[::1]:9000": Origin(TcpAddress("::1", 9000), tls=False, authority="[::1]:9000"),
    "unix:/run/app.sock": Origin(UnixAddress("/run/app.sock"), tls=False, authority="localhost"),
}

NO_ORIGINS = {
    "": "expected http://",
    "127.0.0.1:9000": "expected http://",
    "app.test": "expected http://",
    "ftp://app.test": "expected http://",
    "http:/app.test": "expected http://",
    "http://app.test/api": "no path",
    "http://app.test//": "no path",
    "http://app.test?a=1": "no query",
    "http://app.test/?": "no query",
    "http://app.test/#top": "no query or fragment",
    "http://me:secret@app.test": "no user name or password",
    "http://": "expected a host name",
    "http://app.test:0": "port 0",
    "http://app.test:99999": "at most 65535",
    "unix:app.sock": "absolute path of a socket",
}


@pytest.mark.parametrize(("text", "authority"), AUTHORITIES.items())
def test_an_authority_is_a_host_and_perhaps_a_port(text: str, authority: Authority) -> None:
    """Names, IPv4 and IPv6 addresses are read, case and the spelling of an IPv6 address normalised."""
    assert parse_authority(text) == authority


@pytest.mark.parametrize("text", NO_AUTHORITIES)
def test_what_is_no_authority_is_refused(text: str) -> None:
    """Nothing but RFC 9110's `uri-host [ ":" port ]` is taken for an authority (row 14)."""
    with pytest.raises(ValueError, match=r"expected|at most"):
        parse_authority(text)


@pytest.mark.parametrize(("text", "address"), LISTENERS.items())
def test_a_listener_is_a_tcp_or_unix_address(text: str, address: Address) -> None:
    """Each form of `listen` is read."""
    assert parse_listen(text) == address


@pytest.mark.parametrize(("text", "complaint"), NO_LISTENERS.items())
def test_a_listener_that_is_none_is_refused_with_what_was_expected(text: str, complaint: str) -> None:
    """The error says what is wrong or missing."""
    with pytest.raises(ValueError, match=complaint):
        parse_listen(text)


@pytest.mark.parametrize(("text", "origin"), ORIGINS.items())
def test_an_origin_says_where_and_under_which_authority(text: str, origin: Origin) -> None:
    """Each form of an origin is read; the port is left out of the authority where the scheme implies it."""
    assert parse_origin(text) == origin


@pytest.mark.parametrize(("text", "complaint"), NO_ORIGINS.items())
def test_an_origin_that_is_none_is_refused_with_what_is_wrong(text: str, complaint: str) -> None:
    """A path, a query or userinfo in an origin is an error that says so, without echoing a password."""
    with pytest.raises(ValueError, match=complaint) as refused:
        parse_origin(text)
    assert "secret" not in str(refused.value)


@pytest.mark.parametrize("address", [*LISTENERS.values(), TcpAddress("app.test", 80)])
def test_an_address_reads_as_it_is_written(address: Address) -> None:
    """The text form of an address is read as that address."""
    assert parse_listen(str(address)) == address


@given(
    host=st.one_of(
        st.ip_addresses().map(lambda ip: bracketed(str(ip))), st.from_regex(r"[a-z0-9._-]+", fullmatch=True)
    ),
    port=st.none() | st.integers(0, 65535),
)
def test_an_authority_reads_as_it_is_written(host: str, port: int | None) -> None:
    """The text form of an authority is read as that authority."""
    authority = parse_authority(host if port is None else f"{host}:{port}")
    assert authority.port == port
    assert parse_authority(str(authority)) == authority


@pytest.mark.parametrize(("scheme", "port"), [("http", 80), ("https", 443)])
def test_the_scheme_supplies_the_port_that_is_left_out(scheme: str, port: int) -> None:
    """An authority without a port names the same server as one with the scheme's default, and no other."""
    bare = Authority("api.test", None)
    assert bare.names_same(Authority("api.test", port), scheme)
    assert Authority("api.test", port).names_same(bare, scheme)
    assert not bare.names_same(Authority("api.test", port + 1), scheme)
    assert not bare.names_same(Authority("api.tes", None), scheme)
