"""Where the store of locks and remembered tags is: its address, and the text form of that, a URL.

What lives here: grammar only. Nothing connects, and no file that an address names is opened. A message about a text
never repeats it, since it may hold a password.
"""

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final
from urllib.parse import quote

from proxy.core.address import Address, TcpAddress, UnixAddress, parse_authority, parse_listen
from proxy.core.store_url import ESCAPES, SOCKET, StoreUrl, close_to, decoded, listed, split


class Topology(Enum):
    """What answers at the addresses of a store."""

    MEMORY = "memory"
    """Nothing: what is stored is in the process."""
    SINGLE = "single"
    """One server."""
    SENTINEL = "sentinel"
    """Sentinels, which say where the primary of a service is."""
    CLUSTER = "cluster"
    """Some nodes of a cluster, which say where the others are."""


DEFAULT_PREFIX: Final = "ifm"
"""How the names of our keys in a store begin."""

DEFAULT_PORT: Final = 6379
SENTINEL_PORT: Final = 26379


@dataclass(frozen=True, slots=True)
class StoreAddress:
    """A store. `nodes` are servers or sentinels, as `topology` says; in memory there are none.

    `service` is what the sentinels are asked for. The credentials are for the servers, those of the sentinels apart.
    `ca`, `certificate` and `key` name PEM files: who signs for the store, and what we show to it.
    """

    topology: Topology
    nodes: tuple[Address, ...]
    service: str | None = None
    database: int = 0
    username: str | None = None
    password: str | None = field(default=None, repr=False)
    sentinel_username: str | None = None
    sentinel_password: str | None = field(default=None, repr=False)
    tls: bool = False
    ca: str | None = None
    certificate: str | None = None
    key: str | None = None
    prefix: str = DEFAULT_PREFIX

    def __str__(self) -> str:
        """Return the URL of this address without any password."""
        user = "" if self.username is None else f"{quote(self.username, safe='')}@"
        query = "&".join(f"{name}={quote(value, safe='/')}" for name, value in self._parameters())
        return f"{self._scheme}://{user}{self._place()}{'?' if query else ''}{query}"

    @property
    def shared(self) -> bool:
        """Tell whether other processes can use this store too."""
        return self.topology is not Topology.MEMORY

    @property
    def socket(self) -> UnixAddress | None:
        """Return the Unix socket of the server, None where it is reached over TCP."""
        (first, *_) = self.nodes or (None,)
        return first if isinstance(first, UnixAddress) else None

    @property
    def _scheme(self) -> str:
        if self.socket is not None:
            return SOCKET
        return next(scheme for scheme, meant in _SCHEMES.items() if meant == (self.topology, self.tls))

    def _place(self) -> str:
        if self.socket is not None:
            return quote(self.socket.path)
        service = [] if self.service is None else [quote(self.service, safe="")]
        database = [str(self.database)] if self.database else []
        return "/".join([",".join(map(str, self.nodes)), *service, *database])

    def _parameters(self) -> Iterator[tuple[str, str]]:
        if self.socket is not None and self.database:
            yield "db", str(self.database)
        if self.prefix != DEFAULT_PREFIX:
            yield "prefix", self.prefix
        for name in ("ca", "certificate", "key", "sentinel_username"):
            value: str | None = getattr(self, name)
            if value is not None:
                yield name, value


MEMORY: Final = StoreAddress(Topology.MEMORY, ())
"""The store of a single process."""

_SCHEMES: Final = {
    "memory": (Topology.MEMORY, False),
    "redis": (Topology.SINGLE, False),
    "rediss": (Topology.SINGLE, True),
    "redis+sentinel": (Topology.SENTINEL, False),
    "rediss+sentinel": (Topology.SENTINEL, True),
    "redis+cluster": (Topology.CLUSTER, False),
    "rediss+cluster": (Topology.CLUSTER, True),
    SOCKET: (Topology.SINGLE, False),
}

_TLS_PARAMETERS: Final = ("ca", "certificate", "key")
_SENTINEL_PARAMETERS: Final = ("sentinel_username", "sentinel_password")
_ELSEWHERE: Final = {
    **dict.fromkeys(_TLS_PARAMETERS, "needs TLS: a scheme that begins with rediss"),
    **dict.fromkeys(_SENTINEL_PARAMETERS, "is for redis+sentinel:// and rediss+sentinel:// alone"),
    "db": "is for unix: alone; elsewhere the number of the database follows a /",
}
"""Why a parameter that some addresses have is not one of this address."""

_DATABASE: Final = re.compile(r"[0-9]{0,5}")
_PREFIX: Final = re.compile(r"[A-Za-z0-9._-]{1,32}")

_Place = tuple[tuple[Address, ...], str | None, int]
"""Nodes, service and database."""


def parse_store(text: str) -> StoreAddress:
    """Read the URL of a store.

    `memory://`, `redis://[user[:password]@]host[:port][/db]`, `unix:/path[?db=N]`,
    `redis+sentinel://host[:port][,host...]/service[/db]`, `redis+cluster://host[:port][,host...]`, with credentials as
    in the first; `rediss` in place of `redis` is TLS. Raised when it is none of these: `ValueError`, which says what is
    expected and repeats nothing of the text.
    """
    url = split(text, _SCHEMES)
    topology, tls = _SCHEMES[url.scheme]
    if topology is Topology.MEMORY:
        return _memory(url)
    parameters = _checked(url, topology, tls=tls)
    nodes, service, database = _PLACES[url.scheme.replace("rediss", "redis")](url)
    user, _, password = url.userinfo.partition(":")
    return StoreAddress(
        topology,
        nodes,
        service,
        database,
        username=decoded(user) or None,
        password=decoded(password) or None,
        sentinel_username=parameters.get("sentinel_username") or None,
        sentinel_password=parameters.get("sentinel_password") or None,
        tls=tls,
        ca=parameters.get("ca"),
        certificate=parameters.get("certificate"),
        key=parameters.get("key"),
        prefix=parameters.get("prefix", DEFAULT_PREFIX),
    )


def _memory(url: StoreUrl) -> StoreAddress:
    if url.userinfo or url.hosts or url.path or url.parameters:
        raise ValueError("expected memory:// and nothing behind it; it is in the process")
    return MEMORY


def _checked(url: StoreUrl, topology: Topology, *, tls: bool) -> Mapping[str, str]:
    """Return the parameters, all of which this address may have."""
    known = (
        "prefix",
        *(_TLS_PARAMETERS if tls else ()),
        *(_SENTINEL_PARAMETERS if topology is Topology.SENTINEL else ()),
        *(("db",) if url.scheme == SOCKET else ()),
    )
    unknown = [name for name in url.parameters if name not in known]
    if unknown:
        raise ValueError(_unknown(unknown[0], known))
    if _PREFIX.fullmatch(url.parameters.get("prefix", DEFAULT_PREFIX)) is None:
        raise ValueError("expected prefix to be 1 to 32 letters, digits, dots, underscores or hyphens")
    if ("certificate" in url.parameters) is not ("key" in url.parameters):
        raise ValueError("certificate and key are given together or not at all")
    if not all(url.parameters.get(name, "-") for name in _TLS_PARAMETERS):
        raise ValueError(f"expected the name of a file in each of {', '.join(_TLS_PARAMETERS)}")
    return url.parameters


def _unknown(name: str, known: Collection[str]) -> str:
    if name in _ELSEWHERE:
        return f"{name} {_ELSEWHERE[name]}"
    close = close_to(name, known)
    hint = "" if close is None else f"; did you mean {close}?"
    return f"found an unknown parameter; expected {listed(known)}{hint}; {ESCAPES}"


def _server(url: StoreUrl) -> _Place:
    if "," in url.hosts:
        raise ValueError("expected one host; several are for redis+sentinel:// and redis+cluster://")
    return (_node(url.hosts, DEFAULT_PORT),), None, _database(url.path.removeprefix("/"))


def _sentinels(url: StoreUrl) -> _Place:
    service, _, database = url.path.removeprefix("/").partition("/")
    if not service:
        raise ValueError("expected the name of a service behind the sentinels, such as redis+sentinel://host/mymaster")
    return _nodes(url.hosts, SENTINEL_PORT), decoded(service), _database(database)


def _cluster(url: StoreUrl) -> _Place:
    if url.path not in {"", "/"}:
        raise ValueError("a cluster has no numbered databases; expected nothing behind the hosts but parameters")
    return _nodes(url.hosts, DEFAULT_PORT), None, 0


def _socket(url: StoreUrl) -> _Place:
    if url.hosts:
        raise ValueError("expected the absolute path of a socket, such as unix:/run/redis.sock")
    path = decoded(url.path)
    return (parse_listen(f"{SOCKET}:{path}"),), None, _database(url.parameters.get("db", ""))


_PLACES: Final[Mapping[str, Callable[[StoreUrl], _Place]]] = {
    "redis": _server,
    "redis+sentinel": _sentinels,
    "redis+cluster": _cluster,
    SOCKET: _socket,
}


def _nodes(hosts: str, port: int) -> tuple[Address, ...]:
    return tuple(_node(host, port) for host in hosts.split(","))


def _node(host: str, port: int) -> Address:
    authority = parse_authority(host)
    if authority.port == 0:
        raise ValueError("port 0 cannot be connected to")
    return TcpAddress(authority.host, port if authority.port is None else authority.port)


def _database(text: str) -> int:
    if _DATABASE.fullmatch(text) is None:
        raise ValueError("expected the database to be a number of at most five digits")
    return int(text or "0")
