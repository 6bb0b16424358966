"""The addresses of stores and their text forms."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.address import Address, TcpAddress, UnixAddress
from proxy.core.store_address import MEMORY, StoreAddress, Topology, parse_store

HERE = TcpAddress("h", 6379)
SENTINEL = TcpAddress("h", 26379)
SOCKET = UnixAddress("/run/redis.sock")


def single(node: Address = HERE, **others: Any) -> StoreAddress:
    """Return the address of one server."""
    return StoreAddress(Topology.SINGLE, (node,), **others)


def sentinel(*nodes: Address, **others: Any) -> StoreAddress:
    """Return the address of a service called `main` behind sentinels."""
    return StoreAddress(Topology.SENTINEL, nodes or (SENTINEL,), "main", **others)


ADDRESSES = {
    "memory://": MEMORY,
    "redis://h": single(),
    "REDIS://H/": single(),
    "redis://h:/0": single(),
    "redis://h:7000/3": single(TcpAddress("h", 7000), database=3),
    "redis://[0::1]:7000": single(TcpAddress("::1", 7000)),
    "redis://:p@h": single(password="p"),
    "redis://u@h": single(username="u"),
    "redis://u:p@h": single(username="u", password="p"),
    "redis://u:@h": single(username="u"),
    "redis://:@h": single(),
    "redis://a%3Ab:c%40%2F%25:d@h": single(username="a:b", password="c@/%:d"),
    "redis://h?prefix=app-1.x_Y": single(prefix="app-1.x_Y"),
    "rediss://h": single(tls=True),
    "rediss://h?ca=a%20b.pem&certificate=/c&key=k": single(tls=True, ca="a b.pem", certificate="/c", key="k"),
    "unix:/run/redis.sock": single(SOCKET),
    "unix:///run/redis.sock?db=2": single(SOCKET, database=2),
    "unix://u:p@/run/redis.sock": single(SOCKET, username="u", password="p"),
    "unix:/run/a%3Fb@c?prefix=x": single(UnixAddress("/run/a?b@c"), prefix="x"),
    "redis+sentinel://h/main": sentinel(),
    "redis+sentinel://h/main/": sentinel(),
    "redis+sentinel://h:1,[::2],g/main/4": sentinel(
        TcpAddress("h", 1), TcpAddress("::2", 26379), TcpAddress("g", 26379), database=4
    ),
    "redis+sentinel://u:p,q@h/main?sentinel_username=s&sentinel_password=t%26": sentinel(
        username="u", password="p,q", sentinel_username="s", sentinel_password="t&"
    ),
    "redis+sentinel://h/main?sentinel_password=": sentinel(),
    "redis+sentinel://h/a%2Fb": replace(sentinel(), service="a/b"),
    "rediss+sentinel://h/main?ca=c": sentinel(tls=True, ca="c"),
    "redis+cluster://h": StoreAddress(Topology.CLUSTER, (HERE,)),
    "redis+cluster://h,g:7/": StoreAddress(Topology.CLUSTER, (HERE, TcpAddress("g", 7))),
    "rediss+cluster://:p@h": StoreAddress(Topology.CLUSTER, (HERE,), password="p", tls=True),
}

NO_ADDRESSES = {
    "": "expected memory://, redis://, rediss://, redis+sentinel://, rediss+sentinel://, redis+cluster://, ",
    "localhost:6379": "rediss+cluster:// or unix://",
    "http://h": "or unix://",
    "valkey://h": "did you mean redis://?",
    "redis+clusters://h": "did you mean redis+cluster://?",
    "memory:": "expected memory://, ",
    "memory:///": "expected memory:// and nothing behind it",
    "memory://h": "expected memory:// and nothing behind it",
    "memory://u@": "expected memory:// and nothing behind it",
    "memory://?prefix=a": "expected memory:// and nothing behind it",
    "redis://": "expected a host name",
    "redis:///0": "expected a host name",
    "redis://:6379": "expected a host name",
    "redis://:p@": "expected a host name",
    "redis://::1": "expected a host name",
    "redis://h:port": "expected a host name",
    "redis://h:65536": "at most 65535",
    "redis://h:0": "port 0 cannot be connected to",
    "redis://a,b": "expected one host; several are for redis+sentinel:// and redis+cluster://",
    "redis://h/x": "expected the database to be a number",
    "redis://h/1/2": "expected the database to be a number",
    "redis://h/-1": "expected the database to be a number",
    "redis://h/\xb2": "expected the database to be a number",
    "redis://h/123456": "expected the database to be a number",
    "redis://h#0": "expected no fragment",
    "redis://:%zz@h": "expected two hexadecimal digits behind each %",
    "redis://h?password=p": "found an unknown parameter; expected prefix; in a user name",
    "redis://h?Prefix=p": "did you mean prefix?",
    "redis://h?db=1": "db is for unix: alone; elsewhere the number of the database follows a /",
    "redis://h?ca=a": "ca needs TLS: a scheme that begins with rediss",
    "redis://h?key=a": "key needs TLS",
    "unix:/run/a?certificate=a": "certificate needs TLS",
    "redis://h?sentinel_username=a": "sentinel_username is for redis+sentinel://",
    "rediss+cluster://h?sentinel_password=a": "sentinel_password is for redis+sentinel://",
    "redis://h?prefix=": "expected prefix to be 1 to 32 letters",
    "redis://h?prefix=a:b": "expected prefix to be 1 to 32 letters",
    "redis://h?prefix=%7Ba%7D": "expected prefix to be 1 to 32 letters",
    f"redis://h?prefix={'a' * 33}": "expected prefix to be 1 to 32 letters",
    "redis://h?prefix=a&prefix=b": "expected each parameter once",
    "rediss://h?certificate=a": "certificate and key are given together or not at all",
    "rediss://h?key=a": "certificate and key are given together or not at all",
    "rediss://h?ca=": "expected the name of a file",
    "rediss://h?ca=%00": "expected no NUL",
    "rediss://h?cas=a": "expected prefix, ca, certificate or key; did you mean ca?",
    "unix:": "absolute path of a socket",
    "unix:redis.sock": "absolute path of a socket",
    "unix://run/redis.sock": "absolute path of a socket",
    "unix://u:p@h/run/redis.sock": "absolute path of a socket",
    "unix:////run/redis.sock": "absolute path of a socket",
    "unix:/run/redis.sock?db=x": "expected the database to be a number",
    "redis+sentinel://h": "expected the name of a service behind the sentinels",
    "redis+sentinel://h//1": "expected the name of a service behind the sentinels",
    "redis+sentinel://h/main/x": "expected the database to be a number",
    "redis+sentinel://h,/main": "expected a host name",
    "redis+sentinel://h/main?db=1": "db is for unix: alone",
    "redis+cluster://h/0": "a cluster has no numbered databases",
    "redis+cluster://h,h:x": "expected a host name",
}


@pytest.mark.parametrize(("text", "address"), ADDRESSES.items())
def test_a_url_is_an_address(text: str, address: StoreAddress) -> None:
    """Each form means what it means to other programs; ports and prefix have defaults, what is encoded is decoded."""
    assert parse_store(text) == address


@pytest.mark.parametrize(("text", "message"), NO_ADDRESSES.items())
def test_another_text_is_refused(text: str, message: str) -> None:
    """The sentence says what is expected."""
    with pytest.raises(ValueError, match=r".") as caught:
        parse_store(text)
    assert message in str(caught.value)


def test_only_what_is_in_memory_is_not_shared() -> None:
    """Every other store can be used by other processes."""
    assert {text for text in ADDRESSES if not parse_store(text).shared} == {"memory://"}


def test_a_socket_is_told_from_a_host() -> None:
    """A server on this machine may be reached by a file."""
    assert single(SOCKET).socket == SOCKET
    assert [address.socket for address in (single(), sentinel(), MEMORY)] == [None, None, None]


@pytest.mark.parametrize(
    ("address", "text"),
    [
        (MEMORY, "memory://"),
        (single(), "redis://h:6379"),
        (single(username="a:b", password="p", database=1), "redis://a%3Ab@h:6379/1"),
        (single(password="p", tls=True, ca="/a b", prefix="x"), "rediss://h:6379?prefix=x&ca=/a%20b"),
        (single(tls=True, certificate="c", key="k"), "rediss://h:6379?certificate=c&key=k"),
        (single(SOCKET, password="p", database=1), "unix:///run/redis.sock?db=1"),
        (single(UnixAddress("/run/a?b"), username="u"), "unix://u@/run/a%3Fb"),
        (
            sentinel(TcpAddress("::1", 1), SENTINEL, sentinel_username="s", sentinel_password="p", database=2),
            "redis+sentinel://[::1]:1,h:26379/main/2?sentinel_username=s",
        ),
        (StoreAddress(Topology.CLUSTER, (HERE, HERE), tls=True), "rediss+cluster://h:6379,h:6379"),
    ],
)
def test_an_address_is_written_as_a_url(address: StoreAddress, text: str) -> None:
    """It can be copied into a configuration, the passwords apart."""
    assert str(address) == text


NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8)
OPTIONAL = st.none() | NAMES
PREFIXES = st.text("aZ0._-", min_size=1, max_size=32)
TCP = st.builds(TcpAddress, st.sampled_from(["h", "10.0.0.1", "::1"]), st.integers(1, 65535))
NODES = st.lists(TCP, min_size=1, max_size=3).map(tuple)
CREDENTIALS = {"username": OPTIONAL, "password": OPTIONAL, "prefix": PREFIXES}
DATABASES = st.integers(0, 99999)
FILES = st.fixed_dictionaries({"tls": st.just(value=True), "ca": OPTIONAL}) | st.fixed_dictionaries(
    {"tls": st.just(value=True), "certificate": NAMES, "key": NAMES}
)


@st.composite
def addresses(draw: st.DrawFn) -> StoreAddress:
    """Draw any shared store."""
    parts: dict[str, Any] = draw(st.fixed_dictionaries(CREDENTIALS))
    topology = draw(st.sampled_from([Topology.SINGLE, Topology.SENTINEL, Topology.CLUSTER]))
    nodes: tuple[Address, ...] = draw(NODES)
    if topology is Topology.SINGLE:
        nodes = draw(TCP.map(lambda node: (node,)) | NAMES.map(lambda name: (UnixAddress(f"/r{name}"),)))
    if topology is not Topology.CLUSTER:
        parts["database"] = draw(DATABASES)
    if topology is Topology.SENTINEL:
        keys = ("service", "sentinel_username", "sentinel_password")
        parts |= draw(st.fixed_dictionaries(dict(zip(keys, (NAMES, OPTIONAL, OPTIONAL), strict=True))))
    if not isinstance(nodes[0], UnixAddress):
        parts |= draw(FILES | st.just({}))
    return StoreAddress(topology, nodes, **parts)


@given(addresses())
def test_what_is_written_is_read_the_same(address: StoreAddress) -> None:
    """But for the passwords, which are not written: the text form loses and invents nothing."""
    assert parse_store(str(address)) == replace(address, password=None, sentinel_password=None)


@given(addresses())
def test_no_password_is_shown(address: StoreAddress) -> None:
    """Neither in the text form nor in what a traceback or a log shows."""
    hidden = replace(
        address, password="hunter2", sentinel_password="hunter2" if address.topology is Topology.SENTINEL else None
    )
    assert "hunter2" not in f"{hidden} {hidden!r}"


@given(
    st.sampled_from([*ADDRESSES, *NO_ADDRESSES]),
    st.integers(0, 60),
    st.sampled_from(["", ":", "/", "?", "#", "@", "%"]),
)
def test_no_message_repeats_what_was_read(text: str, at: int, around: str) -> None:
    """Wherever a password came to stand, the sentence does not hold it."""
    assert "hunter2" not in said(f"{text[:at]}{around}hunter2{around}{text[at:]}")


def said(text: str) -> str:
    """Return what is said of a text, nothing where it is an address."""
    try:
        parse_store(text)
    except ValueError as fault:
        return str(fault)
    return ""
