"""`ifmatch run` as a process: what it says, how it ends, what it refuses to start with."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.support.child import ROOT
from tests.support.clients import Client, ask
from tests.support.ledger import Stage
from tests.support.processes import OriginHandle, ProxyHandle, running_origin, running_proxy

PAGE = "/page"


def start(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a command that is expected to end by itself."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("IFMATCH_")}
    return subprocess.run(
        [sys.executable, "-m", "proxy", *arguments],
        cwd=ROOT,
        env={**inherited, "IFMATCH_LISTEN": "127.0.0.1:0", "IFMATCH_ADMIN": "127.0.0.1:0", **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_it_says_where_it_listens_and_what_it_cannot_do() -> None:
    """Without a file: everything is guarded, and that locks are this process's own is said loudly."""
    with running_origin() as origin, running_proxy("--upstream", origin.url) as proxy:
        origin.seed(PAGE, b"text")
        assert ask(proxy.url, "GET", PAGE).fields["etag"]
    assert any("run one replica only" in line for line in proxy.stderr)
    assert any("drains" in line for line in proxy.stderr)


def test_one_line_a_request() -> None:
    """The access log is JSON where nobody looks at a terminal, and holds no query value."""
    with running_origin() as origin, running_proxy("--upstream", origin.url) as proxy:
        origin.seed(PAGE, b"text")
        ask(proxy.url, "GET", f"{PAGE}?secret=1")
        ask(proxy.url, "PUT", PAGE, b"new", If_Match='"stale"')
    read, written = (json.loads(line) for line in proxy.child.stdout)
    assert (read["method"], read["path"], read["status"], read["verdict"]) == ("GET", PAGE, 200, "perform")
    assert (written["status"], written["reason"], written["if_match"]) == (412, "never-minted", '"stale"')
    assert written["select_ms"] > 0
    assert written["perform_ms"] is None


@contextmanager
def told_to_end(origin: OriginHandle, proxy: ProxyHandle, line: str) -> Iterator[Client]:
    """Have a write held at the origin server, tell the proxy to end, and wait for a line of its."""
    origin.knobs(PUT={"hold_before_apply": True, "times": 1})
    with closing(Client(proxy.url)) as client:
        client.begin("PUT", PAGE, b"new")
        origin.until(Stage.HELD, method="PUT")
        proxy.child.signal(signal.SIGTERM)
        proxy.child.line(line)
        yield client
    origin.release()


def ends_with(proxy: ProxyHandle, code: int) -> None:
    """Wait for the proxy's end, which is expected to be this one."""
    assert proxy.child.wait() == code
    proxy.child.killed = code != 0


def test_sigterm_finishes_the_write_in_flight() -> None:
    """The answer arrives, the write is applied, and the exit code is 0."""
    with running_origin() as origin, running_proxy("--upstream", origin.url) as proxy:
        with told_to_end(origin, proxy, "drains") as client:
            origin.release()
            assert client.finish().status in {201, 204}
        assert origin.peek(PAGE) == b"new"
        ends_with(proxy, 0)


def test_a_second_signal_ends_it_at_once() -> None:
    """Exit 1, with a line about what may have been applied."""
    with running_origin() as origin, running_proxy("--upstream", origin.url) as proxy:
        with told_to_end(origin, proxy, "drains"):
            proxy.child.signal(signal.SIGTERM)
            proxy.child.line("stops at once")
        ends_with(proxy, 1)


def test_a_drain_that_cuts_off_says_so() -> None:
    """What does not finish in time is cut off, and the exit code and a line tell that writes may have been applied."""
    with running_origin() as origin, running_proxy(config=f"upstream: {origin.url}\ndrain: 0s\n") as proxy:
        with told_to_end(origin, proxy, "writes may have been applied"):
            pass
        ends_with(proxy, 1)


def test_sighup_reads_the_routes_again(tmp_path: Path) -> None:
    """New rules apply to the next request; a file with mistakes keeps the old ones and says why."""
    path = tmp_path / "routes.yaml"
    with running_origin() as origin:
        path.write_text(f"upstream: {origin.url}\n", "utf-8")
        origin.seed(PAGE, b"text")
        with running_proxy(str(path)) as proxy:
            assert "etag" not in ask(proxy.url, "GET", PAGE).fields
            path.write_text(f"upstream: {origin.url}\nroutes:\n  - path: {PAGE}\n", "utf-8")
            proxy.child.signal(signal.SIGHUP)
            proxy.child.line("reloaded the routes of .*: 1$")
            assert "etag" in ask(proxy.url, "GET", PAGE).fields
            path.write_text("routs: []\n", "utf-8")
            proxy.child.signal(signal.SIGHUP)
            proxy.child.line("keeps its old routes")
            assert "etag" in ask(proxy.url, "GET", PAGE).fields
    assert any(f"{path}:1:1: routs: unknown key" in line for line in proxy.stderr)


def test_sighup_says_what_it_cannot_change(tmp_path: Path) -> None:
    """Only routes are reloaded; without a file there is nothing to reload."""
    path = tmp_path / "routes.yaml"
    path.write_text("upstream: http://127.0.0.1:1\n", "utf-8")
    with running_proxy(str(path)) as proxy:
        path.write_text("upstream: http://127.0.0.1:2\n", "utf-8")
        proxy.child.signal(signal.SIGHUP)
        proxy.child.line("take effect when it is started again")
    with running_proxy("--upstream", "http://127.0.0.1:1") as proxy:
        proxy.child.signal(signal.SIGHUP)
        proxy.child.line("has no file to reload")


def test_a_port_in_use() -> None:
    """Exit 2 with one clear line that names the address."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        done = start("run", "--upstream", "http://127.0.0.1:1", "--listen", address)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert address in line
    assert "in use" in line


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["run"], "upstream"),
        (["run", "missing.yaml"], "missing.yaml"),
        (["run", "--upstream", "ftp://x"], "upstream"),
        (["run", "--upstream", "http://127.0.0.1:1", "--listen", "nonsense"], "listen"),
    ],
)
def test_what_it_refuses_to_start_with(arguments: list[str], said: str) -> None:
    """Exit 2 with one clear line, no traceback."""
    done = start(*arguments)
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert said in line


def test_an_invalid_file(tmp_path: Path) -> None:
    """Exit 2 with each mistake at its line and column."""
    path = tmp_path / "bad.yaml"
    path.write_text("upstream: http://127.0.0.1:1\nrutes: []\n", "utf-8")
    done = start("run", str(path))
    assert done.returncode == 2
    assert done.stderr.startswith(f"{path}:2:1: rutes: ")
