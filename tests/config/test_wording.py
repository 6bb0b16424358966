"""The sentences about mistakes."""

import pytest

from proxy.config.validation import validate
from proxy.config.yaml_source import Value, parse


def said(text: str) -> list[str]:
    """Return the sentences about what is wrong in a text, an upstream given."""
    tree = parse(text, "f")
    values: dict[str, Value] = {"upstream": "http://o", **tree.values}
    return [mistake.message for mistake in validate(values, tree.spots, set()).mistakes]


def in_route(line: str) -> str:
    """Return the one sentence about a line in a route."""
    (sentence,) = said(f"routes:\n  - path: /a\n    {line}")
    return sentence


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ("gaurd: enforce", "unknown key; did you mean guard?"),
        ("missing-status: 428", "unknown key; did you mean missing_status?"),
        ("Require: none", "unknown key; did you mean require?"),
        ("gzip: off", "unknown key"),
        ("already_applied: yes", "found true, which is how YAML reads a bare yes; expected true or false; write true"),
        ('already_applied: "true"', 'found "true"; expected true or false; write true without quotes'),
        ("already_applied: 1", "found the number 1; expected true or false"),
        ("inject: {items: $.a}", 'found "$.a"; expected a list; write ["$.a"]'),
        ("trusted: 1s", "unknown key; did you mean trust?"),
        ("trust: 61m", 'found "61m"; expected a duration such as 250ms, 5s or 1m, and at most 1h'),
        ("fence: Host", 'found "Host"; this field has a meaning of its own; take another, such as Fencing-Token'),
        ("timeouts: {selct: 1s}", "unknown key; did you mean select?"),
        ("timeouts: {conect: 1s}", "unknown key; did you mean connect?"),
        ("guard: of", "found \"of\"; expected 'enforce', 'report' or 'off'; did you mean 'off'?"),
        ("guard: reprot", "found \"reprot\"; expected 'enforce', 'report' or 'off'; did you mean 'report'?"),
        (
            "guard: off",
            """found false, which is how YAML reads a bare off; expected 'enforce', 'report' or 'off'; \
write "off" in quotes""",
        ),
        ("guard: no", "found false, which is how YAML reads a bare no; expected 'enforce', 'report' or 'off'"),
        ("guard: true", "found true; expected 'enforce', 'report' or 'off'"),
        ("guard:", "found nothing; expected 'enforce', 'report' or 'off'"),
        ("guard: [off]", "found a list; expected 'enforce', 'report' or 'off'"),
        ('missing_status: "428"', 'found "428"; expected 428, 400 or 403; write 428 without quotes'),
        ('missing_status: "8"', 'found "8"; expected 428, 400 or 403'),
        ("missing_status: 429", "found the number 429; expected 428, 400 or 403"),
        ("missing_status: 0654", "found the number 428, which is how YAML reads a bare 0654; expected 428, 400 or 403"),
        ("absent_status: forwards", "found \"forwards\"; expected 412, 404 or 'forward'; did you mean 'forward'?"),
        (
            "name: 010",
            (
                "found the number 8, which is how YAML reads a bare 010; expected a name; "
                'to mean the text, write "010" in quotes'
            ),
        ),
        ("name: 42", 'found the number 42; expected a name; to mean the text, write "42" in quotes'),
        (
            "name: 2026-01-02",
            (
                "found a date, which is how YAML reads a bare 2026-01-02; expected a name; "
                'to mean the text, write "2026-01-02" in quotes'
            ),
        ),
        (
            "methods: [NO]",
            (
                "found false, which is how YAML reads a bare NO; expected a method such as PUT; "
                'to mean the text, write "NO" in quotes'
            ),
        ),
        ("methods: PUT", 'found "PUT"; expected a list; write ["PUT"]'),
        ("methods: []", "found a list; expected at least one method; leave the key out for all of them"),
        ("state: [/a]", "found a list; expected a path template such as /wiki/{id}"),
        ("lock: 5s", 'found "5s"; expected a mapping of keys'),
        ("lock: {waiters: 0}", "found the number 0; expected at least 1"),
        ("lock: {waiters: '8'}", 'found "8"; expected a whole number in plain digits; write 8 without quotes'),
        ("lock: {waiters: '08'}", 'found "08"; expected a whole number in plain digits'),
        ("lock: {waiters: 1.5}", "found the number 1.5; expected a whole number in plain digits"),
        (
            "lock: {waiters: 010}",
            "found the number 8, which is how YAML reads a bare 010; expected a whole number in plain digits",
        ),
        (
            "timeouts: {select: 1:30}",
            "found the number 90, which is how YAML reads a bare 1:30; expected a duration such as 250ms, 5s or 1m",
        ),
        (
            "timeouts: {select: 5}",
            "found the number 5; expected a duration such as 250ms, 5s or 1m; a bare number has no unit: write 5s",
        ),
        (
            "limits: {mint: 65536}",
            (
                "found the number 65536; expected a size such as 512B, 64KiB or 8MiB; "
                "a bare number has no unit: write 64KiB"
            ),
        ),
    ],
)
def test_a_sentence_says_found_expected_and_what_to_write(line: str, sentence: str) -> None:
    """Each kind of mistake has its own words, with advice where that is certain."""
    assert in_route(line) == sentence


def test_a_required_key_is_explained() -> None:
    """Who has no upstream learns what it is and how else to give it."""
    (mistake,) = validate({}, {}, set()).mistakes
    assert mistake.message == (
        "this key is required, here or as --upstream or IFMATCH_UPSTREAM: "
        "The origin server: http://host[:port], https://host[:port] or unix:/path."
    )
    assert in_route("etag: {}\n  - name: b").startswith("this key is required: Which targets")


@pytest.mark.parametrize("value", ["0123", "[secret0123]", "off", "{secret: 0123}"])
def test_the_tag_key_is_never_repeated(value: str) -> None:
    """Not even when it is wrong: messages end in logs."""
    (sentence,) = said(f"tag_key: {value}")
    assert sentence.startswith("found a value (not shown); expected text")
    assert "0123" not in sentence


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("redis://:secret@host/x", '"redis://..." (not shown in full); expected the database'),
        ("redis://:secret", '"redis://..." (not shown in full); expected a host'),
        ("redis://:secret#@host", '"redis://..." (not shown in full); expected no fragment'),
        ("REDIS+x://secret", '"REDIS+x://..." (not shown in full); expected memory://, '),
        ("host:secret", "a value (not shown); expected memory://, "),
        ("secret", "a value (not shown); expected memory://, "),
        ("0123", "a value (not shown); expected a store such as memory:// or redis://host; to mean the text, put"),
        ("[secret]", "a value (not shown); expected a store such as memory:// or redis://host"),
    ],
)
def test_a_password_in_an_address_is_not_repeated(value: str, found: str) -> None:
    """The scheme is enough to find the line, also where the password is all that was given."""
    (sentence,) = said(f"store: {value}")
    assert sentence.startswith(f"found {found}")
    assert "secret" not in sentence
    assert "0123" not in sentence


@pytest.mark.parametrize(
    ("written", "found"),
    [
        ("${X}", '"${X}", and what it stands for does not fit'),
        ("redis://:${X}", '"redis://..." (not shown in full)'),
        ("${X:-secret}", '"redis://..." (not shown in full)'),
    ],
)
def test_what_an_address_stands_for_is_not_repeated(written: str, found: str) -> None:
    """A variable is named where it is all that stands in the file, so that one knows where to look."""
    tree = parse(f"store: '{written}'", "f")
    (mistake,) = validate({"upstream": "http://o", "store": "redis://:secret"}, tree.spots, set()).mistakes
    assert mistake.message.startswith(f"found {found}; expected a host name")


@pytest.mark.parametrize(
    ("value", "sentence"),
    [
        ("0", "found the number 0; expected at least 1"),
        ("65", "found the number 65; expected at most 64"),
        ("'4'", 'found "4"; expected a whole number in plain digits; write 4 without quotes'),
        ("auto", 'found "auto"; expected a whole number in plain digits'),
    ],
)
def test_a_number_has_its_limits(value: str, sentence: str) -> None:
    """Both are told, and that quotes make text of a number."""
    assert said(f"workers: {value}") == [sentence]


def test_a_variable_in_the_file_is_no_number() -> None:
    """There are no quotes to leave out of what is already written without them."""
    tree = parse("workers: ${X}", "f")
    (mistake,) = validate({"upstream": "http://o", "workers": "4"}, tree.spots, set()).mistakes
    assert (
        mistake.message == 'found "${X}", and what it stands for does not fit; expected a whole number in plain digits'
    )


def test_what_a_variable_held_is_not_repeated() -> None:
    """The text of the file is, since the variable may hold a secret."""
    tree = parse("unmatched: ${X}", "f")
    values = {"upstream": "http://o", "unmatched": "guardian"}
    (mistake,) = validate({**values}, tree.spots, set()).mistakes
    assert mistake.message == (
        "found \"${X}\", and what it stands for does not fit; expected 'relay', 'guard' or 'reject'"
    )
