"""The document as the rooms outside know it: routes of the core, and settings.

What lives here: one function a value, and the defaults that follow from other keys. What must not: checks; a document
that comes here has none of the mistakes that `combinations` looks for.
"""

from dataclasses import replace
from pathlib import Path
from typing import Final

from proxy.config.model import Document, RouteSection
from proxy.config.route_model import (
    EtagSection,
    InjectSection,
    LimitsSection,
    LockSection,
    ProblemSection,
    RefusalSection,
    SelectSection,
    TimeoutsSection,
)
from proxy.config.settings import OnStoreFailure, Settings, TlsFiles
from proxy.core.canonical import AsSent, CanonicalJson
from proxy.core.injection import Injection
from proxy.core.matching import Routes
from proxy.core.preconditions import Absence, Policy, Require
from proxy.core.problem_template import DOCUMENTS, ProblemTemplate, ProblemTemplates
from proxy.core.route import (
    MARGIN,
    Guard,
    Limits,
    LockRules,
    Query,
    Route,
    SelectRules,
    TagOnWrite,
    Timeouts,
    UnconditionalPost,
    Unmatched,
    shortest_write_lease,
)
from proxy.core.store_address import StoreAddress
from proxy.core.tag_rules import Aba, TagRules, UpstreamTag

_ABSENCES: Final = {
    None: Absence.BY_METHOD,
    412: Absence.REFUSE,
    404: Absence.RELAY,
    "forward": Absence.FORWARD,
}


def settings(document: Document, source: str, folder: Path) -> Settings:
    """Return the settings of a document; names of files in it are relative to `folder`."""
    return Settings(
        listen=document.listen,
        admin=document.admin,
        upstream=document.upstream,
        store=store(document, folder),
        on_store_failure=OnStoreFailure(document.on_store_failure),
        workers=document.workers,
        connections=document.connections,
        tag_key=document.tag_key,
        tls=tls_files(document, folder),
        trusted_peers=document.trusted_peers,
        drain=document.drain,
        routes=Routes(
            tuple(route(section, document.upstream.authority) for section in document.routes),
            Unmatched(document.unmatched),
        ),
        source=source,
    )


def tls_files(document: Document, folder: Path) -> TlsFiles | None:
    """Return where the files of the listener are."""
    if document.tls is None:
        return None
    return TlsFiles(str(folder / document.tls.certificate), str(folder / document.tls.key))


def store(document: Document, folder: Path) -> StoreAddress:
    """Return where the store is, with the files that its address names."""
    address = document.store
    ca, certificate, key = (
        None if name is None else str(folder / name) for name in (address.ca, address.certificate, address.key)
    )
    return replace(address, ca=ca, certificate=certificate, key=key)


def route(section: RouteSection, origin: str | None = None) -> Route:
    """Return the route of the core; `origin` is the authority of the origin server."""
    return Route(
        name=route_name(section),
        template=section.path,
        methods=None if section.methods is None else frozenset(section.methods),
        guard=Guard(section.guard),
        state=section.state,
        query=Query(section.query),
        policy=Policy(Require(section.require), _ABSENCES[section.absent_status], section.accept_tags),
        missing_status=section.missing_status,
        rules=_rules(section.etag),
        etag_on_write=TagOnWrite(section.etag_on_write),
        limits=_limits(section.limits),
        timeouts=timeouts(section.timeouts),
        lock=_lock(section.lock, timeouts(section.timeouts)),
        unconditional_post=UnconditionalPost(section.unconditional_post),
        trust=section.trust,
        fence=section.fence,
        select=SelectRules(section.select.accept, _selecting(section.select)),
        already_applied=section.already_applied,
        inject=None if section.inject is None else _injection(section.inject, origin),
        problem=_problem(section.problem),
        cors=section.cors,
    )


def route_name(section: RouteSection) -> str:
    """Return the name of a route: its own, else `/wiki/{id}`, or `DELETE PUT /wiki/{id}` where it names methods."""
    if section.name is not None:
        return section.name
    return " ".join([*sorted(set(section.methods or ())), section.path.text])


def timeouts(section: TimeoutsSection) -> Timeouts:
    """Return the time-outs of a route."""
    return Timeouts(
        connect=section.connect,
        receive=section.receive,
        select=section.select,
        perform=section.perform,
        settle=section.settle,
        relay=section.relay,
    )


def _rules(section: EtagSection) -> TagRules:
    canonical = CanonicalJson(section.ignore) if section.canonical == "json" else AsSent()
    return TagRules(canonical, UpstreamTag(section.upstream), section.source, Aba(section.aba))


def _selecting(section: SelectSection) -> frozenset[str] | None:
    return None if section.fields is None else frozenset(section.fields)


def _injection(section: InjectSection, origin: str | None) -> Injection:
    return Injection(section.field, section.items, section.self, section.quotes, origin)


def _limits(section: LimitsSection) -> Limits:
    return Limits(content=section.content, mint=section.mint)


def _problem(section: ProblemSection | None) -> ProblemTemplates:
    if section is None:
        return DOCUMENTS
    return ProblemTemplates(
        precondition_failed=_template(section.precondition_failed),
        precondition_required=_template(section.precondition_required),
        malformed_precondition=_template(section.malformed_precondition),
    )


def _template(section: RefusalSection | None) -> ProblemTemplate | None:
    return None if section is None else ProblemTemplate.parse(section.body, section.content_type)


def _lock(section: LockSection, times: Timeouts) -> LockRules:
    """Return the lock rules; a lease whose length is not set follows the time-outs that it has to outlast."""
    return LockRules(
        wait=section.wait,
        read=times.select + MARGIN if section.read is None else section.read,
        write=shortest_write_lease(times) if section.write is None else section.write,
        waiters=section.waiters,
    )
