"""YAML to plain values with their positions, and what of YAML is refused."""

from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.config import yaml_source
from proxy.config.mistakes import KeyPath, Position
from proxy.config.yaml_source import Misread, Tree, Value
from proxy.errors import ConfigurationError

NESTED = """\
# comment
a: 1
b:
  - x
  -   key: [p,  "q"]
c: {d: e,
    f: }
"""


def problems(text: str) -> list[str]:
    """Return why a text cannot be used at all."""
    with pytest.raises(ConfigurationError) as caught:
        yaml_source.parse(text, "f.yaml")
    return caught.value.problems


def outcome(text: str) -> Tree | list[str]:
    """Return the values of a text, or why there are none."""
    try:
        return yaml_source.parse(text, "f.yaml")
    except ConfigurationError as mistake:
        return mistake.problems


def told(text: str) -> list[str]:
    """Return the mistakes of a text that can be read, as `line:column: path-and-message`."""
    mistakes = yaml_source.parse(text, "f.yaml").mistakes
    return [
        f"{mistake.position and (mistake.position.line, mistake.position.column)} {mistake.message}"
        for mistake in mistakes
    ]


def test_values_are_plain() -> None:
    """Mappings, lists and scalars become dicts, tuples and values of Python."""
    assert yaml_source.parse(NESTED, "f").values == {
        "a": 1,
        "b": ("x", {"key": ("p", "q")}),
        "c": {"d": "e", "f": None},
    }


@pytest.mark.parametrize(
    ("path", "key", "value"),
    [
        ((), (2, 1), (2, 1)),
        (("a",), (2, 1), (2, 4)),
        (("b", 0), (4, 5), (4, 5)),
        (("b", 1), (5, 7), (5, 7)),
        (("b", 1, "key"), (5, 7), (5, 12)),
        (("b", 1, "key", 1), (5, 17), (5, 17)),
        (("c", "f"), (7, 5), (7, 7)),
    ],
)
def test_every_value_has_its_position(path: KeyPath, key: tuple[int, int], value: tuple[int, int]) -> None:
    """Line and column count from 1, of the key and of the value."""
    spot = yaml_source.parse(NESTED, "f").spots[path]
    assert (spot.key, spot.value) == (Position(*key), Position(*value))


def test_a_missing_value_is_where_it_would_have_been() -> None:
    """The position of a path that is not there is that of the mapping around it."""
    tree = yaml_source.parse(NESTED, "f")
    assert tree.position(("b", 1, "missing")) == Position(5, 7)
    assert yaml_source.Tree().position(("missing",)) is None


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("text", "text"),
        ('"off"', "off"),
        ("'010'", "010"),
        ("!!str 010", "010"),
        ("12", 12),
        ("-1", -1),
        ("0", 0),
        ("1.5", 1.5),
        ("true", True),
        ("False", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("=", "="),
        ("2026-13-45", "2026-13-45"),
        ("127.0.0.1:8080", "127.0.0.1:8080"),
        ("${X:-a}", "${X:-a}"),
        ("off", Misread("off", value=False)),
        ("NO", Misread("NO", value=False)),
        ("Yes", Misread("Yes", value=True)),
        ("on", Misread("on", value=True)),
        ("010", Misread("010", 8)),
        ("0x1F", Misread("0x1F", 31)),
        ("1_000", Misread("1_000", 1000)),
        ("+5", Misread("+5", 5)),
        ("1:30", Misread("1:30", 90)),
        ("1:30.5", Misread("1:30.5", 90.5)),
        (".inf", Misread(".inf", float("inf"))),
    ],
)
def test_a_bare_word_is_a_value_or_a_trap(word: str, value: Value) -> None:
    """What YAML 1.1 reads otherwise than people do is kept apart, with its text, and fits nowhere."""
    assert yaml_source.parse(f"k: {word}", "f").values == {"k": value}


def test_a_date_is_a_trap() -> None:
    """YAML makes a date of what a version or a name may look like."""
    value = yaml_source.parse("k: 2026-01-02", "f").values["k"]
    assert isinstance(value, Misread)
    assert value.text == "2026-01-02"


@pytest.mark.parametrize(
    ("text", "mistakes"),
    [
        ("a: 1\nb: 2\na: 3", ["(3, 1) duplicate key; the first is on line 1"]),
        ("a: {b: 1, b: 2}", ["(1, 11) duplicate key; the first is on line 1"]),
        ("a: &x 1\nb: *x", ['(2, 4) found the alias "*x"; aliases are not read: write the value out, or in quotes']),
        ("a: &x [*x]", ['(1, 8) found the alias "*x"; aliases are not read: write the value out, or in quotes']),
        ("a: *none", ['(1, 4) found the alias "*none"; aliases are not read: write the value out, or in quotes']),
        ("a:\n  <<: {b: 1}", ["(2, 3) merge keys are not read; write the keys out"]),
        ("a: !b c", ['(1, 4) found the tag "!b"; tags are not read: write a plain value']),
        ("a: !!binary aGk=", ['(1, 4) found the tag "!!binary"; tags are not read: write a plain value']),
        ("a: !!int x", ['(1, 4) found the tag "!!int"; tags are not read: write a plain value']),
        ("a: !!set {b}", ['(1, 4) found the tag "!!set"; tags are not read: write a plain value']),
        (
            "a: !!python/object/apply:os.getcwd []",
            ['(1, 4) found the tag "!!python/object/apply:os.getcwd"; tags are not read: write a plain value'],
        ),
        ("? [a]\n: 1", ["(1, 3) found a key that is not plain text"]),
        ("? *x\n: 1", ["(1, 3) found a key that is not plain text"]),
        (
            "a: *x\nb: !c d\na: 1",
            [
                '(1, 4) found the alias "*x"; aliases are not read: write the value out, or in quotes',
                '(2, 4) found the tag "!c"; tags are not read: write a plain value',
                "(3, 1) duplicate key; the first is on line 1",
            ],
        ),
    ],
)
def test_treacherous_yaml_is_refused(text: str, mistakes: list[str]) -> None:
    """Each is told with its position, and all of them at once."""
    assert told(text) == mistakes


def test_of_duplicate_keys_the_first_is_read() -> None:
    """The rest of the file is checked against the first one."""
    assert yaml_source.parse("a: 1\na: 2", "f").values == {"a": 1}


def test_what_was_not_read_is_marked() -> None:
    """None stands in for it, and nothing more needs to be said about it."""
    tree = yaml_source.parse("a: [*x, 1]\nb: !c d", "f")
    assert tree.values == {"a": (None, 1), "b": None}
    assert tree.unread == {("a", 0), ("b",)}


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "f.yaml:1:1: (file): the file is empty; expected a mapping with at least the key upstream"),
        ("# only this\n", "f.yaml:1:1: (file): the file is empty; expected a mapping with at least the key upstream"),
        ("- a", "f.yaml:1:1: (file): found a list; expected a mapping of keys such as upstream and routes"),
        (
            "\n  text",
            "f.yaml:2:3: (file): found a single value; expected a mapping of keys such as upstream and routes",
        ),
        (
            "a: 1\n\tb: 2",
            (
                "f.yaml:2:1: (file): this is no YAML: found character '\\t' that cannot start any token; "
                "indent with spaces, not tabs"
            ),
        ),
        (
            "a: 1\n---\nb: 2",
            "f.yaml:2:1: (file): this is no YAML: but found another document; one file holds one document",
        ),
        (
            "a: b: c",
            (
                "f.yaml:1:5: (file): this is no YAML: mapping values are not allowed here; "
                "a key may be indented too far, or text with a colon and a space needs quotes"
            ),
        ),
        (
            "a: 1\nb\nc: 2",
            (
                "f.yaml:3:1: (file): this is no YAML: could not find expected ':'; "
                "a key is followed by a colon and a space"
            ),
        ),
        ("a: [1", "f.yaml:1:6: (file): this is no YAML: expected ',' or ']', but got '<stream end>'"),
        ("a: 'b", "f.yaml:1:6: (file): this is no YAML: found unexpected end of stream"),
        ("a: 1\nb: \x00", "f.yaml:2:4: (file): found a control character"),
        ("a: " + "[" * 20000, "f.yaml:1:1: (file): nested too deeply"),
    ],
    ids=range(12),
)
def test_what_is_no_mapping_in_yaml_is_one_mistake(text: str, problem: str) -> None:
    """It is told in one line, with its position."""
    assert problems(text) == [problem]


def test_a_byte_order_mark_does_not_count() -> None:
    """Editors on Windows write one; columns are counted without it."""
    tree = yaml_source.parse("\ufeffa: 1".encode().decode("utf-8-sig"), "f")
    assert tree.position(("a",)) == Position(1, 4)


def test_a_file_is_read(tmp_path: Path) -> None:
    """UTF-8, with or without a byte order mark."""
    file = tmp_path / "a.yaml"
    file.write_bytes("\ufeffa: caf\u00e9\r\nb: 1\r\n".encode())
    tree = yaml_source.read(str(file))
    assert tree.values == {"a": "caf\u00e9", "b": 1}
    assert tree.position(("b",)) == Position(2, 4)


def test_a_file_of_another_coding_is_told_where(tmp_path: Path) -> None:
    """The position is that of the first byte which is no UTF-8."""
    file = tmp_path / "a.yaml"
    file.write_bytes("a: 1\nb: caf\u00e9 \u00fc\n".encode() + b"cc: \xff")
    with pytest.raises(ConfigurationError) as caught:
        yaml_source.read(str(file))
    message = "(file): found the byte 0xff, which is no UTF-8; save the file as UTF-8"
    assert caught.value.problems == [f"{file}:3:5: {message}"]


def test_a_file_that_cannot_be_read_is_one_mistake(tmp_path: Path) -> None:
    """Whether it is missing or a folder, one line says so."""
    for file, reason in ((tmp_path / "none.yaml", "No such file or directory"), (tmp_path, "Is a directory")):
        with pytest.raises(ConfigurationError) as caught:
            yaml_source.read(str(file))
        assert caught.value.problems == [f"{file}: cannot be read: {reason}"]


@given(st.text(alphabet=st.sampled_from("ab:- \n\t[]{},&*!?|>'\"#%@`<=0159._~\x00\x85\u2028"), max_size=40))
@example("? ")
@example("a: !!int x")
@example("a: !!null x")
@example("a: !!bool maybe")
@example("a: !!timestamp x")
@example("a: 0b_")
@example("%YAML 2.0\n---\na: 1")
@example("a: >\n")
def test_whatever_is_written_is_read_or_told(text: str) -> None:
    """No text makes the reader fail in any other way than with a mistake."""
    said = outcome(text)
    assert isinstance(said, Tree) or len(said) == 1
    lines = [mistake.message for mistake in said.mistakes] if isinstance(said, Tree) else said
    assert not any("\n" in line for line in lines)
