"""The notations of single values."""

import re
from ipaddress import ip_network
from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from proxy.config import route_scalars, scalars
from proxy.config.notation import TEXT_EXPECTED
from proxy.core.address import Origin, TcpAddress, UnixAddress
from proxy.core.store_address import MEMORY, StoreAddress, Topology
from proxy.core.template import Template

TEXT_TYPES = {
    "listen": scalars.Listen,
    "admin": scalars.Admin,
    "upstream": scalars.Upstream,
    "store": scalars.Store,
    "path": route_scalars.PathTemplate,
    "name": route_scalars.Name,
    "method": route_scalars.Method,
    "pointer": route_scalars.Pointer,
    "peer": scalars.Peer,
    "file": scalars.File,
    "fence": route_scalars.FenceField,
}
QUANTITIES = {
    "duration": scalars.Duration,
    "timeout": scalars.Timeout,
    "trust": route_scalars.Trust,
    "size": scalars.Size,
}


def read(notation: Any, value: object) -> object:
    """Return what a value of a notation means."""
    return TypeAdapter(notation).validate_python(value)


def fault(notation: Any, value: object) -> tuple[str, str]:
    """Return the type and message of the one error about a value."""
    with pytest.raises(ValidationError) as caught:
        read(notation, value)
    (error,) = caught.value.errors()
    return error["type"], error["msg"].removeprefix("Value error, ")


@pytest.mark.parametrize(
    ("notation", "text", "meaning"),
    [
        ("listen", "127.0.0.1:80", TcpAddress("127.0.0.1", 80)),
        ("listen", "unix:/run/a", UnixAddress("/run/a")),
        ("admin", "off", None),
        ("admin", ":1", TcpAddress("", 1)),
        ("upstream", "https://h", Origin(TcpAddress("h", 443), tls=True, authority="h")),
        ("store", "memory://", MEMORY),
        ("store", "redis://h", StoreAddress(Topology.SINGLE, (TcpAddress("h", 6379),))),
        ("fence", "Fencing-Token", "Fencing-Token"),
        ("fence", "X-Lease", "X-Lease"),
        ("path", "/wiki/{id}", Template.parse("/wiki/{id}")),
        ("name", "GET /a {b}", "GET /a {b}"),
        ("method", "M-SEARCH", "M-SEARCH"),
        ("pointer", "/a/*/~0", "/a/*/~0"),
        ("peer", "10.0.0.0/8", ip_network("10.0.0.0/8")),
        ("peer", "10.1.2.3", ip_network("10.1.2.3/32")),
        ("peer", "10.1.2.3/32", ip_network("10.1.2.3/32")),
        ("peer", "::1", ip_network("::1/128")),
        ("file", "a b.pem", "a b.pem"),
    ],
)
def test_text_means_something(notation: str, text: str, meaning: object) -> None:
    """Each notation is read as what the core takes."""
    assert read(TEXT_TYPES[notation], text) == meaning


@pytest.mark.parametrize(
    ("notation", "text", "message"),
    [
        ("listen", "off", "the port is missing"),
        ("upstream", "h:80", "expected http://host[:port]"),
        ("store", "http://h", "expected memory://, redis://, "),
        ("store", "memory://x", "expected memory:// and nothing behind it"),
        ("path", "wiki", "it must begin with '/'"),
        ("path", "/{a}/{a}", "more than once"),
        ("name", "", "expected a name"),
        ("name", " a", "expected a name"),
        ("name", "caf\u00e9", "expected a name"),
        ("name", "unmatched", "take another"),
        ("method", "put", "expected a method in upper case"),
        ("method", "", "expected a method in upper case"),
        ("method", "TRACE", "TRACE is never served"),
        ("method", "CONNECT", "CONNECT is never served"),
        ("pointer", "a", "begin with '/'"),
        ("pointer", "", "the whole document"),
        ("peer", "10.0.0.1/8", "this address lies inside the network; write 10.0.0.0/8"),
        ("peer", "localhost", "expected an IP address or a network"),
        ("peer", "10.0.0.0/33", "expected an IP address or a network"),
        ("peer", "", "expected an IP address or a network"),
        ("file", "", "expected the name of a file"),
        ("file", "a\0", "expected the name of a file"),
        ("fence", "", "expected the name of a field"),
        ("fence", "X Y", "expected the name of a field"),
        ("fence", "X-Y:", "expected the name of a field"),
        ("fence", "caf\u00e9", "expected the name of a field"),
    ],
)
def test_other_text_is_refused(notation: str, text: str, message: str) -> None:
    """The sentence says what is expected, and does not begin with where the rule comes from."""
    kind, said = fault(TEXT_TYPES[notation], text)
    assert kind == "value_error"
    assert message in said
    assert not re.match(r"JSON Pointer|path template", said)


@pytest.mark.parametrize("value", [None, 3, 1.5, True, (), {}])
@pytest.mark.parametrize("notation", TEXT_TYPES)
def test_only_text_is_read_as_text(notation: str, value: object) -> None:
    """Nothing is turned into text: 010 is not `8`, and no list is an address."""
    kind, said = fault(TEXT_TYPES[notation], value)
    assert kind == TEXT_EXPECTED
    assert said.startswith("expected ")


@pytest.mark.parametrize(
    ("notation", "value", "message"),
    [
        ("duration", 20, "write 20s"),
        ("timeout", 1.5, "write 1.5s"),
        ("size", 1048576, "write 1MiB"),
        ("duration", -1, "expected a duration"),
        ("timeout", "0s", "more than zero"),
        ("trust", 1, "write 1s"),
        ("trust", "60.001m", "at most 1h"),
        ("duration", True, "expected a duration"),
        ("duration", None, "expected a duration"),
        ("size", (), "expected a size"),
    ],
)
def test_a_quantity_has_a_unit(notation: str, value: object, message: str) -> None:
    """A bare number is answered with the same number and a unit."""
    kind, said = fault(QUANTITIES[notation], value)
    assert kind == "value_error"
    assert message in said


def test_a_duration_may_be_zero_and_a_timeout_not() -> None:
    """Draining may be switched off; a step that may take no time would always fail."""
    assert read(scalars.Duration, "0s") == 0
    assert read(scalars.Timeout, "1ms") == 0.001


def test_trust_lasts_an_hour_at_most() -> None:
    """None at all is the default; what is remembered for longer is no current state."""
    assert [read(route_scalars.Trust, text) for text in ("0s", "1h")] == [0, 3600]


@pytest.mark.parametrize(
    "name",
    [
        *("Connection", "Keep-Alive", "Proxy-Connection", "TE", "Trailer", "Upgrade"),
        *("Transfer-Encoding", "Content-Length", "Content-Type", "content-range", "Content-Anything"),
        *("If-Match", "If-None-Match", "If-Modified-Since", "If-Unmodified-Since", "If-Range", "Range", "ETag"),
        *("Host", "Via", "Forwarded", "X-Forwarded-For", "Authorization", "Proxy-Authorization", "Cookie", "Accept"),
        *("X-HTTP-Method-Override", "X-Original-URL", "Script-Name", "If_Match", "HOST", "Fencing_Token"),
    ],
)
def test_a_fence_takes_no_other_field_s_place(name: str) -> None:
    """What frames, routes, authorizes or conditions a request is not overwritten, in any spelling of its name."""
    assert fault(route_scalars.FenceField, name) == (
        "value_error",
        "this field has a meaning of its own; take another, such as Fencing-Token",
    )
