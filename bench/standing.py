"""What takes part, as processes on free loopback ports: the origin server, the peers, and ifmatch as it is configured.

What lives here: starting and stopping. Each peer is what a good team would run, and its files stand beside this room.
"""

import json
import re
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final
from urllib.parse import urlsplit

from bench.cores import Cores
from bench.machine import Missing, program
from proxy.cli.vouching import vouch
from tests.support.child import ROOT, Child, python
from tests.support.ports import LOOPBACK, reserved_port
from tests.support.processes import PROXY, running_proxy
from tests.support.stores import running_redis

HERE: Final = Path(__file__).parent
PACKAGES: Final = ROOT / "build" / "bench" / "node_modules"
FILLING: Final = "x" * 2000
ADDRESSES: Final = ("127.0.0.1", "127.0.0.2", "127.0.0.3", "127.0.0.4")
"""Where the fast origin server listens.

Linux gives a port again for the same address a second after it was left, and looks through the even half of 28,000
first: above 14,000 fresh connections a second to one address, its search for a free one would be measured.
"""
UNREAD: Final = ("sh", "-c", 'exec "$@" >/dev/null', "sh")
"""Runs a command whose output nobody reads: an access log is written, but no time is spent here on reading it."""


@dataclass(frozen=True, slots=True)
class Standing:
    """What runs: where it listens, its process, and that of its store, if it has one of its own."""

    url: str
    pid: int
    store: int | None = None


@contextmanager
def running_origin() -> Iterator[Standing]:
    """Run the fast origin server on the core of this process."""
    with _running_nginx("origin.conf", [], text=FILLING) as standing:
        yield standing


@contextmanager
def running_relay(upstream: str, cores: Cores, configuration: str = "relay.conf") -> Iterator[Standing]:
    """Run nginx that passes everything on."""
    with _running_nginx(configuration, cores.pinned([]), upstream=urlsplit(upstream).netloc) as standing:
        yield standing


@contextmanager
def running_lua(upstream: str, cores: Cores, *, fresh: bool = False) -> Iterator[Standing]:
    """Run nginx with Lua that mints and compares; where `fresh`, each write goes on a connection of its own."""
    addresses = " ".join(f"server {host}:{urlsplit(upstream).port};" for host in ADDRESSES)
    writes = {"writes": "fresh" if fresh else "origin", "addresses": addresses}
    places = {"modules": modules(), "guard": str(HERE / "nginx" / "guard.lua"), **writes}
    with _running_nginx("guard.conf", cores.pinned([]), upstream=urlsplit(upstream).netloc, **places) as standing:
        yield standing


@contextmanager
def running_exchanges(upstream: str, cores: Cores) -> Iterator[Standing]:
    """Run what does only the exchanges of a guarded write."""
    child = Child(cores.pinned(python("-m", "bench.exchanges", upstream, *ADDRESSES)))
    try:
        yield Standing(child.line(r"listening on (http://\S+)")[1], child.pid)
    finally:
        child.stop()


@contextmanager
def running_fastify(upstream: str, cores: Cores) -> Iterator[Standing]:
    """Run Fastify that mints and compares. Raised when npm has not installed it: `Missing`."""
    installed()
    script = str(HERE / "fastify" / "guard.cjs")
    child = Child(cores.pinned([program("node"), script, upstream, str(PACKAGES.parent)]), {"NODE_ENV": "production"})
    try:
        yield Standing(child.line(r"listening on (http://\S+)")[1], child.pid)
    finally:
        child.stop()


@contextmanager
def running_ifmatch(rules: str, upstream: str, cores: Cores, *, redis: bool = False) -> Iterator[Standing]:
    """Run ifmatch under these rules (YAML), with a redis-server of its own if it is to have one."""
    if redis:
        with running_redis() as store, _running_ifmatch(rules, upstream, cores, store.url) as standing:
            yield Standing(standing.url, standing.pid, store.pid)
    else:
        with _running_ifmatch(rules, upstream, cores, "memory://") as standing:
            yield standing


@contextmanager
def _running_ifmatch(rules: str, upstream: str, cores: Cores, store: str) -> Iterator[Standing]:
    with TemporaryDirectory(prefix="ifmatch-") as folder:
        path = Path(folder, "ifmatch.yaml")
        path.write_text(f"upstream: {upstream}\nstore: {store}\n{rules}", "utf-8")
        if store != "memory://":
            said = StringIO()
            assert vouch(str(path), said) == 0, said.getvalue()
        with running_proxy(str(path), program=[*UNREAD, *cores.pinned(PROXY)]) as proxy:
            yield Standing(proxy.url, proxy.child.pid)


@contextmanager
def _running_nginx(template: str, prefix: Sequence[str], **values: str) -> Iterator[Standing]:
    with TemporaryDirectory(prefix="ifmatch-") as folder, reserved_port() as port:
        Path(folder).chmod(0o755)  # its workers are another user's
        text = (HERE / "nginx" / template).read_text("utf-8")
        configuration = Path(folder, "nginx.conf")
        configuration.write_text(filled(text, {**values, "port": str(port)}), "utf-8")
        child = Child([*prefix, program("nginx"), "-p", folder, "-e", "stderr", "-c", str(configuration)])
        try:
            child.line("start worker process")
            yield Standing(f"http://{LOOPBACK}:{port}", child.pid)
        finally:
            child.stop()


def filled(text: str, values: Mapping[str, str]) -> str:
    """Return a text with `{name}` replaced; other braces stay. Raised when a name is not in it: `KeyError`."""
    for name, value in values.items():
        if f"{{{name}}}" not in text:
            raise KeyError(name)
        text = text.replace(f"{{{name}}}", value)
    return text


def modules() -> str:
    """Return the folder of nginx's modules. Raised when that with Lua is not there: `Missing`."""
    said = subprocess.run([program("nginx"), "-V"], check=True, capture_output=True, text=True).stderr
    named = re.search(r"--modules-path=(\S+)", said)
    folder = Path(named[1] if named else "/usr/lib/nginx/modules")
    if not (folder / "ngx_http_lua_module.so").is_file():
        raise Missing("nginx has no Lua; run: apt-get install -y libnginx-mod-http-lua")
    return str(folder)


def installed() -> dict[str, str]:
    """Return the versions of what npm has installed. Raised when that is missing: `Missing`."""
    found = {}
    for name in ("fastify", "@fastify/etag", "undici"):
        path = PACKAGES / name / "package.json"
        if not path.is_file():
            raise Missing(f"{name} is missing; run: .ci/peers, which installs it into build/bench")
        found[name] = str(json.loads(path.read_text("utf-8"))["version"])
    return found
