"""`ifmatch healthcheck`: one request to the admin port, with the standard library alone, because it runs often."""

import http.client
import os
import socket
import sys

from proxy.core.address import UnixAddress, parse_listen

DEFAULT_ADMIN = "127.0.0.1:9901"


def healthcheck(admin: str | None, timeout: float) -> int:
    """Return 0 when a proxy is ready at the address, 1 when it is not or does not answer within `timeout` seconds."""
    address = admin or os.environ.get("IFMATCH_ADMIN") or DEFAULT_ADMIN
    try:
        status = _ask(address, timeout)
    except ValueError as fault:
        print(f"ifmatch healthcheck: {address}: {fault}", file=sys.stderr)
        return 2
    except (OSError, http.client.HTTPException) as fault:
        print(f"ifmatch healthcheck: no answer from {address}: {fault}", file=sys.stderr)
        return 1
    if status != http.client.OK:
        print(f"ifmatch healthcheck: not ready: {address} answered {status}", file=sys.stderr)
        return 1
    return 0


def _ask(text: str, timeout: float) -> int:
    address = parse_listen(text)
    where = ("localhost", 80) if isinstance(address, UnixAddress) else (address.host or "127.0.0.1", address.port)
    connection = http.client.HTTPConnection(*where, timeout=timeout)
    try:
        if isinstance(address, UnixAddress):
            connection.sock = socket.socket(socket.AF_UNIX)
            connection.sock.settimeout(timeout)
            connection.sock.connect(address.path)
        connection.request("GET", "/readyz")
        return connection.getresponse().status
    finally:
        connection.close()
