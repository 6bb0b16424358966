"""Path templates: their grammar, what they match, what they expand to."""

from collections import UserList
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from proxy.core import target as request_target
from proxy.core.target import Target
from proxy.core.template import Template, require_captured
from proxy.errors import MalformedTarget


def target(raw: str) -> Target:
    """Return the target of a raw path."""
    return request_target.parse(raw, None)


def match(template: str, raw: str) -> dict[str, str] | None:
    """Return what a template captures of a raw target."""
    return Template.parse(template).match(target(raw))


def is_accepted(raw: str) -> bool:
    """Tell whether a raw path is a target."""
    try:
        target(raw)
    except MalformedTarget:
        return False
    return True


spelled = (
    st.lists(
        st.sampled_from(["a", "B", "1", "-", "~", "+", "%41", "%C3%A9", "%2B", ".json", ";v=1", ":", "@"]), min_size=1
    )
    .map("".join)
    .filter(lambda segment: is_accepted(f"/{segment}"))
)
literals = spelled.filter(lambda segment: ";" not in segment)
names = st.lists(st.sampled_from(["id", "name", "_x", "n2", "page"]), unique=True, max_size=4)
rests = st.just("") | st.tuples(st.lists(spelled, min_size=1, max_size=3), st.sampled_from(["", "/"])).map(
    lambda parts: "/".join(parts[0]) + parts[1]
)


@st.composite
def templates(draw: st.DrawFn) -> Template:
    """A template of literals and variables, with a rest or a trailing slash or neither."""
    variables = [f"{{{name}}}" for name in draw(names)]
    segments = draw(st.permutations([*variables, *draw(st.lists(literals, max_size=3))]))
    path = "".join(f"/{segment}" for segment in segments)
    return Template.parse(path + draw(st.sampled_from(["/", "/{rest...}", "" if path else "/"])))


@given(st.data(), templates())
def test_expansion_matches(data: st.DataObject, template: Template) -> None:
    """A target made by expanding a template matches it with the same captures, and spells it as written."""
    captures = {name.strip("{.}"): data.draw(rests if "..." in name else spelled) for name in template.variables}
    made = target(template.expand(captures))
    assert template.match(made) == captures
    assert template.spelled_by(made)


@given(
    st.sampled_from(["/a", "/A/", "/%61;v=1", "/a.json/"]), st.lists(spelled, min_size=1), st.sampled_from(["", "/"])
)
def test_captures_give_the_resource_back(first: str, segments: list[str], slash: str) -> None:
    """Whatever the spelling, what is captured expands to a path with the same lock key: nothing is lost on the way."""
    template = Template.parse("/a/{id}/{rest...}")
    raw = first + "".join(f"/{segment}" for segment in segments) + slash
    captures = template.match(target(raw))
    assert captures is not None
    assert target(template.expand(captures)).lock_key == target(raw).lock_key


@pytest.mark.parametrize(
    ("template", "raw", "captures"),
    [
        ("/", "/", {}),
        ("/", "/a", None),
        ("/", "*", None),
        ("/{rest...}", "*", None),
        ("/wiki", "/wiki", {}),
        ("/wiki", "/wiki/1", None),
        ("/wiki/{id}", "/wiki", None),
        ("/wiki/{id}", "/wiki/1", {"id": "1"}),
        ("/wiki/{id}", "/wiki/1/2", None),
        ("/wiki/{id}", "/wiki/1?x=/2", {"id": "1"}),
        ("/wiki/{id}/", "/wiki/1", {"id": "1"}),
        ("/wiki/{id}.json", "/wiki/1.json", {"id": "1"}),
        ("/wiki/{id}.json", "/wiki/1", {"id": "1"}),
        ("/wiki/{id}.json", "/wiki/1.xml", {"id": "1.xml"}),
        ("/{a}/x/{b}", "/1/x/2", {"a": "1", "b": "2"}),
        ("/{a}/x/{b}", "/1/y/2", None),
        ("/files/{path...}", "/files", {"path": ""}),
        ("/files/{path...}", "/files//", {"path": ""}),
        ("/files/{path...}", "/files/a/b", {"path": "a/b"}),
        ("/files/{path...}", "/files//a//b/", {"path": "a//b/"}),
        ("/files/{path...}", "/file/a", None),
        ("/{rest...}", "/", {"rest": ""}),
        ("/{rest...}", "/a/b", {"rest": "a/b"}),
    ],
)
def test_match(template: str, raw: str, captures: dict[str, str] | None) -> None:
    """One segment for `{name}`, all that follow for `{name...}`, none for the asterisk-form."""
    assert match(template, raw) == captures


@pytest.mark.parametrize(
    ("raw", "captured"),
    [
        ("/WIKI/1", "1"),
        ("/wiki/1/", "1"),
        ("/wiki//1", "1"),
        ("/wiki;x/1", "1"),
        ("/wiki%3Bx/1", "1"),
        ("/%77iki/1", "1"),
        ("/W%49k%69.json/1", "1"),
        ("/wiki/Ab", "Ab"),
        ("/wiki/%41b", "%41b"),
        ("/wiki/1;v=2", "1;v=2"),
        ("/wiki/1.json", "1.json"),
    ],
)
def test_literals_are_coarse_and_captures_raw(raw: str, captured: str) -> None:
    """A spelling that an origin server may take for the literal matches it; what is captured keeps its spelling."""
    assert match("/wiki/{id}", raw) == {"id": captured}


@pytest.mark.parametrize("template", ["/Größe/{id}", "/gr%c3%b6%C3%9fe/{id}", "/GRO\u0308SSE/{id}"])
def test_literals_beyond_ascii(template: str) -> None:
    """A literal may be written plainly or percent-encoded, and in any Unicode normalisation form."""
    assert match(template, "/gr%C3%B6%C3%9Fe/1") == {"id": "1"}


@pytest.mark.parametrize(
    ("template", "raw", "as_written"),
    [
        ("/wiki/{id}", "/wiki/1", True),
        ("/wiki/{id}", "/wiki//1/", True),
        ("/wiki/{id}", "/%77iki/1", True),
        ("/wiki/{id}", "/Wiki/1", False),
        ("/wiki/{id}", "/wiki;x/1", False),
        ("/wiki", "/wiki.json", False),
        ("/wiki.json", "/wiki.json", True),
        ("/wiki/{id}.json", "/wiki/1.json", True),
        ("/wiki/{id}.json", "/wiki/1", False),
        ("/größe", "/gr%c3%b6%c3%9fe", True),
        ("/a%20b", "/a%20b", True),
    ],
)
def test_spelled_by(template: str, raw: str, as_written: bool) -> None:
    """Each path matches, but only the RFC 3986 equivalents of the template spell its literals as written."""
    assert match(template, raw) is not None
    assert Template.parse(template).spelled_by(target(raw)) is as_written


@pytest.mark.parametrize(
    ("template", "captures", "raw"),
    [
        ("/", {}, "/"),
        ("/wiki/{id}", {"id": "%41;v=1.json"}, "/wiki/%41;v=1.json"),
        ("/wiki/{id}/", {"id": "1", "other": "2"}, "/wiki/1/"),
        ("/wiki/{id}.json", {"id": "1"}, "/wiki/1.json"),
        ("/{a}.csv/{b}.json/", {"a": "1", "b": "2"}, "/1.csv/2.json/"),
        ("/files/{path...}", {"path": "a//b/"}, "/files/a//b/"),
        ("/files/{path...}", {"path": ""}, "/files"),
        ("/{path...}", {"path": ""}, "/"),
        ("/Größe", {}, "/Gr%C3%B6%C3%9Fe"),
    ],
)
def test_expand(template: str, captures: dict[str, str], raw: str) -> None:
    """Expansion is the raw path: captures and case as they were, a trailing slash and a format as written."""
    assert Template.parse(template).expand(captures) == raw


FAULTS = {
    "begin with '/'": ["", "wiki", "{path...}", "http://a/b"],
    "query or fragment": ["/a?b=c", "/{a}?", "/a#b"],
    "empty segment": ["//", "/a//b", "/a/b//"],
    "braces": ["/{a", "/a}", "/{{a}}", "/{a}{b}", "/{a}.zip", "/{a}.json.json", "/v{a}", "/{a/b}", "/x{a...}"],
    "name between braces is empty": ["/{}", "/{...}"],
    "is no name": ["/{1a}", "/{a-b}", "/{a..}", "/{a....}", "/{ä}", "/{*a}", "/{ a }"],
    "'a' more than once": ["/{a}/{a}", "/{a}/{a...}"],
    "{a...} must be the end": ["/{a...}/b", "/{a...}/", "/{a...}/{b...}"],
    "dot segment": ["/a/../b", "/a/.", "/%2e%2E/a"],
    "percent sign": ["/a%", "/a%4", "/a%zz"],
    "slash": ["/a%2Fb", "/a\\b"],
    "space": ["/a b"],
    "control byte": ["/a\nb", "/a%00"],
    "UTF-8": ["/%FF"],
    "parameters after ';'": ["/a;v=1", "/a%3Bv=1"],
    "surrogates not allowed": ["/\ud800"],
}


@pytest.mark.parametrize(
    ("template", "fault"), [(template, fault) for fault, templates in FAULTS.items() for template in templates]
)
def test_grammar(template: str, fault: str) -> None:
    """A template that breaks the grammar, or that no request could match, is refused with its text and the reason."""
    with pytest.raises(ValueError, match="path template") as raised:
        Template.parse(template)
    assert repr(template) in str(raised.value)
    assert fault in str(raised.value)


@pytest.mark.parametrize(
    ("path", "state"),
    [
        ("/orders/{id}/cancel", "/orders/{id}"),
        ("/a/{x}/{y}", "/b/{y}/{x}/"),
        ("/api/{path...}", "/store/{path...}"),
        ("/{table}/{id}/update", "/{table}/{id}.json"),
    ],
)
def test_state_may_use_what_is_captured(path: str, state: str) -> None:
    """A state template may use all, some or none of the captures, in any order."""
    require_captured(Template.parse(state), by=Template.parse(path))


@pytest.mark.parametrize(
    ("path", "state", "fault"),
    [
        ("/a/{id}/cancel", "/a/{order}", "'/a/{order}' uses {order}; .*'/a/{id}/cancel' captures {id}"),
        ("/orders", "/orders/{a}/{b}", "uses {a}, {b}; .* captures nothing"),
        ("/api/{path...}", "/store/{path}/x", "uses {path}; .* captures {path...}"),
        ("/api/{path}", "/store/{path...}", "uses {path...}; .* captures {path}"),
    ],
)
def test_state_may_use_nothing_else(path: str, state: str, fault: str) -> None:
    """A name that is not captured, or not captured in that form, is named next to what is."""
    with pytest.raises(ValueError, match=fault):
        require_captured(Template.parse(state), by=Template.parse(path))


class Counted(UserList[str]):
    """Segments that count how often one of them is looked at."""

    looks = 0

    def __iter__(self) -> Iterator[str]:
        for segment in self.data:
            self.looks += 1
            yield segment


@pytest.mark.parametrize("length", [10, 1000])
def test_matching_is_linear(length: int) -> None:
    """Each segment of a path is compared once at most, whatever follows it: nothing is tried again."""
    template = Template.parse("".join(f"/a/{{x{i}}}" for i in range(length // 2)) + "/{rest...}")
    segments = Counted(["a"] * (length * 2))
    assert template.fits(segments)
    assert segments.looks <= length + 1
