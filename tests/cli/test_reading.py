"""Settings that another process has read."""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from proxy.cli import reading
from proxy.cli.reading import settings_elsewhere
from proxy.config import ConfigurationError, load
from tests.support.child import ROOT

EVERYTHING = ROOT / "config" / "routes.full.yaml"
LEAN = """
import sys
from proxy.cli import looping, running, serving, worker
from proxy.cli.reading import settings_elsewhere
settings = settings_elsewhere(None, {"upstream": "http://127.0.0.1:1"})
if "eager" in sys.argv:
    import proxy.config.loading, proxy.cli.sharing
print(settings.workers, sorted({"jsonpath", "pydantic", "redis", "yaml"} & set(sys.modules)))
"""


def test_they_are_those_that_this_process_would_have_read() -> None:
    """A file with every key there is comes through, and so do flags, by which it is overridden."""
    flags = {"upstream": "http://127.0.0.1:7"}
    read, expected = settings_elsewhere(str(EVERYTHING), flags), load(str(EVERYTHING), flags=flags, environ={})
    assert read is not None
    assert read.routes.routes == expected.routes.routes
    assert replace(read, routes=expected.routes) == expected


def test_a_configuration_may_be_a_pipe() -> None:
    """As a shell makes one of the output of a command."""
    readable, writable = os.pipe()
    os.set_inheritable(readable, True)  # noqa: FBT003 - what a shell does, and Python never
    with os.fdopen(readable, "rb"):
        with os.fdopen(writable, "wb") as pipe:
            pipe.write(b"upstream: http://127.0.0.1:7\n")
        read = settings_elsewhere(f"/dev/fd/{readable}", {})
    assert read is not None
    assert str(read.upstream.authority) == "127.0.0.1:7"


def test_mistakes_are_listed_where_people_look(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Each with its place, on standard error; then there are no settings."""
    file = tmp_path / "bad.yaml"
    file.write_text("upstream: http://127.0.0.1:1\nrouts: []\n", "utf-8")
    assert settings_elsewhere(str(file), {}) is None
    assert f"{file}:2:1: routs: unknown key" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (["/nonexistent"], "no process for it: No such file or directory"),
        ([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"], "its reader ended with -9"),
        ([sys.executable, "-c", "raise SystemExit(1)"], "its reader ended with 1"),
    ],
)
def test_a_reader_that_fails(command: list[str], said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """That a configuration could not be read is a failure of its own, and no configuration."""
    monkeypatch.setattr(reading, "own_command", lambda _module: command)
    with pytest.raises(ConfigurationError, match=said):
        settings_elsewhere(None, {})


@pytest.mark.parametrize(("asked", "loaded"), [("lean", "[]"), ("eager", "['jsonpath', 'pydantic', 'redis', 'yaml']")])
def test_a_process_that_serves_has_loaded_no_more_than_it_needs(asked: str, loaded: str) -> None:
    """Neither what reads a configuration, once it is read, nor a client of stores where no store is shared."""
    done = subprocess.run([sys.executable, "-c", LEAN, asked], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == f"1 {loaded}"
