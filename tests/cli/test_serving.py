"""Assembly: what the settings say is what serves."""

import io
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from proxy.access_log import AccessLog
from proxy.cli.serving import serving
from proxy.config import ConfigurationError, Settings, TlsFiles, load
from proxy.core.address import TcpAddress
from proxy.core.hashing import PIECE
from tests.support.clients import ask
from tests.support.processes import running_origin, running_proxy

FREE = {"upstream": "http://127.0.0.1:1", "listen": "127.0.0.1:0", "admin": "127.0.0.1:0"}


def settings() -> Settings:
    """Return settings with free ports and no origin server."""
    return load(None, flags=FREE, environ={})


async def test_both_ports_are_bound_and_given_back() -> None:
    """Inside, two addresses; afterwards the same ones can be had again."""
    async with serving(settings(), AccessLog(io.StringIO())) as served:
        assert isinstance(served.listen, TcpAddress)
        assert isinstance(served.admin, TcpAddress)
        taken = replace(settings(), listen=served.listen, admin=served.admin)
        with pytest.raises(OSError, match="in use"):
            async with serving(taken, AccessLog(io.StringIO())):
                pass
    async with serving(taken, AccessLog(io.StringIO())) as again:
        assert again.listen == served.listen


async def test_there_need_be_no_admin_port() -> None:
    """Where it is off, none is bound."""
    async with serving(replace(settings(), admin=None), AccessLog(io.StringIO())) as served:
        assert served.admin is None


async def test_tls_files_that_cannot_be_used(tmp_path: Path) -> None:
    """What is no certificate is a mistake of the configuration, told before a port is bound."""
    path = tmp_path / "nonsense.pem"
    path.write_text("nonsense", "utf-8")
    with pytest.raises(ConfigurationError, match=r"nonsense\.pem"):
        async with serving(replace(settings(), tls=TlsFiles(str(path), str(path))), AccessLog(io.StringIO())):
            pass


@pytest.mark.parametrize(("peers", "believed"), [("[127.0.0.0/8]", True), ("[10.0.0.0/8]", False), ("[]", False)])
def test_forwarded_fields_are_believed_from_listed_peers_only(peers: str, believed: bool) -> None:
    """Whoever is not listed cannot say on whose behalf it asks."""
    with running_origin() as origin:
        config = f"upstream: {origin.url}\ntrusted_peers: {peers}\n"
        with running_proxy(config=config) as proxy:
            ask(proxy.url, "GET", "/x", X_Forwarded_For="203.0.113.9")
        (seen,) = origin.log("GET", "/x")
        forwarded = dict(seen.fields)["X-Forwarded-For"]
        assert forwarded == ("203.0.113.9, 127.0.0.1" if believed else "127.0.0.1")


def test_the_tag_key_keys_the_tags() -> None:
    """The same content has another tag under another key."""
    tags = set()
    with running_origin() as origin:
        origin.seed("/x", b"text")
        for key in ("one", "two"):
            with running_proxy("--upstream", origin.url, environment={"IFMATCH_TAG_KEY": key}) as proxy:
                tags.add(ask(proxy.url, "GET", "/x").fields["etag"])
    assert len(tags) == 2


def test_who_hashes_pauses() -> None:
    """A thread that hashes long content leaves its core after each piece, for whoever waits for it."""
    with running_origin() as origin:
        origin.seed("/x", bytes(40 * PIECE))
        with running_proxy("--upstream", origin.url) as proxy:
            left = []
            for _ in range(3):
                ask(proxy.url, "GET", "/x")
                left.append(waits(proxy.child.pid))
    assert max(after - before for before, after in pairwise(left)) >= 39


def waits(pid: int) -> int:
    """Return how often the threads of a process, the first one apart, have left their cores to wait."""
    statuses = [
        path.read_text("utf-8") for path in Path(f"/proc/{pid}/task").glob("*/status") if path.parent.name != str(pid)
    ]
    return sum(int(status.split("\nvoluntary_ctxt_switches:")[1].split()[0]) for status in statuses)
