"""`ifmatch vouch`: exit codes and what is said."""

import io
from pathlib import Path

import pytest

from proxy.cli.vouching import vouch
from tests.support.stores import running_redis


def config(folder: Path, store: str) -> str:
    """Return a file with that store."""
    path = folder / "ifmatch.yaml"
    path.write_text(f"upstream: http://127.0.0.1:1\nstore: {store}\n", "utf-8")
    return str(path)


def test_the_quarantine_ends(tmp_path: Path) -> None:
    """Exit 0, and a line that says whether there was one."""
    with running_redis(password="hush") as redis:
        file, out = config(tmp_path, redis.url), io.StringIO()
        assert vouch(file, out) == 0
        assert vouch(file, out) == 0
        where = f"redis://127.0.0.1:{redis.port}"
    assert out.getvalue().splitlines() == [
        f"{where}: quarantine ended: guarded writes go on",
        f"{where}: was not in quarantine",
    ]


def test_another_store_than_the_configurations(tmp_path: Path) -> None:
    """As `ifmatch run --store` has it."""
    with running_redis() as redis:
        out = io.StringIO()
        assert vouch(config(tmp_path, "redis://127.0.0.1:1"), out, redis.url) == 0
    assert out.getvalue() == f"redis://127.0.0.1:{redis.port}: quarantine ended: guarded writes go on\n"


@pytest.mark.parametrize(
    ("store", "said"),
    [
        ("memory://", "is not shared, and never in quarantine"),
        ("redis://127.0.0.1:1", "cannot be used: unreachable"),
        ("radis://127.0.0.1", "did you mean redis://?"),
    ],
)
def test_what_cannot_be_vouched_for(tmp_path: Path, store: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2 and a line on standard error."""
    out = io.StringIO()
    assert vouch(config(tmp_path, store), out) == 2
    assert out.getvalue() == ""
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert said in told
