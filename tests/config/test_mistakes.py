"""Mistakes and the lines that are written about them."""

import pytest

from proxy.config.mistakes import KeyPath, Located, Mistake, Position, in_order, quoted, written_path


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), "(file)"),
        (("listen",), "listen"),
        (("routes", 0, "timeouts", "select"), "routes[0].timeouts.select"),
        (("routes", 2), "routes[2]"),
        (("a.b", "c"), '"a.b".c'),
        (("a\nb",), '"a\\nb"'),
    ],
)
def test_a_path_is_written_as_one_would_say_it(path: KeyPath, text: str) -> None:
    """A path is one word on one line, whatever the user called a key."""
    assert written_path(path) == text


def test_a_line_names_file_line_column_path_and_message() -> None:
    """Editors and terminals can jump to `file:line:column`."""
    located = Located(Mistake(("drain",), "wrong"), "a.yaml", Position(3, 8))
    assert str(located) == "a.yaml:3:8: drain: wrong"


def test_outside_the_file_the_source_is_named() -> None:
    """A mistake in a variable has no line; the variable stands in its place."""
    assert str(Located(Mistake(("store",), "no"), "environment: IFMATCH_STORE", None)) == (
        "environment: IFMATCH_STORE: store: no"
    )


def test_mistakes_come_in_the_order_of_the_file() -> None:
    """Position decides, then those outside the file as they were found."""
    places = [None, Position(2, 1), Position(1, 9), Position(1, 2)]
    found = [Located(Mistake((str(index),), ""), "f", place) for index, place in enumerate(places)]
    assert [located.mistake.path[0] for located in in_order(found)] == ["3", "2", "1", "0"]


@pytest.mark.parametrize(
    ("doubt", "rests"),
    [
        (("routes", 0, "lock", "write"), True),
        (("routes", 0, "lock"), True),
        (("routes", 0), True),
        (("routes", 0, "lock", "read"), False),
        (("routes", 1), False),
        (("routes", 0, "lock", "write", 3), False),
    ],
)
def test_a_conclusion_rests_on_what_it_was_drawn_from(doubt: KeyPath, rests: bool) -> None:
    """A mistake rests on a value, and on every mapping around it."""
    mistake = Mistake((), "", rests_on=(("routes", 0, "lock", "write"),))
    assert mistake.rests_on_any([doubt]) is rests


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("of", '"of"'),
        ('a"b', '"a\\"b"'),
        ("caf\u00e9", '"caf\u00e9"'),
        ("a\x1b[31m\u202eb", '"a\\u001b[31m\\u202eb"'),
        ("x" * 80, '"' + "x" * 57 + '..."'),
        ("redis://:secret@host/0", '"redis://..." (not shown in full)'),
        ("redis://host/?password=secret", '"redis://..." (not shown in full)'),
        ("redis+sentinel://u:secret\n@host", '"redis+sentinel://..." (not shown in full)'),
        ("http://host:80", '"http://host:80"'),
    ],
)
def test_the_users_text_is_repeated_with_care(text: str, shown: str) -> None:
    """It stays on one line, does not command the terminal, is not endless, and shows no password."""
    assert quoted(text) == shown
