"""Starting and stopping of what the end-to-end tests run."""

import signal
from pathlib import Path

import pytest

from tests.support.child import Child, ChildFailed, python
from tests.support.processes import running_origin, running_proxy

STANDIN = """
import os, pathlib, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(int(os.environ.get("CODE", "0"))))
if "fail" in sys.argv:
    sys.exit("file:1:1: no such key")
print("read", *(pathlib.Path(a).read_text() if a.endswith(".yaml") else a for a in sys.argv[1:]), file=sys.stderr)
print("ifmatch listening on http://" + os.environ.get("IFMATCH_LISTEN", "from-the-file:1"), file=sys.stderr)
print('{"event": "admin on http://127.0.0.1:2"}', file=sys.stderr, flush=True)
while True:
    signal.pause()
"""


@pytest.fixture
def program(tmp_path: Path) -> list[str]:
    """Write a stand-in for the proxy that says how it was started."""
    path = tmp_path / "standin.py"
    path.write_text(STANDIN)
    return python(str(path))


def test_the_origin_runs_while_it_is_needed() -> None:
    """The origin answers at its URL inside the block, and its process has ended with 0 after it."""
    with running_origin() as origin:
        origin.seed("/a", b"x")
        assert origin.peek("/a") == b"x"
    assert origin.child.wait() == 0


def test_the_proxy_is_started_as_told(program: list[str]) -> None:
    """Configuration goes in by a file, addresses by the environment, arguments as they are; URLs come from stderr."""
    with running_proxy("--upstream", "u", config="a: 1", program=program) as proxy:
        assert (proxy.url, proxy.admin_url) == ("http://127.0.0.1:0", "http://127.0.0.1:2")
        assert proxy.stderr[0] == "read run a: 1 --upstream u"
    assert proxy.child.wait() == 0


def test_addresses_can_be_left_to_the_file(program: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Without `listen` and `admin` nothing is said about them, not even what our own environment says."""
    monkeypatch.setenv("IFMATCH_LISTEN", "elsewhere")
    with running_proxy(listen=None, admin=None, program=program) as proxy:
        assert (proxy.url, proxy.admin_url) == ("http://from-the-file:1", None)


def test_a_proxy_that_does_not_start_says_why(program: list[str]) -> None:
    """When it ends before it listens, the failure holds what it wrote to stderr."""
    with pytest.raises(ChildFailed, match="no such key"), running_proxy("fail", program=program):
        pass


def test_an_exit_code_other_than_0_fails(program: list[str]) -> None:
    """SIGTERM must end the proxy with 0; a failure of the test's own is not hidden by the exit code."""
    with pytest.raises(ChildFailed, match="ended with 3"), running_proxy(program=program, environment={"CODE": "3"}):
        pass
    with pytest.raises(KeyError) as failure, running_proxy(program=program, environment={"CODE": "3"}):
        raise KeyError
    assert "ifmatch listening" in failure.value.__notes__[0]


def test_a_crash_on_purpose_is_no_failure(program: list[str]) -> None:
    """After `kill` the process is gone, and leaving the block does not complain."""
    with running_proxy(program=program) as proxy:
        proxy.child.kill()
        assert proxy.child.wait() == -signal.SIGKILL


def test_both_streams_are_kept() -> None:
    """Every line of stdout and stderr is there once the program has ended."""
    child = Child(python("-c", "import sys; print('out'); print('err', file=sys.stderr); print('more')"))
    assert child.wait() == 0
    assert (child.stdout, child.stderr) == (["out", "more"], ["err"])
