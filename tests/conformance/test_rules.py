"""The rules and the cases fit together, and docs/rfc9110.md says what they say."""

import re

import pytest

from tests.conformance.case import Case, Expected
from tests.conformance.reading import cases
from tests.conformance.rules import DOCUMENT, Rule, document, every, mistakes, rules
from tests.support.child import ROOT

CASES, RULES = cases(), rules()


def test_rules_and_cases_fit_together() -> None:
    """Each case speaks for rules of its section; each rule that is done is shown by a case or a test, no other is."""
    assert list(mistakes(RULES, CASES)) == []


def test_the_document_is_up_to_date() -> None:
    """docs/rfc9110.md is what `python -m tests.conformance` writes."""
    assert DOCUMENT.read_text("utf-8") == document(RULES, CASES)


def test_every_place_exists() -> None:
    """What a rule is kept in is there, folders too, and so is each test by its name."""
    for rule in every(RULES):
        assert [place for place in rule.kept if not (ROOT / place).exists()] == []
        for test in rule.tests:
            path, _, function = test.partition("::")
            assert f"def {function}(" in (ROOT / path).read_text("utf-8"), test


def test_every_case_and_rule_is_in_the_document() -> None:
    """The document has a row for each rule, and names each case at least once."""
    text = DOCUMENT.read_text("utf-8")
    rows = re.findall(r"^\| (?!section|---).*$", text, re.MULTILINE)
    assert len(rows) == len(every(RULES))
    assert [case.id for case in CASES if f"`{case.id}`" not in text] == []


def rule(**members: object) -> Rule:
    """Return a rule of one section, kept somewhere."""
    return Rule.model_validate(
        {"id": "one", "rfc": "9110 §1", "level": "MUST", "rule": "be", "kept": ("x",), **members}
    )


def case(**members: object) -> Case:
    """Return a case of that rule."""
    plain = {"id": "it-is", "rfc": "9110 §1", "rules": ("one",), "says": "It is.", "expect": Expected(status=200)}
    return Case.model_validate({**plain, **members})


@pytest.mark.parametrize(
    ("found", "played", "said"),
    [
        ([rule()], [case()], []),
        ([rule()], [], ["one: is done, and no case or test shows it"]),
        ([rule(tests=("a.py::b",))], [], []),
        ([rule(kept=())], [case()], ["one: is done, and kept nowhere"]),
        ([rule(state="not done: hard")], [], []),
        ([rule(state="not done: hard")], [case()], ["one: is not done, and yet seen by ['it-is']"]),
        ([rule(), rule()], [case()], ["two rules have one name"]),
        ([rule()], [case(), case(id="other", rules=("two",))], ["other: there is no rule two"]),
        ([rule()], [case(), case(id="other", rfc="9110 §2")], ["other: none of its rules is of 9110 §2"]),
        ([rule(also=("9110 §2",))], [case(rfc="9110 §2")], []),
        ([rule(), rule(id="all", of=("one",), kept=())], [case()], []),
        ([rule(), rule(id="all", of=("none",), kept=())], [case()], ["all: there is no rule none"]),
    ],
)
def test_what_does_not_fit_is_told(found: list[Rule], played: list[Case], said: list[str]) -> None:
    """The control: a rule without a case, a case without a rule, a section that is neither's."""
    assert list(mistakes({"standard": found}, played)) == said
