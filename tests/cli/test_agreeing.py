"""What the replicas of a fleet must have in common."""

from pathlib import Path

from proxy.cli.agreeing import fleet_names, fleet_rules
from proxy.config import Settings, load


def settings(tag_key: str) -> Settings:
    """Return settings without a file."""
    return load(None, flags={"upstream": "http://127.0.0.1:1"}, environ={"IFMATCH_TAG_KEY": tag_key})


def test_another_tag_key_makes_another_fleet() -> None:
    """The names of resources and the fingerprint of the rules both rest on it, and on nothing that is new each time."""
    one, same, other = settings("a"), settings("a"), settings("b")
    assert fleet_names(one) == fleet_names(same) != fleet_names(other)
    assert fleet_rules(one, one.routes) == fleet_rules(same, same.routes) != fleet_rules(other, other.routes)


def test_other_routes_make_another_fleet(tmp_path: Path) -> None:
    """Routes that lock differently have another fingerprint under the same key."""
    one, file = settings("a"), tmp_path / "routes.yaml"
    file.write_text("upstream: http://127.0.0.1:1\nroutes:\n  - path: /wiki/{id}\n")
    read = load(str(file), flags={}, environ={})
    assert fleet_rules(one, read.routes) != fleet_rules(one, one.routes)
