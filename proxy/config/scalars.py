"""The types of single values at the top: from the text in the file to what it means, and what is expected in words.

What lives here: one annotated type a notation. What must not: keys, defaults, and what values mean together.
"""

from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Annotated, Final

from proxy.config import units
from proxy.config.notation import quantity_of, shown_as, text_of
from proxy.core.address import Address, parse_listen, parse_origin
from proxy.core.address import Origin as Server
from proxy.core.store_address import StoreAddress, parse_store

OFF: Final = "off"

Network = IPv4Network | IPv6Network


def _admin(text: str) -> Address | None:
    return None if text == OFF else parse_listen(text)


def _network(text: str) -> Network:
    try:
        around = ip_network(text, strict=False)
    except ValueError:
        raise ValueError("expected an IP address or a network such as 10.0.0.0/8") from None
    address = text.partition("/")[0]
    if ip_network(address) != ip_network(around.network_address):
        raise ValueError(f"this address lies inside the network; write {around}")
    return around


def _file(text: str) -> str:
    if not text or "\0" in text:
        raise ValueError("expected the name of a file")
    return text


Listen = Annotated[
    Address,
    text_of("host:port or unix:/path", parse_listen),
    shown_as("address", "127.0.0.1:8080"),
]
Admin = Annotated[
    Address | None,
    text_of(f"host:port, unix:/path or the text {OFF}", _admin),
    shown_as("address", "127.0.0.1:9901"),
]
Upstream = Annotated[
    Server,
    text_of("http://host[:port], https://host[:port] or unix:/path", parse_origin),
    shown_as("origin", "http://127.0.0.1:9000"),
]
Store = Annotated[
    StoreAddress,
    text_of("a store such as memory:// or redis://host", parse_store),
    shown_as("store", "redis://127.0.0.1:6379", "[A-Za-z+]+:/.*"),
]
Peer = Annotated[
    Network,
    text_of("an IP address or a network such as 10.0.0.0/8", _network),
    shown_as("network", "10.0.0.0/8"),
]
File = Annotated[
    str,
    text_of("the name of a file", _file),
    shown_as("file", "tls/certificate.pem", ".+"),
]
Duration = Annotated[
    float,
    quantity_of(units.DURATION, units.duration),
    shown_as("duration", "5s", units.DURATION_FORM.pattern),
]
Timeout = Annotated[
    float,
    quantity_of(units.DURATION, units.some_time),
    shown_as("duration", "5s", units.DURATION_FORM.pattern),
]
Size = Annotated[
    int,
    quantity_of(units.SIZE, units.size),
    shown_as("size", "8MiB", units.SIZE_FORM.pattern),
]
