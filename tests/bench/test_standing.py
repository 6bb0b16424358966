"""The files of the peers are complete, and a peer that is not installed is an error that says how to install it."""

import re
import subprocess
import sys

import pytest

from bench import standing
from bench.machine import Missing
from bench.standing import ADDRESSES, FILLING, HERE, UNREAD, filled, installed

VALUES = {
    "origin.conf": {"port": "1", "text": FILLING},
    "relay.conf": {"port": "1", "upstream": "127.0.0.1:2"},
    "bodies.conf": {"port": "1", "upstream": "127.0.0.1:2"},
    "guard.conf": {
        "port": "1",
        "upstream": "127.0.0.1:2",
        "modules": "/m",
        "guard": "/g",
        "writes": "fresh",
        "addresses": "server 127.0.0.1:2;",
    },
}


@pytest.mark.parametrize("name", VALUES)
def test_configurations(name: str) -> None:
    """Each has a place for every value, and no place is left."""
    text = filled((HERE / "nginx" / name).read_text("utf-8"), VALUES[name])
    assert re.findall(r"\{\w+\}", text) == []
    assert text.count("{") == text.count("}")


def test_all_configurations_are_tested() -> None:
    """There is no other."""
    assert {path.name for path in (HERE / "nginx").glob("*.conf")} == VALUES.keys()


def test_where_the_origin_server_listens() -> None:
    """At each of the addresses that many fresh connections are spread over."""
    text = (HERE / "nginx" / "origin.conf").read_text("utf-8")
    assert re.findall(r"listen (\S+):\{port\}", text) == [*ADDRESSES]


def test_which_writes_are_kept_apart() -> None:
    """There are two ways to the origin server: on one connections are kept, on the other each has one request."""
    text = (HERE / "nginx" / "guard.conf").read_text("utf-8")
    ways = dict(re.findall(r"upstream (\w+) \{(.*?)\n    \}", text, re.DOTALL))
    assert ways.keys() == {"origin", "fresh"}
    assert "keepalive 64;" in ways["origin"]
    assert "keepalive_requests 1;" in ways["fresh"]
    assert "keepalive 64;" not in ways["fresh"]


def test_a_value_without_a_place() -> None:
    """It is a mistake, and not lost in silence."""
    with pytest.raises(KeyError, match="port"):
        filled("listen 80;", {"port": "1"})


def test_nobody_reads_what_goes_to_stdout() -> None:
    """The program is started as it is, in the place of the shell, with its output thrown away."""
    shown = [*UNREAD, sys.executable, "-c", "import sys; print('lost'); print(sys.argv, file=sys.stderr)", "a b"]
    done = subprocess.run(shown, check=True, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("", "['-c', 'a b']\n")


def test_fastify_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """And what installs it is named."""
    monkeypatch.setattr(standing, "PACKAGES", HERE / "nowhere")
    with pytest.raises(Missing, match=r"fastify is missing; run: \.ci/peers"):
        installed()
