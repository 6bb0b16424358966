"""The keys, their defaults, and the file that shows them all."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from proxy.config import load, yaml_source
from proxy.config.model import SECTIONS, Document
from proxy.config.section import Section, keys
from proxy.core.route import Route, Unmatched
from proxy.core.template import Template

CONFIG = Path(__file__).parents[2] / "config"
FULL = CONFIG / "routes.full.yaml"
FIRST_LINE = "# yaml-language-server: $schema={}schema.json"

KEYS = [(path, key) for path, section in SECTIONS.items() for key in keys(section)]

UNUSED = re.compile(r"^( *)(\w+): null\n(\1# \2:\n(?:\1#   .*\n)+)", re.MULTILINE)
"""A mapping that is null, and behind it in comments what it is otherwise."""


def used(unused: re.Match[str]) -> str:
    """Return the mapping that stands in the comments."""
    indent, _, below = unused.groups()
    return re.sub(rf"^{indent}# ", indent, below, flags=re.MULTILINE)


def shown() -> Iterator[tuple[tuple[str, ...], str, Any, str]]:
    """Yield path, key, value and comment of all that the full file shows, what is commented out included."""
    text = UNUSED.sub(used, FULL.read_text(encoding="utf-8"))
    spots = yaml_source.parse(text, "full").spots
    written = text.splitlines()
    for path, spot in spots.items():
        names = tuple(part for part in path if isinstance(part, str))
        if path and isinstance(path[-1], str) and names[:-1] in SECTIONS:
            comment = written[spot.key.line - 2].strip().removeprefix("# ")
            value = None if spot.text is None else yaml.safe_load(spot.text)
            yield names[:-1], path[-1], value, comment


def described(path: tuple[str, ...], key: str) -> str:
    """Return what the model says about a key."""
    return keys(SECTIONS[path])[key].description or ""


def test_the_full_file_shows_every_key_once() -> None:
    """Key by key, in the order of the model; none is missing and none is made up."""
    found = [(path, key) for path, key, _, _ in shown()]
    assert sorted(found) == sorted(KEYS)
    for section in SECTIONS:
        assert [key for path, key in found if path == section] == list(keys(SECTIONS[section]))


def test_the_full_file_says_why_of_every_key() -> None:
    """The line above a key is the meaning that the model gives it; a mapping shown as null has its keys below."""
    comments = {(path, key): comment for path, key, _, comment in shown()}
    assert comments == {(path, key): described(path, key) for path, key in comments}


def test_the_full_file_shows_every_default() -> None:
    """Value by value: what stands in the file is the default, written as in the model."""
    tree = yaml_source.read(str(FULL)).values
    assert isinstance(tree["routes"], tuple)
    assert different(tree, Document) == {"upstream", "tag_key", "routes"}
    assert different(tree["routes"][0], SECTIONS["routes",]) == {"path"}
    assert tree["tag_key"] == "${IFMATCH_TAG_KEY:-}"


def different(values: Any, section: type[Section]) -> set[str]:
    """Return the keys whose value is not the default, mappings apart, which are compared member by member."""
    defaults = {key: field.default for key, field in keys(section).items()}
    found = set()
    for key, value in values.items():
        annotation = keys(section)[key].annotation
        if isinstance(annotation, type) and issubclass(annotation, Section):
            found |= different(value, annotation)
        elif value != defaults[key]:
            found.add(key)
    return found


def test_the_full_file_means_the_defaults() -> None:
    """Loading every key gives what leaving it out gives."""
    full = load(str(FULL), flags={}, environ={})
    least = load(None, flags={"upstream": "http://127.0.0.1:9000", "unmatched": "relay"}, environ={})
    for name in (
        "listen",
        "admin",
        "upstream",
        "store",
        "on_store_failure",
        "workers",
        "connections",
        "tag_key",
        "tls",
        "trusted_peers",
        "drain",
    ):
        assert getattr(full, name) == getattr(least, name)
    assert full.routes.routes == (Route("/wiki/{id}", Template.parse("/wiki/{id}")),)
    assert full.routes.unmatched is least.routes.unmatched is Unmatched.RELAY


def test_the_smallest_file_is_small_and_useful() -> None:
    """An origin and a guarded route."""
    smallest = load(str(CONFIG / "routes.yaml"), flags={}, environ={})
    assert len(smallest.routes.routes) == 1


@pytest.mark.parametrize(
    "file", sorted([*CONFIG.glob("*.yaml"), *CONFIG.glob("examples/*.yaml")]), ids=lambda file: file.name
)
def test_every_file_tells_editors_its_schema(file: Path) -> None:
    """The first line of a configuration names the schema of `config/`."""
    above = "../" * len(file.relative_to(CONFIG).parent.parts)
    assert file.read_text(encoding="utf-8").splitlines()[0] == FIRST_LINE.format(above)


@pytest.mark.parametrize(("path", "key"), KEYS)
def test_every_key_has_a_meaning_in_one_line(path: tuple[str, ...], key: str) -> None:
    """One sentence or two that fit on a line, as it becomes a comment and a table cell."""
    meaning = described(path, key)
    assert meaning.endswith(".")
    assert 10 < len(meaning) <= 120
    assert not set("\n|`") & set(meaning)
    assert meaning.isascii()


def test_sections_are_frozen_and_closed() -> None:
    """A document never changes, and has no key that nobody knows."""
    for section in SECTIONS.values():
        assert section.model_config.get("frozen")
        assert section.model_config.get("extra") == "forbid"
