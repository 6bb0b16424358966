"""Rows about replicas that share a store and do not agree. F32."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.faults.matrix import Act
from tests.faults.solo import Solo, says
from tests.faults.unhurried import UNHURRIED, unhurried
from tests.support.child import Child
from tests.support.clients import ask
from tests.support.processes import PROXY, running_proxy
from tests.support.redis_server import until

SETTING = replace(UNHURRIED, proxies=2)

OTHERS: tuple[Mapping[str, object], ...] = (
    {"tag_key": "another secret"},
    {"routes": [{"path": "/{path...}", "require": "always"}]},
)
"""What another replica's configuration has in place of the fleet's."""


def disagreeing(act: Act) -> None:
    """A replica with another secret does not start, nor one with other rules; under a prefix of its own one does."""
    solo = Solo(act, "agreed")
    with _started(act, OTHERS[0]) as secret, _started(act, OTHERS[1]) as rules:
        solo.accepted(0, 1)
        for child in secret, rules:
            assert child.wait() == 2, child.stderr
            (line,) = child.stderr
            assert "must not be used: another ifmatch uses it under other rules" in line
            assert "stop the others first, or give this fleet a database or a prefix of its own" in line
    store = f"{act.scene.redis.url}?prefix=other"
    with running_proxy(config=_config(act, {**OTHERS[0], "store": store})) as other:
        solo.accepted(0, 1)
        assert ask(other.url, "GET", solo.path).status == 200
        until(says(other, "quarantined", "up"), "it looks at this store for the first time")
    assert act.scene.redis.cli("EXISTS", "ifm:{b0000}:R", "other:{b0000}:R") == "2"


@contextmanager
def _started(act: Act, other: Mapping[str, object]) -> Iterator[Child]:
    """Start a replica that is not expected to stay."""
    with TemporaryDirectory(prefix="ifmatch-") as folder:
        path = Path(folder, "ifmatch.yaml")
        path.write_text(_config(act, other))
        child = Child([*PROXY, "run", str(path)], {"IFMATCH_LISTEN": "127.0.0.1:0"})
        try:
            yield child
        finally:
            child.kill()


def _config(act: Act, other: Mapping[str, object]) -> str:
    return json.dumps({**json.loads(SETTING.config(act.scene.origin.url, act.scene.redis.url)), **other})


ROWS = [
    unhurried(
        "F32",
        "replicas with another secret, other rules, another prefix",
        "the former two do not start, and say what to do; the fleet goes on",
        fault=disagreeing,
        setting=SETTING,
        clients=2,
    ),
]
