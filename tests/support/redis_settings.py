"""How a redis-server is set up, and so how it is reached.

What lives here: the lines of redis.conf, the URL a client is given, and what a connection of our own needs. The process
is `tests.support.redis_server`'s.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from redis.backoff import NoBackoff
from redis.connection import Connection, SSLConnection, UnixDomainSocketConnection
from redis.retry import Retry

from tests.support.child import PATIENCE
from tests.support.ports import LOOPBACK

CERTIFICATE = Path(__file__).parents[1] / "adapters" / "upstream" / "localhost.pem"
"""A certificate for localhost and 127.0.0.1 that signs itself, and its key."""

TESTER = "tester"
"""The user that asks on behalf of a test where there are users; they may then turn off the default one."""

AnyConnection = Connection | UnixDomainSocketConnection

_ALWAYS = (
    f"bind {LOOPBACK}",
    "protected-mode no",
    'save ""',
    "appendfsync always",
    "repl-diskless-sync-delay 0",
    "repl-ping-replica-period 1",
    "rdb-del-sync-files yes",
)
"""Loopback only; nothing on disk unless asked for, nor what a master sent; no waiting for replicas that never come."""


@dataclass(frozen=True, slots=True)
class Settings:
    """How a server is set up; `extra` are lines of redis.conf as they are, `acl` those that begin with `user`."""

    password: str | None = None
    acl: tuple[str, ...] = ()
    policy: str = "noeviction"
    appendonly: bool = False
    unix: bool = False
    tls: bool = False
    replica_of: int | None = None
    """The port of the master."""
    min_replicas: int = 0
    bus_port: int | None = None
    """Where nodes of a cluster talk to each other; None for a server that is no such node."""
    extra: tuple[str, ...] = ()

    def lines(self, port: int, folder: Path) -> Iterator[str]:
        """Yield the lines of redis.conf."""
        yield from (*_ALWAYS, f'dir "{folder}"', f"maxmemory-policy {self.policy}")
        yield f"min-replicas-to-write {self.min_replicas}"
        yield f"appendonly {'yes' if self.appendonly else 'no'}"
        yield from self._listening(port, folder)
        if self.password is not None:
            yield from (f'requirepass "{self.password}"', f'masterauth "{self.password}"')
        if self.acl:
            yield from (*self.acl, f"user {TESTER} on >{TESTER} ~* &* +@all")
        if self.replica_of is not None:
            yield f"replicaof {LOOPBACK} {self.replica_of}"
        if self.bus_port is not None:
            yield from ("cluster-enabled yes", f"cluster-port {self.bus_port}")
        yield from self.extra

    def _listening(self, port: int, folder: Path) -> Iterator[str]:
        yield f"port {0 if self.tls else port}"
        if self.tls:
            yield from (f"tls-port {port}", "tls-auth-clients no")
            yield from (f'{name} "{CERTIFICATE}"' for name in ("tls-cert-file", "tls-key-file", "tls-ca-cert-file"))
        if self.unix:
            yield f'unixsocket "{_socket(folder)}"'

    @property
    def userinfo(self) -> str:
        """What stands in a URL before the place: the password and an @, or nothing."""
        return "" if self.password is None else f":{quote(self.password, safe='')}@"

    def url(self, port: int, folder: Path) -> str:
        """Return where a client finds it, as `store:` has it."""
        if self.unix:
            return f"unix:{'//' if self.userinfo else ''}{self.userinfo}{_socket(folder)}"
        return self.url_at(port)

    def url_at(self, port: int) -> str:
        """Return the URL with any port, over TCP."""
        if self.tls:
            return f"rediss://{self.userinfo}{LOOPBACK}:{port}?ca={CERTIFICATE}"
        return f"redis://{self.userinfo}{LOOPBACK}:{port}"

    @property
    def connection(self) -> type[AnyConnection]:
        """The class of our own connections."""
        if self.unix:
            return UnixDomainSocketConnection
        return SSLConnection if self.tls else Connection

    def access(self, port: int, folder: Path) -> Mapping[str, Any]:
        """Return what such a connection needs, and that it says nothing of its own accord, which would be counted."""
        user = {"username": TESTER, "password": TESTER} if self.acl else {"password": self.password}
        place = {"path": str(_socket(folder))} if self.unix else {"host": LOOPBACK, "port": port}
        trust = {"ssl_ca_certs": str(CERTIFICATE)} if self.tls and not self.unix else {}
        quiet = {"protocol": 2, "driver_info": None, "retry": Retry(NoBackoff(), 0)}
        return {**user, **place, **trust, **quiet, "socket_timeout": PATIENCE}


def _socket(folder: Path) -> Path:
    return folder / "redis.sock"
