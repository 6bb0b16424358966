"""The entity tag as a member of a JSON representation and of the items in it (`inject`).

What lives here: what goes in where, and what the tag of such a representation is minted from. What must not: the rules
(`injection`), and the tags of items (`item_tags`).

The tag of a representation is that of its content as it is sent, but without its own tag, which cannot stand for
itself: with the tags of its items, and without what the origin server sent as members of that name.
"""

from dataclasses import dataclass, replace

from proxy.core import injection, json_text
from proxy.core.injection import DIGEST_FIELDS, Injection
from proxy.core.item_tags import Content, ItemTags
from proxy.core.json_pointer import Json
from proxy.core.matching import Match, Routes
from proxy.core.message import Request, Response
from proxy.core.minting import Minter, Validator


@dataclass(frozen=True, slots=True)
class _Changed:
    """JSON content before and after its items were tagged, and what else there is to do with it."""

    rules: Injection
    document: Json
    tagged: Json
    untransformed: bool


@dataclass(frozen=True, slots=True)
class Injected:
    """A whole 200 answer to GET. `basis` is what its validator is minted from."""

    received: Response
    basis: Response
    _changed: _Changed | None

    @property
    def document(self) -> Json:
        """The content of `basis` as `json_text.parse` has it; None where it was not read."""
        return None if self._changed is None else self._changed.tagged

    def shown(self, validator: Validator) -> Response:
        """Return the answer as the client is to see it.

        A client that wants no transformation gets the content as it came. Nobody gets parts of it: the tag is that of
        two contents, and of each without a member.
        """
        changed = self._changed
        if changed is None:
            return self.received
        fields = self.received.fields.replacing("Accept-Ranges", "none")
        if changed.untransformed:
            return replace(self.received, fields=fields)
        content = json_text.plain(_with_own(changed, changed.rules.spelled(validator.tag)))
        return Response(self.received.status, fields.without(DIGEST_FIELDS | {"content-length"}), content)


def injected(request: Request, match: Match, response: Response, routes: Routes, minter: Minter) -> Injected:
    """Tag the items of a whole 200 answer to GET, where its route says so and its content is JSON."""
    rules = match.reading.inject
    content = None if rules is None else _read(rules, response)
    if rules is None or content is None:
        return Injected(response, response, None)
    tagged = rules.basis(content.document, ItemTags(request, response, routes, minter).of(match, rules, content))
    if tagged is not content.document:
        basis = replace(response, content=json_text.plain(tagged))
    elif isinstance(tagged, dict):
        basis = response
    else:
        return Injected(response, response, None)
    return Injected(response, basis, _Changed(rules, content.document, tagged, injection.untransformed(request.fields)))


def _read(rules: Injection, response: Response) -> Content | None:
    """Return the content of a response; None where it must not be changed, or is not JSON of one certain meaning."""
    if not injection.readable(response.fields) or injection.untransformed(response.fields):
        return None
    try:
        document = json_text.parse(response.content)
    except (ValueError, RecursionError):
        return None
    return Content(document, json_text.values(response.content) if rules.items else document)


def _with_own(changed: _Changed, tag: str) -> Json:
    """Return the document with its own tag, in the place of the origin server's member, else at the end."""
    document, tagged, name = changed.document, changed.tagged, changed.rules.field
    if not isinstance(document, dict) or not isinstance(tagged, dict):
        return tagged
    own: dict[str, Json] = {**tagged, name: tag}
    return {each: own[each] for each in (*document, name)}
