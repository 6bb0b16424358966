"""From settings to a proxy that serves: the one place where adapters, gateway and servers meet.

What lives here: assembly, start and end, for `run` and `demo` alike. What must not: options, signals, output.
"""

import os
import ssl
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from ipaddress import ip_address

from proxy.adapters.memory import MemoryLock, MemoryState
from proxy.adapters.upstream import HttpUpstream
from proxy.admin import Admin
from proxy.config import ConfigurationError, Settings, TlsFiles
from proxy.core.address import Address
from proxy.core.minting import Minter
from proxy.gateway import Gateway
from proxy.server import Server
from proxy.telemetry import AccessLog


@dataclass(frozen=True, slots=True)
class Served:
    """A proxy that serves, and where. `admin` is None where there is no admin port."""

    gateway: Gateway
    listen: Address
    admin: Address | None


class CutOffError(Exception):
    """Draining took longer than it may: what was in flight was cut off, and writes may have been applied."""


@asynccontextmanager
async def serving(settings: Settings, access_log: AccessLog) -> AsyncIterator[Served]:
    """Serve until left; then drain.

    Raised when an address cannot be had: `OSError`; for TLS: `ConfigurationError`; on leaving: `CutOffError`.
    """
    context = None if settings.tls is None else _tls(settings.tls)
    upstream = HttpUpstream(settings.upstream)
    gateway = Gateway(settings.routes, upstream, MemoryLock(), MemoryState(), Minter(settings.tag_key))
    server = Server(gateway, trusted=_trusted(settings), access_log=access_log)
    ready = _Readiness()
    admin = Admin(ready)
    try:
        with _naming(settings.admin):
            bound_admin = None if settings.admin is None else await admin.start(settings.admin)
        with _naming(settings.listen):
            bound = await server.start(settings.listen, context)
        ready.value = True
        yield Served(gateway, bound, bound_admin)
    finally:
        ready.value = False
        in_time = await server.drain(settings.drain)
        await admin.close()
        await upstream.aclose()
    if not in_time:
        raise CutOffError


@contextmanager
def _naming(address: Address | None) -> Iterator[None]:
    """Name the address that cannot be had, in words for the person who chose it."""
    try:
        yield
    except OSError as fault:
        reason = os.strerror(fault.errno) if fault.errno else str(fault)
        raise OSError(fault.errno, f"{address}: {reason}") from fault


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
