"""Bodies of refusals in an API's own words."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core.problem_template import PROBLEM_JSON, Body, Part, ProblemTemplate, read

KNOWN = {Part.DETAIL: "Why.", Part.CURRENT_ETAG: '"a"', Part.CORRELATION_ID: "7-x", Part.STATUS: "412"}


@pytest.mark.parametrize(
    ("body", "sent"),
    [
        ({"message": "If-Match header is required"}, b'{"message":"If-Match header is required"}'),
        (
            {"b": 1, "a": {"z": None, "y": True}, "c": (1.5, "x", ())},
            b'{"b":1,"a":{"z":null,"y":true},"c":[1.5,"x",[]]}',
        ),
        ({"id": "{correlation_id}", "{detail}": "{detail}"}, b'{"id":"7-x","{detail}":"Why."}'),
        ({"now": "it is {current_etag}, see {reason}."}, b'{"now":"it is \\"a\\", see ."}'),
        (("{status}", "{{status}}", "{{{status}}}"), b'["412","{status}","{412}"]'),
        ({"tab\t": "\u00e9\u2028\n"}, '{"tab\\t":"\u00e9\u2028\\n"}'.encode()),
        ("{status} {detail} {current_etag}\n", b'412 Why. \\"a\\"\n'),
        ('{{"id": "{correlation_id}"}}', b'{"id": "7-x"}'),
        ("", b""),
        ({}, b"{}"),
    ],
)
def test_a_body_is_sent_as_it_was_written(body: Body, sent: bytes) -> None:
    """Members keep their order, values their type, text its spelling; only parts are filled in, and in values alone."""
    assert ProblemTemplate.parse(body).fill(KNOWN) == sent


def test_a_body_has_a_media_type() -> None:
    """A problem document unless said otherwise."""
    assert ProblemTemplate.parse({}).content_type == PROBLEM_JSON
    assert ProblemTemplate.parse("", "text/plain").content_type == "text/plain"


@pytest.mark.parametrize(
    ("content_type", "sent"),
    [
        ("text/plain", '"</p>&"'),
        ("text/csv; header=absent", '"</p>&"'),
        ("application/xml-dtd", '"</p>&"'),
        ("application/json", r"\"</p>&\""),
        ("application/problem+json; charset=utf-8", r"\"</p>&\""),
        ("text/html", "&quot;&lt;/p&gt;&amp;&quot;"),
        ("Text/HTML ; charset=utf-8", "&quot;&lt;/p&gt;&amp;&quot;"),
        ("application/xhtml+xml", "&quot;&lt;/p&gt;&amp;&quot;"),
        ("application/problem+xml", "&quot;&lt;/p&gt;&amp;&quot;"),
        ("text/xml", "&quot;&lt;/p&gt;&amp;&quot;"),
        ("application/xml", "&quot;&lt;/p&gt;&amp;&quot;"),
    ],
)
def test_what_is_filled_into_a_text_stays_text(content_type: str, sent: str) -> None:
    """An origin server's tag may hold markup, and every tag has quotes; what the text's author wrote is left alone."""
    template = ProblemTemplate.parse('<p id="a">{current_etag}</p>', content_type)
    assert template.fill({Part.CURRENT_ETAG: '"</p>&"'}).decode() == f'<p id="a">{sent}</p>'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{etag}", "{etag} stands for nothing; expected {detail}, .* or {status}; did you mean {current_etag}\\?"),
        ("{correlationId}", "did you mean {correlation_id}\\?"),
        ("a {Detail} b", "did you mean {detail}\\?"),
        ("{}", "{} stands for nothing; .*; for braces of your own, write {{ and }}"),
        ("{ detail }", "{ detail } stands for nothing"),
        ('{"a": 1}', "for braces of your own, write {{ and }}"),
        ("a { b", "a lone {; for a brace of your own, write {{"),
        ("a } b", "a lone }; for a brace of your own, write }}"),
        ("{{detail}", "a lone }"),
        ("{{{detail}}", "a lone }"),
        ("\ud800", "half of a surrogate pair"),
    ],
)
def test_a_text_that_cannot_be_filled_in(text: str, message: str) -> None:
    """What looks like a part and is none is a mistake, and so is a brace by itself: neither is sent as it stands."""
    with pytest.raises(ValueError, match=message):
        read(text)
    with pytest.raises(ValueError, match=message):
        ProblemTemplate.parse({"errors": (text,)})


@pytest.mark.parametrize("body", [{"\ud800": 1}, (float("inf"),), {"a": float("nan")}])
def test_what_is_no_json_is_refused(body: Body) -> None:
    """A number that JSON cannot write, or a name that no encoding can."""
    with pytest.raises(ValueError, match=r"surrogate|JSON"):
        ProblemTemplate.parse(body)


def doubled(value: Any) -> Any:
    """Return a body that says this value: with every brace of its texts doubled."""
    if isinstance(value, str):
        return value.replace("{", "{{").replace("}", "}}")
    if isinstance(value, dict):
        return {key: doubled(member) for key, member in value.items()}
    return tuple(map(doubled, value)) if isinstance(value, list) else value


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
)


@given(st.lists(VALUES, max_size=3) | st.dictionaries(TEXTS, VALUES, max_size=3))
def test_a_client_reads_what_was_written(value: Any) -> None:
    """Any JSON comes out of its template as it went in, the order of members included."""
    read_back = json.loads(ProblemTemplate.parse(doubled(value)).fill({}))
    assert json.dumps(read_back) == json.dumps(value)


@given(TEXTS)
def test_what_is_filled_in_stays_in_its_string(text: str) -> None:
    """No detail and no tag can end the string that it stands in."""
    sent = ProblemTemplate.parse({"a": "<{detail}>", "b": 1}).fill({Part.DETAIL: text})
    assert json.loads(sent) == {"a": f"<{text}>", "b": 1}
