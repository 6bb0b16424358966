"""What a loaded configuration is to the rest of the program.

What lives here: values of the core and of the standard library. What must not: pydantic, YAML, or how they came about.
"""

from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv4Network, IPv6Network

from proxy.core.address import Address, Origin
from proxy.core.matching import Routes
from proxy.core.store_address import StoreAddress


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files of the listener: certificate chain and private key. Both could be read when they were loaded."""

    certificate: str
    key: str


class OnStoreFailure(Enum):
    """What becomes of writes while the store cannot be reached."""

    REFUSE = "refuse"
    LOCAL = "local"
    """They are guarded within the process alone: writers at other replicas are not kept out."""


@dataclass(frozen=True, slots=True)
class Settings:
    """All that a process is told. `admin` None: no admin port; `tls` None: plain HTTP.

    `workers` is how many processes serve the same port; the store is a shared one where they are more than one. The
    files that `store` names could be read when they were loaded. `connections` is how many each process may have to the
    origin server.
    `drain` is in seconds. `source` is the name of the file, or "command line" without one.
    """

    listen: Address
    admin: Address | None
    upstream: Origin
    store: StoreAddress
    on_store_failure: OnStoreFailure
    workers: int
    connections: int
    tag_key: str = field(repr=False)
    tls: TlsFiles | None
    trusted_peers: tuple[IPv4Network | IPv6Network, ...]
    drain: float
    routes: Routes
    source: str
