"""The tables of the documentation."""

import re
from pathlib import Path

import pytest

from proxy.config.environment import SECRETS, VARIABLES
from proxy.config.model import SECTIONS
from proxy.config.reference import BEGIN, END, table
from proxy.config.section import Section, keys

ROOT = Path(__file__).parents[2]
DOCUMENTS = [document for document in (ROOT / "docs" / "configuration.md", ROOT / "README.md") if document.exists()]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_the_documents_hold_the_tables(document: Path) -> None:
    """Between the two marks, exactly."""
    text = document.read_text(encoding="utf-8")
    assert text.count(BEGIN) == text.count(END) == 1
    assert text.partition(BEGIN)[2].partition(END)[0].strip("\n") == table()


def test_every_key_has_its_row() -> None:
    """Each key that has a value of its own is listed once, with its meaning in the last cell."""
    rows = re.findall(r"^\| `([^`]+)` \|.*\| ([^|]+) \|$", table(), re.MULTILINE)
    expected = []
    for path, section in SECTIONS.items():
        prefix = ".".join((*path, "")).removeprefix("routes.")
        for key, field in keys(section).items():
            if not (isinstance(field.annotation, type) and issubclass(field.annotation, Section)):
                expected.append((prefix + key, field.description))
    assert sorted(rows) == sorted(expected)


def test_every_variable_is_named() -> None:
    """At its key, and the variable of a file beside it where the value is a secret."""
    for key, variable in VARIABLES.items():
        (row,) = re.findall(rf"^\| `{key}` \|.*$", table(), re.MULTILINE)
        assert f"`{variable}`" in row
        assert f"`{SECRETS.get(key, variable)}`" in row


@pytest.mark.parametrize(
    "start",
    [
        '| `tag_key` | text | `""` |',
        "| `upstream` | origin | required |",
        "| `store` | store | `memory://` | `IFMATCH_STORE`, `IFMATCH_STORE_FILE` |",
        "| `workers` | number | `1` |",
        "| `tls` | mapping or `null` | `null` |",
        "| `routes` | list of routes | `[]` |",
        '| `guard` | `enforce`, `report`, `"off"` | `enforce` |',
        "| `methods` | list of methods or `null` | `null` |",
        "| `absent_status` | `412`, `404`, `forward` or `null` | `null` |",
        "| `timeouts.select` | duration | `5s` |",
        "| `lock.waiters` | number | `64` |",
        "| `trust` | duration | `0s` |",
        "| `fence` | field name or `null` | `null` |",
        '| `cors` | `auto`, `"off"` or list of origins | `auto` |',
        "| `problem` | mapping or `null` | `null` |",
        "| `problem.precondition_failed.body` | mapping, list or text | required |",
    ],
)
def test_values_and_defaults_are_written_as_in_a_file(start: str) -> None:
    """They can be copied; `off` stands in its quotes."""
    assert f"\n{start} " in table()


def test_the_tables_are_tables() -> None:
    """Each row has as many cells as the head of its table."""
    for part in table().split("\n\n"):
        cells = {len(re.findall(r"(?<!\\)\|", line)) for line in part.splitlines()}
        assert len(cells) == 1
