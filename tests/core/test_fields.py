"""Field lines keep order, case and repetition; look-ups ignore case (RFC 9110 §5)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.core.fields import HOP_BY_HOP, Fields

LAW = settings(deadline=None)

names = st.sampled_from(["ETag", "etag", "ETAG", "Accept", "accept", "X-A"])
lines = st.lists(st.tuples(names, st.text(st.characters(max_codepoint=255), max_size=4)), max_size=8)


def test_lines_are_kept_as_they_stood() -> None:
    """Order, case, repetition and every byte of the value survive."""
    written = [("ETag", '"\xff"'), ("Accept", "a"), ("etag", ""), ("ACCEPT", " b ")]
    fields = Fields(written)
    assert list(fields) == written
    assert fields.lines == tuple(written)
    assert len(fields) == 4


def test_no_lines_are_no_fields() -> None:
    """A message may have no field at all."""
    assert list(Fields()) == []
    assert len(Fields()) == 0
    assert Fields().names() == frozenset()


@pytest.mark.parametrize("name", ["Accept", "accept", "ACCEPT"])
def test_a_look_up_ignores_case(name: str) -> None:
    """Any case finds every line of that name, joined or one by one."""
    fields = Fields([("Accept", "a"), ("X", "y"), ("accept", "b")])
    assert name in fields
    assert fields.get(name) == "a, b"
    assert fields.get_all(name) == ("a", "b")


def test_an_absent_field_is_not_an_empty_one() -> None:
    """None says that no line has the name, the empty string that one has and holds nothing."""
    fields = Fields([("Empty", "")])
    assert fields.get("empty") == ""
    assert fields.get_all("empty") == ("",)
    assert "empty" in fields
    assert fields.get("absent") is None
    assert fields.get_all("absent") == ()
    assert "absent" not in fields


def test_names_are_lower_case_and_distinct() -> None:
    """Two lines of one name in different case are one name."""
    assert Fields([("ETag", "a"), ("etag", "b"), ("X-A", "c")]).names() == {"etag", "x-a"}


def test_equality_is_of_lines() -> None:
    """Fields with the same lines are equal and hash alike; another order, case or kind is not equal."""
    fields = Fields([("A", "1"), ("B", "2")])
    assert fields == Fields([("A", "1"), ("B", "2")])
    assert hash(fields) == hash(Fields([("A", "1"), ("B", "2")]))
    assert fields != Fields([("B", "2"), ("A", "1")])
    assert fields != Fields([("a", "1"), ("B", "2")])
    assert fields != (("A", "1"), ("B", "2"))


def test_repr_shows_the_lines() -> None:
    """A failing assertion shows what the fields hold."""
    assert repr(Fields([("A", "1")])) == "Fields([('A', '1')])"


def test_without_drops_every_line_of_a_name() -> None:
    """A dropped name is gone in every case, the rest keeps its order."""
    fields = Fields([("A", "1"), ("b", "2"), ("a", "3"), ("C", "4")])
    assert fields.without(["a", "C"]).lines == (("b", "2"),)
    assert fields.lines[0] == ("A", "1")


def test_without_what_is_not_there_is_the_same_object() -> None:
    """Dropping nothing copies nothing."""
    fields = Fields([("A", "1")])
    assert fields.without(["b"]) is fields
    assert fields.without([]) is fields


def test_adding_keeps_what_is_there() -> None:
    """An added line stands last, beside those of its name."""
    fields = Fields([("Via", "1.1 a")])
    assert fields.adding("Via", "1.1 b").lines == (("Via", "1.1 a"), ("Via", "1.1 b"))
    assert fields.lines == (("Via", "1.1 a"),)


def test_replacing_leaves_one_line_of_the_name() -> None:
    """All lines of the name, in any case, give way to the one."""
    fields = Fields([("etag", "a"), ("X", "y"), ("ETag", "b")])
    assert fields.replacing("ETag", "c").lines == (("X", "y"), ("ETag", "c"))
    assert Fields().replacing("ETag", "c").lines == (("ETag", "c"),)


@pytest.mark.parametrize("name", sorted(HOP_BY_HOP))
def test_a_hop_by_hop_field_stays_on_its_connection(name: str) -> None:
    """No field meant for one connection goes on to the next, whatever its case."""
    assert Fields([(name.title(), "x"), ("Accept", "y")]).end_to_end().lines == (("Accept", "y"),)


@pytest.mark.parametrize("value", ["X-Secret", "x-secret", " close ,, X-SECRET , "])
def test_a_field_that_connection_names_stays_too(value: str) -> None:
    """Connection options are field names to drop as well, in any case and with empty elements (RFC 9110 §7.6.1)."""
    fields = Fields([("Connection", value), ("X-Secret", "1"), ("Accept", "y")])
    assert fields.end_to_end().lines == (("Accept", "y"),)


def test_connection_options_come_from_every_line() -> None:
    """Repeated Connection lines are one list of lower-case options; without one there are none."""
    fields = Fields([("Connection", "Keep-Alive, "), ("connection", ",X-A")])
    assert fields.connection_options() == ("keep-alive", "x-a")
    assert Fields().connection_options() == ()


@LAW
@given(lines)
def test_every_line_is_found_once(written: list[tuple[str, str]]) -> None:
    """What get_all returns over all names is what was put in, and get is its join."""
    fields = Fields(written)
    assert sum(len(fields.get_all(name)) for name in fields.names()) == len(written)
    assert all(fields.get(name) == ", ".join(fields.get_all(name)) for name in fields.names())


@LAW
@given(lines, st.lists(names))
def test_without_is_idempotent_and_final(written: list[tuple[str, str]], dropped: list[str]) -> None:
    """A dropped name is not found any more, and dropping it twice changes nothing."""
    left = Fields(written).without(dropped)
    assert not any(name in left for name in dropped)
    assert left.without(dropped) == left


@LAW
@given(lines)
def test_end_to_end_is_idempotent(written: list[tuple[str, str]]) -> None:
    """What is meant for the far end is still meant for it one hop later."""
    once = Fields(written).end_to_end()
    assert once.end_to_end() == once


@pytest.mark.parametrize(
    ("values", "elements"),
    [
        ([], ()),
        ([""], ()),
        (["Accept"], ("accept",)),
        ([" a ,\tB,, ", "C"], ("a", "b", "c")),
        (["a b, c"], ("a b", "c")),
    ],
)
def test_a_list_has_elements(values: list[str], elements: tuple[str, ...]) -> None:
    """RFC 9110 §5.6.1: white space around them and empty ones do not count; lines are one list."""
    assert Fields(("Vary", value) for value in values).elements("vary") == elements


@pytest.mark.parametrize("at", range(3))
def test_a_line_in_front_of_another(at: int) -> None:
    """The lines are those that stood there and the new one in its place, and each finds its values."""
    lines = [("A", "1"), ("b", "2")]
    inserted = Fields(lines).inserting(at, "New", "x")
    expected = Fields([*lines[:at], ("New", "x"), *lines[at:]])
    assert (inserted.lines, inserted.by_name, inserted.text) == (expected.lines, expected.by_name, expected.text)


def test_what_is_made_without_an_inserted_line() -> None:
    """Dropping the line gives what the others give, the very same object; keeping it does not lose it."""
    others = Fields([("A", "1"), ("B", "2")])
    one, two = others.inserting(1, "New", "x"), others.inserting(1, "New", "y")
    assert one.edited({"new"}) is others
    assert one.edited({"new", "a"}, (("C", "3"),)) is two.edited({"new", "a"}, (("C", "3"),))
    assert one.edited({"a"}) == Fields([("New", "x"), ("B", "2")])


def test_two_editions_in_turn() -> None:
    """A client's fields are selected with and written with, again and again: each is made once."""
    fields = Fields([("A", "1"), ("B", "2")])
    first, second = fields.edited({"a"}), fields.edited({"b"})
    assert fields.edited({"a"}) is first
    assert fields.edited({"b"}) is second
