"""Commands that only say something."""

import io
import json
from pathlib import Path

import pytest

from proxy import __version__
from proxy.cli import main
from proxy.cli.telling import check, explain, schema, version

GOOD = """
upstream: http://127.0.0.1:9000
unmatched: reject
routes:
  - path: /wiki/{id}
    require: existing
  - path: /orders/{id}/cancel
    state: /orders/{id}
  - path: /free/{rest...}
    guard: "off"
"""
FIVE_MISTAKES = """upstream: 127.0.0.1:9000
unmatched: gard
routes:
  - path: wiki/{id}
    requires: existing
    lock: {write: 5s}
"""


@pytest.fixture
def config(tmp_path: Path) -> str:
    """Return the name of a good configuration."""
    path = tmp_path / "routes.yaml"
    path.write_text(GOOD, "utf-8")
    return str(path)


def test_a_good_configuration_is_called_good(config: str) -> None:
    """Exit 0, and one line that says what was read."""
    out = io.StringIO()
    assert check(config, out) == 0
    assert out.getvalue() == f"{config}: good: 3 routes, upstream 127.0.0.1:9000\n"


def test_a_configuration_that_guards_nothing_is_told_so(tmp_path: Path) -> None:
    """A file without an enforcing route is good, and useless, which is said."""
    path = tmp_path / "routes.yaml"
    path.write_text("upstream: http://127.0.0.1:9000\n", "utf-8")
    out = io.StringIO()
    assert check(str(path), out) == 0
    assert "nothing is guarded" in out.getvalue()


def test_five_mistakes_are_listed_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2, and each mistake with its line and column."""
    path = tmp_path / "bad.yaml"
    path.write_text(FIVE_MISTAKES, "utf-8")
    assert main(["check", str(path)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert [line.removeprefix(f"{path}:").split(": ")[0] for line in lines] == ["1:11", "2:12", "4:11", "5:5", "6:19"]
    assert "did you mean" in lines[1]
    assert "did you mean" in lines[3]


def test_a_file_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2 with one clear line, no traceback."""
    assert main(["check", str(tmp_path / "none.yaml")]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "none.yaml" in line


@pytest.mark.parametrize(("method", "url"), [("TRACE", "/wiki/a"), ("GET", "/wiki/../a"), ("put", "/wiki/a")])
def test_explain_says_what_would_be_refused(config: str, method: str, url: str) -> None:
    """Exit 1, and the sentence that the client would read."""
    out = io.StringIO()
    assert explain(config, method, url, out) == 1
    assert out.getvalue().startswith("refused     ")


def test_the_schema_is_json() -> None:
    """Editors can read it."""
    out = io.StringIO()
    assert schema(out) == 0
    assert "properties" in json.loads(out.getvalue())


def test_the_version_names_what_it_stands_on() -> None:
    """A bug report needs no more."""
    out = io.StringIO()
    assert version(out) == 0
    assert out.getvalue().startswith(f"ifmatch {__version__} (Python 3.")
