"""Where a listener or an origin server is: authorities, TCP and Unix addresses, and their text forms.

What lives here: grammar only. Nothing resolves a name or opens a socket, and no request is judged here.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address

DEFAULT_PORTS = {"http": 80, "https": 443}
"""The port of a scheme when the authority names none (RFC 9110 §4.2)."""

# RFC 3986 §3.2.2. A dotted IPv4 address is also a reg-name; an empty host is not allowed by RFC 9110 §4.2.1.
_REG_NAME = r"(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})+"
_AUTHORITY = re.compile(rf"(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<name>{_REG_NAME}))(?P<port>:[0-9]{{0,5}})?")
_ORIGIN = re.compile(r"(?P<scheme>[A-Za-z][A-Za-z0-9+.\-]*)://(?P<authority>[^/?#]*)(?P<rest>.*)", re.DOTALL)
_UNIX = "unix:"
_MAX_PORT = 65535


@dataclass(frozen=True, slots=True)
class Authority:
    """A host and the port written with it. `host` is in lower case and without the brackets of an IPv6 address."""

    host: str
    port: int | None

    def __str__(self) -> str:
        host = bracketed(self.host)
        return host if self.port is None else f"{host}:{self.port}"

    def names_same(self, other: "Authority", scheme: str) -> bool:
        """Tell whether both name one server when `scheme` supplies the port that is left out (RFC 9110 §4.2.3)."""
        default = DEFAULT_PORTS[scheme]
        mine = default if self.port is None else self.port
        theirs = default if other.port is None else other.port
        return (self.host, mine) == (other.host, theirs)


@dataclass(frozen=True, slots=True)
class TcpAddress:
    """A TCP address. `host` has no brackets; empty, it stands for every interface. Port 0: any free one."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{bracketed(self.host)}:{self.port}"


@dataclass(frozen=True, slots=True)
class UnixAddress:
    """A Unix stream socket, by the absolute path of its file."""

    path: str

    def __str__(self) -> str:
        return f"{_UNIX}{self.path}"


Address = TcpAddress | UnixAddress


@dataclass(frozen=True, slots=True)
class Origin:
    """The origin server. `authority` goes into Host when the client sent none (RFC 9110 §7.2)."""

    address: Address
    tls: bool
    authority: str


def bracketed(host: str) -> str:
    """Return a host as it stands in a URI: an IPv6 address in brackets (RFC 3986 §3.2.2)."""
    return f"[{host}]" if ":" in host else host


@lru_cache(maxsize=256)  # a request's Host is read more than once, and so is that of the next
def parse_authority(text: str) -> Authority:
    """Read `uri-host [ ":" port ]` (RFC 9110 §7.2). Raised when it is anything else, userinfo included: ValueError."""
    match = _AUTHORITY.fullmatch(text)
    if match is None:
        raise ValueError("expected a host name or address and an optional port")
    host = match["name"] if match["v6"] is None else _ipv6(match["v6"])
    return Authority(host.lower(), _port(match["port"]))


def parse_listen(text: str) -> Address:
    """Read where to listen: `host:port`, `[v6]:port`, `:port` or `unix:/path`. Raised otherwise: ValueError."""
    if text.startswith(_UNIX):
        return _unix(text)
    expected = "expected host:port, [ipv6]:port, :port or unix:/path"
    if "/" in text:
        raise ValueError(f"{expected}, without a scheme or a path")
    everywhere = text.startswith(":")
    authority = parse_authority(f"localhost{text}" if everywhere else text)
    if authority.port is None:
        raise ValueError(f"{expected}; the port is missing")
    return TcpAddress("" if everywhere else authority.host, authority.port)


def parse_origin(text: str) -> Origin:
    """Read `http://host[:port]`, `https://host[:port]` or `unix:/path`. Raised otherwise: ValueError."""
    if text.startswith(_UNIX):
        return Origin(_unix(text), tls=False, authority="localhost")
    match = _ORIGIN.fullmatch(text)
    scheme = "" if match is None else match["scheme"].lower()
    if match is None or scheme not in DEFAULT_PORTS:
        raise ValueError("expected http://host[:port], https://host[:port] or unix:/path")
    _refuse_extras(match["authority"], match["rest"])
    authority = parse_authority(match["authority"])
    port = DEFAULT_PORTS[scheme] if authority.port is None else authority.port
    if port == 0:
        raise ValueError("port 0 cannot be connected to")
    written = Authority(authority.host, None if port == DEFAULT_PORTS[scheme] else port)
    return Origin(TcpAddress(authority.host, port), tls=scheme == "https", authority=str(written))


def _refuse_extras(authority: str, rest: str) -> None:
    """Refuse what an origin cannot have. Nothing is echoed: userinfo holds a password."""
    if "@" in authority:
        raise ValueError("an origin has no user name or password; the client's own credentials are forwarded")
    if "?" in rest or "#" in rest:
        raise ValueError("an origin has no query or fragment")
    if rest not in {"", "/"}:  # RFC 3986 §6.2.3: an empty path and "/" are the same
        raise ValueError("an origin has no path; targets are forwarded as they are")


def _unix(text: str) -> UnixAddress:
    path = text.removeprefix(_UNIX)
    path = path.removeprefix("//") if path.startswith("///") else path
    if not path.startswith("/") or path.startswith("//") or "\0" in path:
        raise ValueError("expected unix: and the absolute path of a socket, such as unix:/run/app.sock")
    return UnixAddress(path)


def _ipv6(text: str) -> str:
    try:
        return IPv6Address(text).compressed  # so that [::1] and [0:0::1] name one host
    except AddressValueError:
        raise ValueError("expected an IPv6 address between the brackets") from None


def _port(text: str | None) -> int | None:
    """Return the port of `:digits`. An empty one is as good as none (RFC 3986 §3.2.3)."""
    if text is None or text == ":":
        return None
    port = int(text[1:])
    if port > _MAX_PORT:
        raise ValueError("a port is at most 65535")
    return port
