"""Request content without the tags that a client sends back as it got them (`inject`).

What lives here: what is dropped from the content of a write before it is forwarded. What must not: what was put in
(`injecting`), and how content is read.

The member is dropped at the top of JSON content and in its items. In a JSON Patch (RFC 6902) operations that would set
or remove the member at the top are dropped; one that tests it stays, since its writer relies on it: the origin server,
which has no such member, refuses the patch.
"""

from typing import Final

from proxy.core import injection, json_pointer, json_text
from proxy.core.fields import Fields
from proxy.core.injection import DIGEST_FIELDS, Injection
from proxy.core.json_pointer import Json
from proxy.core.matching import Match
from proxy.core.message import Request
from proxy.core.route import Guard

_JSON_PATCH: Final = "application/json-patch+json"
_WRITING: Final = frozenset({"add", "replace", "remove"})


def concerns(request: Request, match: Match | None) -> bool:
    """Tell from the head whether the content of a request may hold what has to be dropped.

    `no-transform` is heeded: who asks for it gets no tags in content either.
    """
    if request.safe or match is None or match.route.guard is Guard.OFF or rules_for(match) is None:
        return False
    return injection.readable(request.fields) and not injection.untransformed(request.fields)


def rules_for(match: Match) -> Injection | None:
    """Return the rules of the tags in what the writer of a resource has read.

    What is sent to a target whose `state` is another resource is no representation of that; its own route speaks then.
    """
    return match.reading.inject if match.route.state is None else match.route.inject


def without_tags(fields: Fields, rules: Injection, content: bytes) -> bytes | None:
    """Return the content of a message with this head without the tags.

    None where it holds none, or is not JSON of one certain meaning.
    """
    if not _may_name(content, rules.field):
        return None
    try:
        document = json_text.parse(content)
        values = json_text.values(content) if rules.items else document
        patch = (fields.get("content-type") or "").partition(";")[0].strip(" \t").lower() == _JSON_PATCH
        kept = _patch(document, values, rules) if patch else rules.without(document, values)
    except (ValueError, RecursionError):
        return None
    return None if kept is document else json_text.plain(kept)


def _may_name(content: bytes, member: str) -> bool:
    """Tell whether JSON may speak of such a member, without reading it: a name is spelled as it is or with escapes."""
    return b"\\" in content or any(name.encode() in content for name in (member, json_pointer.spelled([member])))


def changed(request: Request) -> Request:
    """Return the head of a request whose content was changed: without digests of what it was, and without its length.

    The length is told anew by whoever writes the message.
    """
    return request.with_fields(request.fields.without(DIGEST_FIELDS | {"content-length"}))


def _patch(document: Json, values: object, rules: Injection) -> Json:
    """Return a JSON Patch without the member; itself where it has none."""
    if not isinstance(document, list) or not isinstance(values, list):
        return document
    own = json_pointer.spelled([rules.field])
    pairs = [(operation, value) for operation, value in zip(document, values, strict=True) if not _sets(operation, own)]
    kept = [_replacing_all(operation, value, rules) for operation, value in pairs]
    return document if len(kept) == len(document) and all(map(_is, kept, document)) else kept


def _sets(operation: Json, pointer: str) -> bool:
    return isinstance(operation, dict) and operation.get("path") == pointer and operation.get("op") in _WRITING


def _replacing_all(operation: Json, value: object, rules: Injection) -> Json:
    """Return an operation; where it replaces the whole document, without the member in that document."""
    if not isinstance(operation, dict) or not isinstance(value, dict) or operation.get("path") != "":
        return operation
    document = operation.get("value")
    kept = rules.without(document, value.get("value"))
    return operation if kept is document else {**operation, "value": kept}


def _is(one: Json, other: Json) -> bool:
    return one is other
