"""What a loaded configuration is to the rest of the program.

What lives here: values of the core and of the standard library. What must not: pydantic, YAML, or how they came about.
"""

from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network

from proxy.core.address import Address, Origin
from proxy.core.route import Routes


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files of the listener: certificate chain and private key. Both could be read when they were loaded."""

    certificate: str
    key: str


@dataclass(frozen=True, slots=True)
class Settings:
    """All that a process is told. `admin` None: no admin port; `tls` None: plain HTTP.

    `drain` is in seconds. `source` is the name of the file, or "command line" without one.
    """

    listen: Address
    admin: Address | None
    upstream: Origin
    store: str
    tag_key: str = field(repr=False)
    tls: TlsFiles | None
    trusted_peers: tuple[IPv4Network | IPv6Network, ...]
    drain: float
    routes: Routes
    source: str
