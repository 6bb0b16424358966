"""Where the origin server's own versions are read."""

import pytest

from proxy.core.fields import Fields
from proxy.core.message import Response
from proxy.core.version import FieldVersion, MemberVersion

JSON = "application/json"


def shown(content: bytes, *lines: tuple[str, str]) -> Response:
    """Return an answer."""
    return Response(200, Fields(lines), content)


@pytest.mark.parametrize(
    ("content", "version"),
    [
        (b'{"v": 7, "x": 1}', b"7"),
        (b'{"v": 7.0}', b"7.0"),
        (b'{"v": "7"}', b'"7"'),
        (b'{"v": {"b": 1, "a": 2}}', b'{"a":2,"b":1}'),
        (b'{"v": 9007199254740993}', b"9007199254740993"),
        (b'{"v": null}', None),
        (b'{"x": 1}', None),
        (b"[7]", None),
        (b'"v"', None),
        (b"{", None),
        (b'{"v": 1, "v": 2}', None),
        (b'{"v": ' + 100_000 * b"[" + 100_000 * b"]" + b"}", None),
    ],
)
def test_a_member_is_read_as_it_is_spelled(content: bytes, version: bytes | None) -> None:
    """To the last digit; where there is none, or the content is no sound JSON, there is no version."""
    assert MemberVersion("/v").of(shown(content), JSON) == version


def test_a_member_may_lie_deep() -> None:
    """By names and indices, as RFC 6901 has it."""
    found = MemberVersion("/a/1/b~1c").of(shown(b'{"a": [0, {"b/c": true}]}'), JSON)
    assert found == b"true"
    assert MemberVersion("/a/01").of(shown(b'{"a": [0, 1]}'), JSON) is None


def test_only_json_has_members() -> None:
    """Whatever the content looks like."""
    assert MemberVersion("/v").of(shown(b'{"v": 7}'), "text/plain") is None


@pytest.mark.parametrize("pointer", ["", "v", "/a~2", "/*"])
def test_a_malformed_pointer_is_refused(pointer: str) -> None:
    """When the rule is made, not when the first answer comes."""
    with pytest.raises(ValueError, match=r"JSON Pointer"):
        MemberVersion(pointer)


@pytest.mark.parametrize(("lines", "version"), [([("x-v", "7")], b"7"), ([("X-V", "")], None), ([], None)])
def test_a_field_is_read_whatever_its_case(lines: list[tuple[str, str]], version: bytes | None) -> None:
    """One that is empty or missing names no state."""
    assert FieldVersion("X-V").of(shown(b"", *lines), "") == version
