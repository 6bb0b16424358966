"""The documents are true: their commands print what they show, their YAML loads, the files they name exist."""

import re
from pathlib import Path

import pytest

from proxy.config import ConfigurationError, load
from tests.support.child import ROOT
from tests.support.transcripts import BLOCK, agrees, blocks, shell, turns

DOCUMENTS = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
ANCHOR = re.compile(r"\]\((?!https?:)([^)#]*)#([^)]+)\)")
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)")
NAMED = re.compile(r"`((?:proxy|tests|config|docs|bench)/[\w./-]+\.\w+)(?:::(\w+))?`")

by_name = pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)


@by_name
def test_every_transcript_is_what_happens(document: Path) -> None:
    """Each command of each `console` block prints what stands below it, in the order of the document."""
    with shell() as played:
        for block in blocks(document, "console"):
            for turn in turns(block):
                printed = played.play(turn)
                assert agrees(turn.expected, printed), f"$ {turn.command}\n{printed}"


@by_name
def test_every_yaml_block_loads(document: Path, tmp_path: Path) -> None:
    """What a reader copies into a file has no mistake, or exactly those that the `text` block behind it lists."""
    for block, mistakes in yaml_blocks(document):
        path = tmp_path / "ifmatch.yaml"
        path.write_text(block, "utf-8")
        found: list[str] = []
        try:
            load(str(path), flags={}, environ={"IFMATCH_UPSTREAM": "http://127.0.0.1:9000"})
        except ConfigurationError as fault:
            found = [problem.replace(str(path), path.name) for problem in fault.problems]
        assert found == mistakes, block


def yaml_blocks(document: Path) -> list[tuple[str, list[str]]]:
    """Return each YAML block with the mistakes that the document says it has."""
    fenced = [(match[1], match[2]) for match in BLOCK.finditer(document.read_text("utf-8"))]
    following = [*fenced, ("", "")][1:]
    return [
        (text, shown.splitlines() if then == "text" else [])
        for (language, text), (then, shown) in zip(fenced, following, strict=True)
        if language == "yaml"
    ]


@by_name
def test_every_make_command_exists(document: Path) -> None:
    """`make demo` and `make test` are what CI runs; any other that is named is a target too."""
    for block in blocks(document, "sh"):
        for target in re.findall(r"^make ([a-z-]+)", block, re.MULTILINE):
            assert target in TARGETS


def test_contributors_find_every_target() -> None:
    """What `make` lists is in CONTRIBUTING.md, too."""
    shown = "\n".join(blocks(ROOT / "CONTRIBUTING.md", "sh"))
    assert TARGETS - {"help"} == set(re.findall(r"^make ([a-z-]+)", shown, re.MULTILINE))


@by_name
def test_every_file_that_is_named_exists(document: Path) -> None:
    """A link or a file name leads somewhere, and a test that is named is there."""
    text = document.read_text("utf-8")
    for target in LINK.findall(text):
        assert (document.parent / target).exists(), target
    for name, test in NAMED.findall(text):
        assert (ROOT / name).exists(), name
        assert not test or f"def {test}(" in (ROOT / name).read_text("utf-8"), f"{name}::{test}"


@by_name
def test_every_section_that_is_named_exists(document: Path) -> None:
    """A link into a document leads to a heading in it."""
    for name, anchor in ANCHOR.findall(document.read_text("utf-8")):
        target = document.parent / name if name else document
        assert anchor in anchors(target), f"{name}#{anchor}"


def anchors(document: Path) -> set[str]:
    """Return how the headings of a document are linked to: in lower case, blanks as dashes, without punctuation."""
    headings = re.findall(r"^#+ (.+)$", document.read_text("utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in headings}


def test_the_invariants_name_their_tests() -> None:
    """Each of I1 to I11 stands in `proxy/core/__init__.py` with a test that exists."""
    text = (ROOT / "proxy/core/__init__.py").read_text("utf-8")
    stated = re.split(r"^(I\d+) ", text.split("\nThe rooms\n")[0], flags=re.MULTILINE)
    invariants = dict(zip(stated[1::2], stated[2::2], strict=True))
    assert list(invariants) == [f"I{number}" for number in range(1, 12)]
    for name, body in invariants.items():
        tests = re.findall(r"(tests/[\w/]+\.py)(?:::(\w+))?", body)
        assert tests, name
        for path, function in tests:
            source = (ROOT / path).read_text("utf-8")
            assert not function or f"def {function}(" in source, f"{name}: {path}::{function}"


@pytest.mark.parametrize(
    ("expected", "printed", "same"),
    [
        (("a", "..."), "a\nb\nc\n", True),
        (("a", "..."), "b\n", False),
        (("a ... c",), "a b c\n", True),
        (("a ... c",), "a\nc\n", False),
        (("...", "c"), "a\nb\nc\n", True),
        (("a", "...", "c"), "a\nc\n", True),
        (("a.b",), "axb\n", False),
        ((), "", True),
    ],
)
def test_a_transcript_that_differs_is_noticed(expected: tuple[str, ...], printed: str, same: bool) -> None:
    """The control: only what a transcript leaves out may differ."""
    assert agrees(expected, printed) == same
