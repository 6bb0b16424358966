"""What keys mean together: combinations that cannot work, found while the configuration is loaded.

What lives here: one function a rule, each of which yields what it finds. What must not: what concerns one route alone
(`route_combinations`), and what a single value may be (`scalars`, `model`).
"""

from collections.abc import Callable, Iterator
from operator import attrgetter
from pathlib import Path

from proxy.config.mistakes import KeyPath, Mistake, quoted
from proxy.config.model import Document, RouteSection
from proxy.config.route_combinations import within
from proxy.config.translate import route_name, store, tls_files
from proxy.core.address import TcpAddress
from proxy.core.template import Literal, Template, Variable


def combined(document: Document, folder: Path) -> Iterator[Mistake]:
    """Yield every combination that cannot work; names of files are relative to `folder`."""
    yield from _addresses(document)
    yield from _workers(document)
    yield from _unreadable(document, folder)
    for index, section in enumerate(document.routes):
        at = ("routes", index)
        yield from within(section, at)
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
