"""Values that have parts of their own: bodies of refusals, lists of origins, spellings of tags."""

import json

import pytest
from pydantic import TypeAdapter

from proxy.config.environment import substitute
from proxy.config.mistakes import written_path
from proxy.config.structures import AcceptTags
from proxy.config.validation import validate
from proxy.config.yaml_source import parse
from proxy.core.entity_tag import STRICT, TOLERANT, Tolerated

HEAD = "upstream: http://o\nroutes:\n  - path: /a\n"


def said(lines: str, environ: dict[str, str] | None = None) -> list[str]:
    """Return what is wrong in a route: line and column, key, sentence."""
    tree = parse(HEAD + "".join(f"    {line}\n" for line in lines.splitlines()), "f")
    inside = substitute(tree.values, environ or {})
    found = validate(inside.values, tree.spots, inside.unset).mistakes
    places = [(tree.position(mistake.path), mistake) for mistake in found]
    return [
        f"{at.line}:{at.column}: {written_path(mistake.path).removeprefix('routes[0].')}: {mistake.message}"
        for at, mistake in places
        if at is not None
    ]


def in_body(text: str) -> list[str]:
    """Return what is wrong in a body that stands from column 15 of line 6."""
    return said(f"problem:\n  precondition_failed:\n    body: {text}")


PARTS = "{detail}, {current_etag}, {correlation_id}, {reason} or {status}"


@pytest.mark.parametrize(
    ("body", "mistakes"),
    [
        ('{a: "{detail}", b: [1, 2.5, true, null, "x", {c: "}}"}]}', []),
        ("[]", []),
        ("plain", []),
        (
            '{title: "{titel}"}',
            [
                (
                    '6:23: problem.precondition_failed.body.title: found "{titel}"; '
                    f"{{titel}} stands for nothing; expected {PARTS}; for braces of your own, write {{{{ and }}}}"
                )
            ],
        ),
        (
            '{a: "{correlationId}", errors: ["fine", {odd key: "{"}]}',
            [
                (
                    '6:19: problem.precondition_failed.body.a: found "{correlationId}"; '
                    f"{{correlationId}} stands for nothing; expected {PARTS}; did you mean {{correlation_id}}?"
                ),
                (
                    '6:65: problem.precondition_failed.body.errors[1]."odd key": found "{"; '
                    "a lone {; for a brace of your own, write {{"
                ),
            ],
        ),
        (
            "{a: off, b: 010}",
            [
                (
                    "6:19: problem.precondition_failed.body.a: found false, which is how YAML reads a bare off; "
                    'expected text, a number, true, false or null; to mean the text, write "off" in quotes'
                ),
                (
                    "6:27: problem.precondition_failed.body.b: found the number 8, which is how YAML reads a bare 010; "
                    'expected text, a number, true, false or null; to mean the text, write "010" in quotes'
                ),
            ],
        ),
        ("12", ["6:15: problem.precondition_failed.body: found the number 12; expected a mapping, a list or text"]),
        ("", ["6:14: problem.precondition_failed.body: found nothing; expected a mapping, a list or text"]),
        (
            r'{"\ud800": 1}',
            [
                (
                    "6:15: problem.precondition_failed.body: found a mapping; "
                    "it holds half of a surrogate pair, which cannot be sent"
                )
            ],
        ),
    ],
)
def test_a_mistake_in_a_body_stands_where_it_is(body: str, mistakes: list[str]) -> None:
    """All of them at once, each at the very text that has to be mended."""
    assert in_body(body) == mistakes


def test_variables_and_parts_do_not_mix() -> None:
    """`${NAME}` is the environment's, `{detail}` is the refusal's, whatever stands before it."""
    text = '{a: "${NAME:-{{x}} {detail}}", b: "$ {detail}", c: "$${{detail}}"}'.replace("{{x}}", "x")
    assert in_body(text.replace("${NAME:-x {detail}}", "${NAME:-x} {detail}")) == []
    (unset,) = said('problem: {precondition_failed: {body: ["${detail}"]}}') or ["nothing"]
    assert unset == "nothing"  # told by `environment`, which knows that the variable is not set


def test_what_a_variable_stands_for_is_read_as_written() -> None:
    """Text from the environment is a template like any other; the message names the variable."""
    line = 'problem: {precondition_failed: {body: ["${NAME}"]}}'
    assert said(line, {"NAME": "{detail}"}) == []
    (mistake,) = said(line, {"NAME": "{"})
    assert 'found "${NAME}", and what it stands for does not fit; a lone {' in mistake


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        ("application/json", True),
        ("text/plain; charset=utf-8", True),
        ('text/plain;charset="utf-8";x=1', True),
        ("json", False),
        ("text/", False),
        ("text/plain; charset", False),
        ("text/plain\nX: y", False),
        ("text/pl\u00e4in", False),
    ],
)
def test_a_media_type_is_one(text: str, fits: bool) -> None:
    """RFC 9110 §8.3.1; nothing that would end the field line."""
    found = said(f"problem:\n  precondition_failed: {{content_type: {json.dumps(text)}, body: []}}")
    assert (found == []) is fits
    assert all("expected a media type such as application/json" in mistake for mistake in found)


@pytest.mark.parametrize(
    ("lines", "mistake"),
    [
        ("problem: {precondition_faild: {body: []}}", "unknown key; did you mean precondition_failed?"),
        ("problem: {precondition_failed: {bdy: []}}", "unknown key; did you mean body?"),
        ("problem: {precondition_failed: {content_type: a/b}}", "this key is required: Sent as JSON"),
        ("problem: {precondition_failed: []}", "found a list; expected a mapping of keys"),
        ("problem: x", 'found "x"; expected a mapping of keys'),
    ],
)
def test_the_keys_around_a_body(lines: str, mistake: str) -> None:
    """They are keys like all others."""
    assert any(mistake in found for found in said(lines))


@pytest.mark.parametrize("charset", ["latin-1", '"UTF-16"', "us-ascii"])
def test_a_body_is_sent_in_utf_8(charset: str) -> None:
    """A media type that says otherwise would be wrong."""
    (mistake,) = said(f"problem: {{precondition_failed: {{content_type: 'text/plain; charset={charset}', body: x}}}}")
    assert "bodies are sent in UTF-8; leave charset out, or write charset=utf-8" in mistake


EXPECTED = 'expected auto, "off" or a list of origins such as ["https://app.example"]'


@pytest.mark.parametrize(
    ("value", "mistakes"),
    [
        ("auto", []),
        ('"off"', []),
        ('["https://app.example", "http://localhost:3000"]', []),
        ('["*"]', []),
        (
            "off",
            [
                (
                    "4:11: cors: found false, which is how YAML reads a bare off; "
                    f'{EXPECTED}; to mean the text, write "off" in quotes'
                )
            ],
        ),
        ("atuo", [f'4:11: cors: found "atuo"; {EXPECTED}']),
        (
            "https://app.example",
            [f'4:11: cors: found "https://app.example"; {EXPECTED}; write ["https://app.example"]'],
        ),
        ('"*"', [f'4:11: cors: found "*"; {EXPECTED}; write ["*"]']),
        ("true", [f"4:11: cors: found true; {EXPECTED}"]),
        ("[]", [f"4:11: cors: found a list; {EXPECTED}"]),
        ("{}", [f"4:11: cors: found a mapping; {EXPECTED}"]),
        (
            '["https://a.example/", null, "null", "*"]',
            [
                (
                    '4:12: cors[0]: found "https://a.example/"; '
                    "an origin is scheme://host[:port] and no more; leave out path, query and user"
                ),
                "4:34: cors[1]: found nothing; expected an origin such as https://app.example",
                ('4:40: cors[2]: found "null"; expected scheme://host[:port], such as https://app.example, or * alone'),
                '4:48: cors[3]: found "*"; * stands for every origin; write it alone, or leave it out',
            ],
        ),
    ],
)
def test_a_mistake_in_a_list_of_origins_stands_where_it_is(value: str, mistakes: list[str]) -> None:
    """Each origin by itself; a single one is asked to be a list."""
    assert said(f"cors: {value}") == mistakes


FORMS = "'strict', 'tolerant', or a list of some of unquoted, weak, coding-suffix"


@pytest.mark.parametrize(
    ("value", "mistakes"),
    [
        ("strict", []),
        ("tolerant", []),
        ("[]", []),
        ("[unquoted, weak, coding-suffix]", []),
        ("tolerent", [f'4:18: accept_tags: found "tolerent"; expected {FORMS}; did you mean tolerant?']),
        ("weak", [f'4:18: accept_tags: found "weak"; expected {FORMS}; write [weak]']),
        ("{weak: true}", [f"4:18: accept_tags: found a mapping; expected {FORMS}"]),
        ("", [f"4:17: accept_tags: found nothing; expected {FORMS}"]),
        (
            "[weak, waek, tolerant, 1]",
            [
                ('4:25: accept_tags[1]: found "waek"; expected unquoted, weak or coding-suffix; did you mean weak?'),
                ('4:31: accept_tags[2]: found "tolerant"; this stands for a whole list; write accept_tags: tolerant'),
                "4:41: accept_tags[3]: found the number 1; expected unquoted, weak or coding-suffix",
            ],
        ),
    ],
)
def test_a_spelling_of_tags_is_told_by_its_place(value: str, mistakes: list[str]) -> None:
    """What is wrong in the list is told where it stands, with what was probably meant."""
    assert said(f"accept_tags: {value}") == mistakes


@pytest.mark.parametrize(
    ("value", "meant"),
    [
        ("strict", STRICT),
        ("tolerant", TOLERANT),
        ((), STRICT),
        (("weak", "unquoted"), frozenset({Tolerated.WEAK, Tolerated.UNQUOTED})),
    ],
)
def test_spellings_of_tags_mean(value: object, meant: frozenset[Tolerated]) -> None:
    """A word stands for none or all of them."""
    assert TypeAdapter(AcceptTags).validate_python(value) == meant
