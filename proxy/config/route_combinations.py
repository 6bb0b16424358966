"""What the keys of one route mean together: combinations that cannot work, found while the configuration is loaded.

What lives here: one function a rule, each of which yields what it finds. What must not: what concerns more than one
route (`combinations`), and what a single value may be (`route_scalars`, `route_model`).
"""

from collections.abc import Callable, Iterator
from itertools import chain
from typing import Final

from proxy.config.mistakes import KeyPath, Mistake, quoted
from proxy.config.model import RouteSection
from proxy.config.route_model import EtagSection, InjectSection, ProblemSection, RefusalSection
from proxy.config.translate import timeouts
from proxy.config.units import written_duration
from proxy.core.cors import AllowedOrigins
from proxy.core.entity_tag import Tolerated
from proxy.core.json_pointer import covered, tokens
from proxy.core.route import MARGIN, shortest_write_lease
from proxy.core.template import require_captured
from proxy.core.version import MemberVersion

_USUAL_STATUS: Final = RouteSection.model_fields["missing_status"].default


def within(section: RouteSection, at: KeyPath) -> Iterator[Mistake]:
    """Yield every combination within a route that cannot work; `at` is where the route stands."""
    yield from chain.from_iterable(rule(section, at) for rule in _ROUTE_RULES)


def _write_lease(section: RouteSection, at: KeyPath) -> Iterator[Mistake]:
    """Find a lease that a write may outlast (invariant I3)."""
    path, perform, settle = (*at, "lock", "write"), (*at, "timeouts", "perform"), (*at, "timeouts", "settle")
    shortest = shortest_write_lease(timeouts(section.timeouts))
    if section.lock.write is not None and section.lock.write < shortest:
        sum_of = f"timeouts.perform + timeouts.settle + {written_duration(MARGIN)}"
        message = f"found {written_duration(section.lock.write)}; expected at least {written_duration(shortest)}"
        yield Mistake(path, f"{message} ({sum_of}), or no value at all", rests_on=(path, perform, settle))


def _read_lease(section: RouteSection, at: KeyPath) -> Iterator[Mistake]:
    """Find a lease that a selection may outlast; the write would be refused then."""
    path, select = (*at, "lock", "read"), (*at, "timeouts", "select")
    if section.lock.read is not None and section.lock.read < section.timeouts.select:
        message = f"found {written_duration(section.lock.read)}; expected at least timeouts.select"
        shortest = written_duration(section.timeouts.select)
        yield Mistake(path, f"{message} ({shortest}), or no value at all", rests_on=(path, select))


def _settle_time(section: RouteSection, at: KeyPath) -> Iterator[Mistake]:
    """Find a settle time that the selection after a write may outlast."""
    settle, select = (*at, "timeouts", "settle"), (*at, "timeouts", "select")
    if section.timeouts.settle >= section.timeouts.select:
        return
    path = settle if "settle" in section.timeouts.model_fields_set else select
    found, least = written_duration(section.timeouts.settle), written_duration(section.timeouts.select)
    message = f"timeouts.settle is {found}; expected at least timeouts.select, {least}"
    yield Mistake(path, message, rests_on=(settle, select))


def _ignored(section: RouteSection, at: KeyPath) -> Iterator[Mistake]:
    path, canonical = (*at, "etag", "ignore"), (*at, "etag", "canonical")
    if section.etag.ignore and section.etag.canonical != "json":
        message = "pointers name parts of JSON; this key needs etag.canonical: json"
        yield Mistake(path, message, rests_on=(path, canonical))


def _ignored_already(section: RouteSection, at: KeyPath) -> Iterator[Mistake]:
    """Find pointers that can name nothing, since others leave it out."""
    path = (*at, "etag", "ignore")
    for index, other in covered(section.etag.ignore).items():
        message = f"this names nothing that {quoted(other)} leaves; leave it out"
        yield Mistake((*path, index), message, rests_on=(path,))


def _tag_source(section: RouteSection, at: KeyPath) -> Iterator[Mistake]:
    """Find what is not looked at where a tag has another source than content, or counts writes."""
    source, aba, upstream = ((*at, "etag", key) for key in ("from", "aba", "upstream"))
    if section.etag.upstream == "keep" and section.etag.source is not None:
        yield Mistake(source, "tags are the origin's own where etag.upstream is keep", rests_on=(source, upstream))
    if section.etag.upstream == "keep" and section.etag.aba == "detect":
        yield Mistake(aba, "tags are the origin's own where etag.upstream is keep", rests_on=(aba, upstream))


def _views(section: RouteSection, at: KeyPath) -> Iterator[Mistake]:
    query, state = (*at, "query"), (*at, "state")
    if section.query == "view" and section.state is not None:
        message = "a view shows a part of what the path names, and state names another resource; take one of them"
        yield Mistake(query, message, rests_on=(query, state))


def _state(section: RouteSection, at: KeyPath) -> Iterator[Mistake]:
    path, template = (*at, "state"), (*at, "path")
    if section.state is None:
        return
    try:
        require_captured(section.state, by=section.path)
    except ValueError as fault:
        yield Mistake(path, str(fault), rests_on=(path, template))


def _unguarded(section: RouteSection, at: KeyPath) -> Iterator[Mistake]:
    """Find what does nothing where nothing is guarded."""
    guard = (*at, "guard")
    for key, given in (
        ("require", section.require != "none"),
        ("missing_status", section.missing_status != _USUAL_STATUS),
        ("absent_status", section.absent_status is not None),
        ("query", section.query != "ignore"),
        ("etag", section.etag != EtagSection()),
        ("etag_on_write", section.etag_on_write != "verbatim"),
        ("unconditional_post", section.unconditional_post != "relay"),
        ("trust", section.trust > 0),
        ("fence", section.fence is not None),
        ("already_applied", section.already_applied),
        ("accept_tags", bool(section.accept_tags)),
        ("inject", section.inject is not None),
        ("select", bool(section.select.model_fields_set)),
        ("problem", section.problem is not None),
        ("cors", isinstance(section.cors, AllowedOrigins)),
    ):
        if given and section.guard == "off":
            message = 'this does nothing where guard is "off"; leave it out, or guard the route'
            yield Mistake((*at, key), message, rests_on=((*at, key), guard))


def _never_missing(section: RouteSection, at: KeyPath) -> Iterator[Mistake]:
    """Find how writes without a precondition would be refused where none is: whoever wrote that meant them to be."""
    require = (*at, "require")
    words = section.problem is not None and section.problem.precondition_required is not None
    for path, given in (
        ((*at, "missing_status"), section.missing_status != _USUAL_STATUS),
        ((*at, "problem", "precondition_required"), words),
    ):
        if given and section.require == "none" and section.guard != "off":
            message = "no write is refused for want of a precondition; this key needs require: existing or always"
            yield Mistake(path, message, rests_on=(path, require))


def _replaced_version(section: RouteSection, at: KeyPath) -> Iterator[Mistake]:
    """Find a version in the member that we put in: what the origin server sends under that name is part of no tag."""
    source, field = (*at, "etag", "from"), (*at, "inject", "field")
    member = section.etag.source.pointer if isinstance(section.etag.source, MemberVersion) else None
    if member is not None and section.inject is not None and tokens(member)[0] == section.inject.field:
        message = f"inject.field takes the place of {member}; give one of them another name"
        yield Mistake(source, message, rests_on=(source, field))


def _linked_items(section: RouteSection, at: KeyPath) -> Iterator[Mistake]:
    """Find a link of items to themselves where no path leads to any."""
    path, items = (*at, "inject", "self"), (*at, "inject", "items")
    if section.inject is not None and not section.inject.items and section.inject.self != InjectSection().self:
        message = "this is where items link to themselves; this key needs inject.items"
        yield Mistake(path, message, rests_on=(path, items))


def _unquoted(section: RouteSection, at: KeyPath) -> Iterator[Mistake]:
    """Find tags that are told without the quotes that If-Match is then refused for."""
    path, tolerated = (*at, "inject", "quotes"), (*at, "accept_tags")
    if section.inject is not None and not section.inject.quotes and Tolerated.UNQUOTED not in section.accept_tags:
        message = "a tag that is told without quotes comes back so; this key needs accept_tags: [unquoted]"
        yield Mistake(path, message, rests_on=(path, tolerated))


def _text_as_json(section: RouteSection, at: KeyPath) -> Iterator[Mistake]:
    """Find text that would be sent as JSON because nobody said what it is."""
    told = section.problem or ProblemSection()
    for key in ProblemSection.model_fields:
        refusal: RefusalSection | None = getattr(told, key)
        if refusal is not None and isinstance(refusal.body, str) and "content_type" not in refusal.model_fields_set:
            body = (*at, "problem", key, "body")
            advice = "say what it is beside it, such as content_type: text/plain; or write a mapping"
            message = f"this text would be sent as {refusal.content_type}; {advice}"
            yield Mistake(body, message, rests_on=(body, (*at, "problem", key, "content_type")))


def _self_links(section: RouteSection, at: KeyPath) -> Iterator[Mistake]:
    """Find names in the reference of an item to itself that the path does not capture."""
    path, template = (*at, "inject", "self"), (*at, "path")
    known = {variable.strip("{.}") for variable in section.path.variables}
    missing = [name for name in section.inject.self.captures if name not in known] if section.inject else []
    if missing:
        message = f"{{{missing[0]}}} is nothing that path captures; a member of the item is written {{/{missing[0]}}}"
        yield Mistake(path, message, rests_on=(path, template))


_ROUTE_RULES: Final[tuple[Callable[[RouteSection, KeyPath], Iterator[Mistake]], ...]] = (
    _write_lease,
    _read_lease,
    _settle_time,
    _ignored,
    _ignored_already,
    _tag_source,
    _views,
    _state,
    _unguarded,
    _never_missing,
    _replaced_version,
    _linked_items,
    _unquoted,
    _text_as_json,
    _self_links,
)
