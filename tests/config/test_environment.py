"""Precedence of sources, and variables inside text."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.config import environment
from proxy.config.yaml_source import Value


def substituted(text: str, environ: Mapping[str, str]) -> Value:
    """Return what a text becomes."""
    return environment.substitute({"k": text}, environ).values["k"]


def faults(text: str, environ: Mapping[str, str]) -> list[str]:
    """Return what is said of a text."""
    return [mistake.message for mistake in environment.substitute({"k": text}, environ).mistakes]


@pytest.mark.parametrize("key", sorted(environment.VARIABLES))
def test_an_option_goes_before_a_variable(key: str) -> None:
    """Each key that has a variable can be given as an option too, and the option wins."""
    variable = environment.VARIABLES[key]
    only = environment.overrides({}, {variable: "from variable"})
    both = environment.overrides({key: "from option"}, {variable: "from variable"})
    assert only.values == {key: "from variable"}
    assert only.origins == {key: f"environment: {variable}"}
    assert both.values == {key: "from option"}
    assert both.origins == {key: f"command line: --{key.replace('_', '-')}"}


def test_variables_are_called_after_their_keys() -> None:
    """IFMATCH_ and the key in upper case, so that nobody has to look them up."""
    assert {key: f"IFMATCH_{key.upper()}" for key in environment.VARIABLES} == environment.VARIABLES


def test_an_empty_variable_sets_nothing_and_an_empty_option_does() -> None:
    """Deployment tools write `X=` for what is not set; nobody writes an empty option by accident."""
    assert environment.overrides({}, {"IFMATCH_TAG_KEY": "", "IFMATCH_STORE_FILE": ""}).values == {}
    assert environment.overrides({"tag_key": ""}, {"IFMATCH_TAG_KEY": "x"}).values == {"tag_key": ""}


def test_other_variables_mean_nothing() -> None:
    """Kubernetes sets IFMATCH_PORT and more for a service called ifmatch."""
    assert environment.overrides({}, {"IFMATCH_PORT": "tcp://10.0.0.1:80", "IFMATCH_DRAIN": "1s"}).values == {}


def test_an_option_without_a_key_is_an_error_of_the_program() -> None:
    """The command line and the keys cannot drift apart unseen."""
    with pytest.raises(KeyError):
        environment.overrides({"upstreem": "x"}, {})


def test_a_number_is_given_as_text() -> None:
    """A variable and an option hold text; what is no number in plain digits stays text, which the model refuses."""
    given = ["4", "0", "10", "04", "-1", "1.5", "4 ", "\xb2", "four", "9" * 10]
    taken = [environment.overrides({"workers": text}, {}).values["workers"] for text in given]
    assert taken == [4, 0, 10, *given[3:]]
    assert environment.overrides({}, {"IFMATCH_WORKERS": "4"}).values == {"workers": 4}
    assert environment.overrides({}, {"IFMATCH_TAG_KEY": "4"}).values == {"tag_key": "4"}


secrets = pytest.mark.parametrize(("key", "variable"), environment.SECRETS.items())


def test_files_of_secrets_are_called_after_their_keys() -> None:
    """The variable of the key and _FILE behind it, as container images do."""
    assert {key: f"{environment.VARIABLES[key]}_FILE" for key in environment.SECRETS} == environment.SECRETS


@secrets
def test_a_secret_can_stand_in_a_file(tmp_path: Path, key: str, variable: str) -> None:
    """The line end behind it is not part of it; a space is."""
    file = tmp_path / "key"
    file.write_text("secret \r\n", encoding="utf-8")
    found = environment.overrides({}, {variable: str(file)})
    assert found.values == {key: "secret "}
    assert found.origins == {key: f"environment: {variable}"}
    assert (found.mistakes, found.unread) == ([], set())


@secrets
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "the file cannot be read: No such file or directory"),
        (b"\xff", "the file cannot be read: it is no UTF-8"),
        (b"\n", "the file is empty"),
    ],
)
def test_a_file_that_holds_no_secret_is_a_mistake(
    tmp_path: Path, key: str, variable: str, content: bytes | None, message: str
) -> None:
    """A secret that was not mounted must not silently become the public key, or a store that nobody shares."""
    file = tmp_path / "key"
    if content is not None:
        file.write_bytes(content)
    found = environment.overrides({}, {variable: str(file)})
    assert [(mistake.path, mistake.message) for mistake in found.mistakes] == [((key,), message)]
    assert (found.values, found.unread) == ({key: None}, {(key,)})


@secrets
def test_a_secret_given_twice_is_a_mistake(key: str, variable: str) -> None:
    """Which of them counts would be a guess."""
    other = environment.VARIABLES[key]
    found = environment.overrides({}, {other: "x", variable: "/none"})
    assert [mistake.message for mistake in found.mistakes] == [
        f"{other} and {variable} are both set; unset one of them"
    ]


@secrets
def test_an_option_makes_the_file_of_a_secret_irrelevant(key: str, variable: str) -> None:
    """What is overridden is not looked at."""
    found = environment.overrides({key: "x"}, {variable: "/none"})
    assert (found.values, found.mistakes) == ({key: "x"}, [])


@secrets
def test_a_reference_in_a_secret_is_not_repeated(key: str, variable: str) -> None:
    """What looks like a broken one may be part of a password."""
    (mistake,) = environment.substitute({key: "redis://:${hunter-2"}, {}).mistakes
    assert mistake.message == (
        "found ${ and something else (not shown); expected ${NAME} or ${NAME:-default}; $${ stands for ${ itself"
    )


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("${A}", "1"),
        ("x${A}y${B}z", "x1y2z"),
        ("${EMPTY}", ""),
        ("${EMPTY:-d}", "d"),
        ("${NONE:-d}", "d"),
        ("${NONE:-}", ""),
        ("${NONE:-http://h:1/$}", "http://h:1/$"),
        ("${A:-d}", "1"),
        ("$${A}", "${A}"),
        ("$$${A}", "$${A}"),
        ("$A {A} $ $$", "$A {A} $ $$"),
        ("/wiki/{id}", "/wiki/{id}"),
        ("${NESTED}", "${A}"),
    ],
)
def test_references_are_replaced(text: str, result: str) -> None:
    """As in a shell for these two forms, once, and nothing else has a meaning."""
    environ = {"A": "1", "B": "2", "EMPTY": "", "NESTED": "${A}"}
    assert substituted(text, environ) == result
    assert faults(text, environ) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${NONE}", "the variable NONE is not set; set it, or give a default: ${NONE:-default}"),
        ("${}", 'found "${}"; expected ${NAME} or ${NAME:-default}; $${ stands for ${ itself'),
        ("${1A}", 'found "${1A}"; expected ${NAME} or ${NAME:-default}; $${ stands for ${ itself'),
        ("${A-b}", 'found "${A-b}"; expected ${NAME} or ${NAME:-default}; $${ stands for ${ itself'),
        ("x${A", 'found "${A"; expected ${NAME} or ${NAME:-default}; $${ stands for ${ itself'),
        ("${A:-/{id}}", 'found "${A:-/{id}"; expected ${NAME} or ${NAME:-default}; $${ stands for ${ itself'),
    ],
)
def test_another_reference_is_a_mistake(text: str, message: str) -> None:
    """None is taken as plain text in silence."""
    assert faults(text, {"A": "1"}) == [message]


def test_every_text_is_searched_and_nothing_else() -> None:
    """Text in lists and mappings is, keys and numbers are not; each mistake has its path."""
    tree: dict[str, Value] = {"a": ({"${A}": "${A}"}, "${NONE}"), "b": 3, "c": {"d": "${NONE}${ALSO}"}}
    result = environment.substitute(tree, {"A": "1"})
    assert result.values == {"a": ({"${A}": "1"}, None), "b": 3, "c": {"d": None}}
    assert [mistake.path for mistake in result.mistakes] == [("a", 1), ("c", "d"), ("c", "d")]
    assert result.unset == {("a", 1), ("c", "d")}


@given(st.text(max_size=20), st.text(alphabet=st.characters(exclude_characters="$"), max_size=20))
def test_what_a_variable_holds_is_taken_as_it_is(value: str, around: str) -> None:
    """No content of a variable is interpreted."""
    assert substituted(f"{around}${{A}}{around}", {"A": value}) == f"{around}{value}{around}"


@given(st.text(alphabet="${}A:-x", max_size=20))
def test_only_text_with_a_reference_refers(text: str) -> None:
    """`refers` tells exactly the texts that substitution changes or refuses, whatever the variables are."""
    unchanged = substituted(text, {"A": "\x00"}) == text
    assert environment.refers(text) is not unchanged
