"""From settings to a proxy that serves: the one place where adapters, gateway and servers meet.

What lives here: assembly, start and end, for `run` and `demo` alike. What must not: options, signals, output.
"""

import ssl
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from socket import socket

from proxy.access_log import AccessLog
from proxy.adapters.upstream import HttpUpstream
from proxy.adapters.workshop.pause import pause
from proxy.adapters.workshop.shop import Shop
from proxy.admin import Admin
from proxy.cli.foreground import naming
from proxy.cli.keeping import keeping
from proxy.cli.limits import room_for_clients
from proxy.config import ConfigurationError, Settings, TlsFiles
from proxy.core.address import Address
from proxy.core.minting import Minter
from proxy.gateway import Gateway
from proxy.metrics import Metrics
from proxy.server import Server


@dataclass(frozen=True, slots=True)
class Served:
    """A proxy that serves, and where. `admin` is None where there is no admin port."""

    gateway: Gateway
    listen: Address
    admin: Address | None


class CutOffError(Exception):
    """Draining took longer than it may: what was in flight was cut off, and writes may have been applied."""


@asynccontextmanager
async def serving(
    settings: Settings,
    access_log: AccessLog,
    own: Sequence[socket] = (),
    *,
    metrics: Metrics | None = None,
    say: Callable[[str], None] = lambda _line: None,
) -> AsyncIterator[Served]:
    """Serve until left; then drain.

    `own` are sockets that are bound to the address already; the admin port is then somebody else's. `say` writes a line
    for people when something about the store changes.

    Raised when an address cannot be had: `OSError`; for TLS, or a store that must not be used: `ConfigurationError`; on
    leaving: `CutOffError`.
    """
    counts = metrics or Metrics()
    context = None if settings.tls is None else _tls(settings.tls)
    minter = Minter(settings.tag_key, pause)
    ready = _Readiness()
    async with AsyncExitStack() as ending:
        kept = await ending.enter_async_context(keeping(settings, counts, say))
        shop = Shop()
        ending.push_async_callback(shop.aclose)
        upstream = HttpUpstream(settings.upstream, connections=settings.connections)
        ending.push_async_callback(upstream.aclose)
        gateway = Gateway(settings.routes, upstream, kept.lock, kept.state, minter, shop)
        told, room = (access_log.write, counts.request), room_for_clients()
        server = Server(
            gateway, trusted=_trusted(settings), witnesses=told, tunnels=upstream, scouts=upstream, room=room
        )
        admin = Admin(ready, counts.exposition)
        ending.push_async_callback(admin.close)
        ending.push_async_callback(_drain, server, settings.drain, ready)
        with naming(settings.admin):
            bound_admin = None if settings.admin is None or own else await admin.start(settings.admin)
        with naming(settings.listen):
            bound = await server.start(settings.listen, context, own)
        ready.value = True
        yield Served(gateway, bound, bound_admin)


async def _drain(server: Server, seconds: float, ready: "_Readiness") -> None:
    """Let what is in flight finish. Raised when it took too long: `CutOffError`."""
    ready.value = False
    if not await server.drain(seconds):
        raise CutOffError


class _Readiness:
    """Whether the proxy takes requests: not while it starts, not while it drains, whatever the origin server does."""

    def __init__(self) -> None:
        self.value = False

    def __call__(self) -> bool:
        return self.value


def _trusted(settings: Settings) -> Callable[[str | None], bool]:
    """Return what tells whether a peer's forwarded fields are believed. None is a peer on a Unix socket."""
    networks = settings.trusted_peers

    def trusted(peer: str | None) -> bool:
        if peer is None or not networks:
            return False
        address = ip_address(peer.partition("%")[0])
        mapped = getattr(address, "ipv4_mapped", None)
        return any((mapped or address) in network for network in networks)

    return trusted


def _tls(files: TlsFiles) -> ssl.SSLContext:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    try:
        context.load_cert_chain(files.certificate, files.key)
    except (OSError, ssl.SSLError) as fault:
        raise ConfigurationError([f"tls: {files.certificate} and {files.key} cannot be used: {fault}"]) from fault
    return context
