"""The rules that cases speak for, and docs/rfc9110.md, which is made of both.

What lives here: a rule, its state, and the document. What must not: prose about the proxy; the table of rules is
rules.yaml, and what is seen of each is told by the cases.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Literal

from pydantic import Field

from tests.conformance.case import Case, Entry
from tests.conformance.reading import FOLDER, RULES, read
from tests.support.child import ROOT

DOCUMENT = ROOT / "docs" / "rfc9110.md"

PARTS = {
    "standard": "",
    "neighbours": "## Its neighbours",
    "gateway": "## A proxy that mints and enforces",
    "selections": "## What a selection comes to",
}
"""The lists of rules.yaml and their headings."""

HEAD = """# Where the rules of the standard are kept

RFC 9110 for a gateway that mints and enforces, rule by rule: where it is kept, what fails when it is not, and what is
not done. Made of `tests/conformance/rules.yaml` and the cases beside it by `python -m tests.conformance`; nothing here
is written by hand. A test checks that it is up to date, that every file and test named here exists, and that every rule
that is done is seen to be.

{cases} cases are each played twice, with the gateway in the tests' own process and with the running command
(`tests/conformance/test_cases.py`). A name that stands alone in *seen by* is a case. *Level* is the standard's own
word, *defined* what it says without one, *ours* what it leaves to us.

{done} rules are done, {undone} are not, and {foreign} are not for a gateway to keep.
"""

_COLUMNS = ("section", "name", "level", "rule", "kept in", "seen by", "state")


class Rule(Entry):
    """A requirement in our words. `also`: other sections of which its cases speak. `of`: rules that it is made of."""

    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    rfc: str = Field(pattern=r"^\d{4}( §[0-9.]+)?$")
    level: Literal["MUST", "MUST NOT", "SHOULD", "SHOULD NOT", "MAY", "defined", "ours"]
    rule: str
    kept: tuple[str, ...] = ()
    tests: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    of: tuple[str, ...] = ()
    state: str = Field(default="done", pattern=r"^(done([,;:]? .+)?|not done(: .+)?|not ours: .+)$")

    @property
    def done(self) -> bool:
        """Tell whether the rule is kept."""
        return self.state.startswith("done")

    @property
    def foreign(self) -> bool:
        """Tell whether it is for somebody else to keep."""
        return self.state.startswith("not ours")


Rules = Mapping[str, Sequence[Rule]]


def rules() -> dict[str, list[Rule]]:
    """Return the rules by part. Raised when there is a mistake in their file: `reading.BadFile`."""
    return read(RULES, " ".join(PARTS), Rule)


def every(known: Rules) -> list[Rule]:
    """Return the rules of all parts."""
    return [rule for part in known.values() for rule in part]


def mistakes(known: Rules, played: Sequence[Case]) -> Iterator[str]:
    """Yield what does not fit between rules and cases."""
    by_id = {rule.id: rule for rule in every(known)}
    if len(by_id) < len(every(known)):
        yield "two rules have one name"
    for rule in every(known):
        yield from _unfounded(rule, by_id, played)
    for case in played:
        unknown = [name for name in case.rules if name not in by_id]
        if unknown:
            yield f"{case.id}: there is no rule {', '.join(unknown)}"
        elif not any(case.rfc in {by_id[name].rfc, *by_id[name].also} for name in case.rules):
            yield f"{case.id}: none of its rules is of {case.rfc}"


def _unfounded(rule: Rule, by_id: Mapping[str, Rule], played: Sequence[Case]) -> Iterator[str]:
    unknown = [name for name in rule.of if name not in by_id]
    if unknown:
        yield f"{rule.id}: there is no rule {', '.join(unknown)}"
        return
    made = [seen_by(by_id[name], played) for name in rule.of]
    seen = seen_by(rule, played) or (made and all(made))
    if rule.done and not seen:
        yield f"{rule.id}: is done, and no case or test shows it"
    if not rule.done and seen:
        yield f"{rule.id}: is not done, and yet seen by {seen_by(rule, played)}"
    if rule.done and not rule.kept and not rule.of:
        yield f"{rule.id}: is done, and kept nowhere"


def seen_by(rule: Rule, played: Sequence[Case]) -> list[str]:
    """Return the cases and tests that show a rule."""
    return [*(case.id for case in played if rule.id in case.rules), *rule.tests]


def document(known: Rules, played: Sequence[Case]) -> str:
    """Return the text of docs/rfc9110.md."""
    found = every(known)
    done, foreign = sum(rule.done for rule in found), sum(rule.foreign for rule in found)
    head = HEAD.format(cases=len(played), done=done, undone=len(found) - done - foreign, foreign=foreign)
    parts = [head]
    for part, heading in PARTS.items():
        parts += [f"{heading}\n"] if heading else []
        parts += ["\n".join(_table(known[part], played)) + "\n"]
    return "\n".join([*parts, *_files(played)]) + "\n"


def _table(part: Sequence[Rule], played: Sequence[Case]) -> Iterator[str]:
    for cells in (_COLUMNS, ("---",) * len(_COLUMNS), *(_cells(rule, played) for rule in part)):
        yield f"| {' | '.join(cells)} |"


def _cells(rule: Rule, played: Sequence[Case]) -> tuple[str, ...]:
    section = rule.rfc.removeprefix("9110 ") if rule.rfc.startswith("9110 ") else f"RFC {rule.rfc}"
    seen = [f"`{name}`" for name in seen_by(rule, played)]
    made = [f"what is seen of {', '.join(rule.of)}"] if rule.of else []
    kept = ", ".join(f"`{path}`" for path in rule.kept)
    return (section, rule.id, rule.level, rule.rule, kept, ", ".join([*seen, *made]), rule.state)


def _files(played: Sequence[Case]) -> Iterator[str]:
    """Yield where each case is written."""
    yield "## Where the cases are\n"
    for path in sorted(FOLDER.glob("*.yaml")):
        if path != RULES:
            text = path.read_text("utf-8")
            first = text.partition("\n")[0].removeprefix("# ")
            count = sum(f"\n  - id: {case.id}\n" in text for case in played)
            yield f"- `{path.relative_to(ROOT).as_posix()}`, {count} cases. {first}"
