"""What stands in braces is filled in, or refused."""

import pytest

from tests.conformance.case import Case
from tests.conformance.placeholders import Placeholders
from tests.conformance.stands import Stand, in_process

DATED = {"content": "one", "fields": {"Last-Modified": "Sun, 06 Nov 1994 08:49:37 GMT"}}
CASE = Case.model_validate(
    {
        "id": "it-is",
        "rfc": "9110 §1",
        "rules": ("some",),
        "says": "It is.",
        "given": {
            "holds": {"/doc/1": DATED, "/doc/2": {}},
            "answers": {"GET": {"status": 401}},
        },
        "expect": {"status": 401},
    }
)


def beginning(stand: Stand) -> Placeholders:
    """Return the placeholders of the case, before a request to its first document."""
    return Placeholders(stand.authority, stand.origins.begin(CASE), "/doc/1", {"first": "kept"})


def test_what_each_comes_to() -> None:
    """Tags by their forms, dates by their offsets, names, and the path; asked for past what is scripted, unseen."""
    with in_process([CASE]) as stand:
        placeholders = beginning(stand)
        tag = placeholders.fill("{tag}")
        assert tag.startswith('"')
        assert placeholders.fill("{weak tag}") == f"W/{tag}"
        assert placeholders.fill("{unquoted tag}") == tag.strip('"')
        others = {placeholders.fill(f"{{{name}}}") for name in ("tag", "other tag", "stale tag", "tag of /doc/2")}
        assert len(others) == 4
        assert placeholders.fill("{tag of /doc/1}") == placeholders.fill("{tag as text/html}") == tag
        assert placeholders.fill("{last-modified}") == DATED["fields"]["Last-Modified"]  # type: ignore[index]
        assert placeholders.fill("{last-modified+23}") == "Sun, 06 Nov 1994 08:50:00 GMT"
        assert placeholders.fill("{here}/x {kept first}") == "/it-is/x kept"
        assert placeholders.origin.log == []


def test_what_comes_after_stays_until_then() -> None:
    """`{new tag}` is filled in when the request is over, and shows what there is by then."""
    with in_process([CASE]) as stand:
        placeholders = beginning(stand)
        before = placeholders.fill("{tag}")
        assert placeholders.fill("{new tag}") == "{new tag}"
        placeholders.origin.change({"/doc/1": None, "/doc/2": None})
        with pytest.raises(ValueError, match="shows no tag"):
            placeholders.fill("{new tag}", later=True)
        placeholders.origin.change(CASE.given.holds)
        assert placeholders.fill("{new tag}", later=True) == before


@pytest.mark.parametrize("text", ["{tags}", "{weaktag}", "{last-modified+x}", "{kept}"])
def test_what_is_none_is_refused(text: str) -> None:
    """A name that is misspelled does not go out as it stands; JSON does."""
    with in_process([CASE]) as stand:
        with pytest.raises(ValueError, match="is no placeholder"):
            beginning(stand).fill(text)
        assert beginning(stand).fill('{"tag": {}}') == '{"tag": {}}'
