"""What keys mean together: combinations that cannot work, found while the configuration is loaded.

What lives here: one function a rule, each of which yields what it finds. What must not: what a single value may be
(`scalars`, `model`).
"""

from collections.abc import Callable, Iterator
from itertools import chain
from operator import attrgetter
from pathlib import Path
from typing import Final

from proxy.config.mistakes import KeyPath, Mistake, quoted
from proxy.config.model import Document, RouteSection
from proxy.config.route_model import ProblemSection, RefusalSection
from proxy.config.translate import route_name, store, timeouts, tls_files
from proxy.config.units import written_duration
from proxy.core.address import TcpAddress
from proxy.core.cors import AllowedOrigins
from proxy.core.entity_tag import Tolerated
from proxy.core.route import MARGIN, shortest_write_lease
from proxy.core.template import Literal, Template, Variable, require_captured


def combined(document: Document, folder: Path) -> Iterator[Mistake]:
    """Yield every combination that cannot work; names of files are relative to `folder`."""
    yield from _addresses(document)
    yield from _workers(document)
    yield from _unreadable(document, folder)
    for index, section in enumerate(document.routes):
        at = ("routes", index)
        yield from chain.from_iterable(rule(section, at) for rule in _ROUTE_RULES)
    yield from _names(document)
    yield from _unreachable(document)


def _addresses(document: Document) -> Iterator[Mistake]:
    listen, admin, upstream = ("listen",), ("admin",), ("upstream",)
    chosen_later = isinstance(document.listen, TcpAddress) and document.listen.port == 0
    if document.admin == document.listen and not chosen_later:
        yield Mistake(admin, "clients already connect here (listen); take another address", rests_on=(listen, admin))
    if document.upstream.address == document.listen:
        message = "this is our own address (listen); requests would go round in a circle"
        yield Mistake(upstream, message, rests_on=(listen, upstream))


def _workers(document: Document) -> Iterator[Mistake]:
    workers, address = ("workers",), ("store",)
    if document.workers > 1 and not document.store.shared:
        message = f"{document.workers} processes would not know of each other's writers in {document.store}"
        advice = "name a store that they share, such as store: redis://127.0.0.1:6379"
        yield Mistake(workers, f"{message}; {advice}", rests_on=(workers, address))


def _unreadable(document: Document, folder: Path) -> Iterator[Mistake]:
    for path, parameter, file in _files(document, folder):
        try:
            with Path(file).open("rb") as opened:
                opened.read(1)
        except OSError as failure:
            message = f"{parameter}the file {quoted(file)} cannot be read: {failure.strerror}"
            yield Mistake(path, message, rests_on=(path,))


def _files(document: Document, folder: Path) -> Iterator[tuple[KeyPath, str, str]]:
    """Yield where each file is named that is read later (the path of a value, and the part of it), and its name."""
    listener, address = tls_files(document, folder), store(document, folder)
    if listener is not None:
        yield ("tls", "certificate"), "", listener.certificate
        yield ("tls", "key"), "", listener.key
    for parameter, name in (("ca", address.ca), ("certificate", address.certificate), ("key", address.key)):
        if name is not None:
            yield ("store",), f"{parameter}: ", name


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


_ROUTE_RULES: Final[tuple[Callable[[RouteSection, KeyPath], Iterator[Mistake]], ...]] = (
    _write_lease,
    _read_lease,
    _settle_time,
    _ignored,
    _tag_source,
    _views,
    _state,
    _unguarded,
    _unquoted,
    _text_as_json,
)


def _names(document: Document) -> Iterator[Mistake]:
    """Find names that are not unique; logs and metrics tell routes apart by them.

    Two names that were made up are equal only for routes of which `_unreachable` tells.
    """
    taken: dict[str, int] = {}
    for index, section in enumerate(document.routes):
        name = route_name(section)
        first = taken.setdefault(name, index)
        if first != index and (section.name, document.routes[first].name) != (None, None):
            path = ("routes", index, "path" if section.name is None else "name")
            yield Mistake(path, f"routes[{first}] is already called {quoted(name)}", rests_on=_named_by(index, first))


def _named_by(*indices: int) -> tuple[KeyPath, ...]:
    return tuple(("routes", index, key) for index in indices for key in ("name", "path", "methods"))


def _unreachable(document: Document) -> Iterator[Mistake]:
    for index, section in enumerate(document.routes):
        for earlier, other in enumerate(document.routes[:index]):
            if _takes_all(other, section):
                message = f"no request gets here: routes[{earlier}] ({other.path.text}) takes them all"
                yield _unreached(index, earlier, message)
                break


def _unreached(index: int, earlier: int, message: str) -> Mistake:
    keys = ("path", "methods", "guard")
    rests_on = tuple(("routes", route, key) for route in (index, earlier) for key in keys)
    return Mistake(("routes", index, "path"), message, rests_on=rests_on)


def _takes_all(first: RouteSection, second: RouteSection) -> bool:
    """Tell whether every request of the second route is taken by the first.

    A route that is not guarded takes paths as spelled (`core.route.Route.covers`); other spellings pass it by.
    """
    spelling: Callable[[Literal], str] = attrgetter("fine" if first.guard == "off" else "coarse")
    return _methods_within(second.methods, first.methods) and _paths_within(second.path, first.path, spelling)


def _methods_within(inner: tuple[str, ...] | None, outer: tuple[str, ...] | None) -> bool:
    if outer is None or inner is None:
        return outer is None
    return set(inner) <= {*outer, *(["HEAD"] if "GET" in outer else [])}


def _paths_within(inner: Template, outer: Template, spelling: Callable[[Literal], str]) -> bool:
    more = len(inner.segments) - len(outer.segments)
    if more < 0 or (outer.rest is None and (more > 0 or inner.rest is not None)):
        return False
    pairs = zip(inner.segments, outer.segments, strict=False)
    return all(_segment_within(one, other, spelling) for one, other in pairs)


def _segment_within(inner: Literal | Variable, outer: Literal | Variable, spelling: Callable[[Literal], str]) -> bool:
    if isinstance(outer, Variable):
        return True
    return isinstance(inner, Literal) and spelling(inner) == spelling(outer)
