"""No mistake in a file of cases goes unseen, and each is told with its file, line and case."""

from pathlib import Path

import pytest

from tests.conformance.reading import BadFile, cases, read_cases

GOOD = """cases:
  - id: one
    rfc: 9110 §1
    rules: [some]
    says: It is so.
    expect: {status: 200}
"""


def written(folder: Path, text: str) -> Path:
    """Return a file with that text."""
    path = folder / "some.yaml"
    path.write_text(text, "utf-8")
    return path


def test_a_good_file_is_read(tmp_path: Path) -> None:
    """What is left out has its default."""
    (case,) = read_cases(written(tmp_path, GOOD))
    (step,) = case.played
    assert (step.request.method, step.request.target, step.request.body) == ("GET", "/doc/1", None)
    assert case.routes() == [{"name": "one-0", "path": "/one/doc/{id}"}]


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("    says", "    sais: x\n    says", "some.yaml:5: one: sais: Extra inputs are not permitted"),
        ("{status: 200}", "{status: 200, feilds: {}}", "some.yaml:6: one: expect.feilds: Extra inputs"),
        ("{status: 200}", '{status: "200"}', "some.yaml:6: one: expect.status: Input should be a valid integer"),
        ("{status: 200}", "{fields: {}}", "some.yaml:6: one: expect.status: Field required"),
        ("{status: 200}", "{status: 200, asked: thrice}", "some.yaml:6: one: expect.asked"),
        ("{status: 200}", "{status: 200, content: no}", "some.yaml:6: one: expect.content: put 'no' in quotes"),
        (
            "{status: 200}",
            "{status: 200, status: 201}",
            "some.yaml:6: one: expect.status: duplicate key",
        ),
        ("{status: 200}", "{status: 200", "this is no YAML"),
        ("    expect: {status: 200}\n", "", "one: : Value error, a case has either request and expect, or steps"),
        ("    expect", "    steps: [{expect: {status: 200}}]\n    expect", "either request and expect, or steps"),
        ("    expect: ", "    request: {}\n    steps:\n      - expect: ", "has its requests in them"),
        ("    expect", "    request: {method: PUT}\n    expect", "a PUT needs expect.forwarded"),
        ("    expect", "    given: {answers: {GET: {failure: flood}}}\n    expect", "given.answers.GET.failure"),
        ("    expect", "    given: {holds: {/doc/1: {contents: x}}}\n    expect", "given.holds./doc/1.contents"),
        ("id: one", "id: One", "some.yaml:2: One: id: String should match"),
        ("so.", "so", "some.yaml:5: one: says: String should match"),
        ("[some]", "[]", "some.yaml:4: one: rules"),
        ("cases:", "cases: 5\nmore:", "some.yaml: the keys are cases, more; expected cases"),
        (GOOD, "cases: 5\n", "some.yaml:1: cases"),
    ],
)
def test_a_mistake_is_told(tmp_path: Path, old: str, new: str, told: str) -> None:
    """A key that does not exist, a value of another kind, a word that YAML misreads, a case without a form."""
    assert old in GOOD
    with pytest.raises(BadFile) as raised:
        read_cases(written(tmp_path, GOOD.replace(old, new, 1)))
    assert told in str(raised.value)


def test_two_cases_of_one_name_are_told(tmp_path: Path) -> None:
    """Also where they are in two files."""
    for name in ("a.yaml", "b.yaml"):
        (tmp_path / name).write_text(GOOD, "utf-8")
    with pytest.raises(BadFile, match="more than one case is called one"):
        cases(tmp_path)
