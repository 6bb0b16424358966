"""The keys of the configuration: type, default and meaning of each, and nothing else.

What lives here: one class a mapping. The JSON Schema, the tables of the documentation and the messages about mistakes
are made from these classes. What must not: rules that need more than one key (`combinations`), and what the rooms
outside make of a value (`translate`). Defaults are written as a user would write them.
"""

from typing import Final, Literal

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
from proxy.config.route_scalars import FenceField, Methods, Name, PathTemplate, Trust
from proxy.config.scalars import Admin, Duration, File, Listen, Peer, Store, Upstream
from proxy.config.section import Section, key, required
from proxy.config.structures import AcceptTags, Cors


class TlsSection(Section):
    """The certificate that the listener shows."""

    certificate: File = required(
        "PEM file with the certificate chain; a relative name starts at the configuration file.", "tls/certificate.pem"
    )
    key: File = required(
        "PEM file with the private key; a relative name starts at the configuration file.", "tls/key.pem"
    )


class RouteSection(Section):
    """The rules for the resources that a path template names. The first route that matches applies."""

    path: PathTemplate = required(
        "Which targets: {name} stands for one segment, {name...} for the rest. Case and suffix do not count.",
        "/wiki/{id}",
    )
    name: Name | None = key(None, "What logs and metrics call the route; null: its methods, if set, and its path.")
    methods: Methods | None = key(
        None, "Which methods, GET standing for HEAD too; null: all. A method left out may pass unguarded."
    )
    guard: Literal["enforce", "report", "off"] = key(
        "enforce",
        "enforce; report: say what would be refused, refuse nothing; off (in quotes): pass on what is spelled so.",
    )
    state: PathTemplate | None = key(
        None,
        "Template of the resource that guards this one: its tag is compared, its lock taken; null: the target itself.",
    )
    query: Literal["ignore", "identity", "view"] = key(
        "ignore", "identity: the query is part of what a tag stands for; view: it shows a part of what the path names."
    )
    require: Literal["none", "existing", "always"] = key(
        "none",
        "Unsafe requests need If-Match (or If-None-Match: *): existing, where there is something to overwrite; always.",
    )
    missing_status: Literal[428, 400, 403] = key(
        428, "428, 400 or 403: the refusal where a required precondition is missing."
    )
    absent_status: Literal[412, 404, "forward"] | None = key(
        None,
        "If-Match names a tag and nothing exists: 412; 404, the origin's answer; forward; null: PUT 412, else 404.",
    )
    accept_tags: AcceptTags = key(
        "strict",
        "Which other spellings of a tag count: strict, none; tolerant, all; or some of unquoted, weak, coding-suffix.",
    )
    etag: EtagSection = key({}, "How tags come about.")
    etag_on_write: Literal["never", "verbatim", "always"] = key(
        "verbatim", "Tag in the answer to a write: never; verbatim, if a PUT was stored unchanged; always."
    )
    already_applied: bool = key(
        default=False,
        why="Answer as done what changes nothing: a stale PUT of the current content, a DELETE of what is gone.",
    )
    inject: InjectSection | None = key(None, "Put tags into JSON content too; null: only into the ETag field.")
    select: SelectSection = key({}, "How a write asks for the current state.")
    limits: LimitsSection = key({}, "Sizes, with a unit.")
    timeouts: TimeoutsSection = key({}, "How long a step may take.")
    lock: LockSection = key({}, "How writers of one resource exclude each other.")
    unconditional_post: Literal["relay", "lock"] = key(
        "relay", "A POST without preconditions: relay it at once, or lock like any other write."
    )
    trust: Trust = key("0s", "How long a remembered tag may answer 304 or 412 without the origin being asked.")
    fence: FenceField | None = key(
        None, "Field in which the fence of a write's lease is forwarded, such as Fencing-Token; null: none."
    )
    problem: ProblemSection | None = key(
        None, "Refusals in the words of an API of its own; null: problem documents (RFC 9457) of ours."
    )
    cors: Cors = key(
        "auto",
        "Pages of other origins: auto, as the origin says, and they may read ETag; off (in quotes); or those listed.",
    )


class Document(Section):
    """The configuration of ifmatch."""

    listen: Listen = key("127.0.0.1:8080", "Where clients connect: host:port or unix:/path.")
    admin: Admin | None = key(
        "127.0.0.1:9901", "Where health, metrics and status are served, read-only; off (in quotes) or null: nowhere."
    )
    upstream: Upstream = required(
        "The origin server: http://host[:port], https://host[:port] or unix:/path.", "http://127.0.0.1:9000"
    )
    store: Store = key(
        "memory://",
        "Where locks and remembered tags live: memory:// (one process alone), or a Redis that replicas share.",
    )
    on_store_failure: Literal["refuse", "local"] = key(
        "refuse",
        "Writes while the store cannot be reached: refuse them (503); local, guard them within this process alone.",
    )
    workers: int = key(1, "Processes that serve the same port; more than 1 needs a store that they share.", ge=1, le=64)
    connections: int = key(
        1024,
        "Connections to the origin that a process has at most, and as many again for WebSockets; who comes then waits.",
        ge=1,
        le=65535,
    )
    tag_key: str = key(
        "",
        "Secret that keys the tags, one for all replicas; empty: public, so whoever guesses a content can prove it.",
    )
    tls: TlsSection | None = key(None, "Serve HTTPS with these files; null: plain HTTP.")
    unmatched: Literal["relay", "guard", "reject"] = key(
        "relay", "A request that no route matches: relay it unguarded, guard it with the defaults, or reject it (404)."
    )
    trusted_peers: tuple[Peer, ...] = key((), "Addresses and networks whose Forwarded and X-Forwarded-* are believed.")
    drain: Duration = key("20s", "How long requests in flight may take to finish after SIGTERM.")
    routes: tuple[RouteSection, ...] = key((), "What is guarded, and how; the first match applies.")


SECTIONS: Final[dict[tuple[str, ...], type[Section]]] = {
    (): Document,
    ("tls",): TlsSection,
    ("routes",): RouteSection,
    ("routes", "etag"): EtagSection,
    ("routes", "inject"): InjectSection,
    ("routes", "select"): SelectSection,
    ("routes", "limits"): LimitsSection,
    ("routes", "timeouts"): TimeoutsSection,
    ("routes", "lock"): LockSection,
    ("routes", "problem"): ProblemSection,
    ("routes", "problem", "precondition_failed"): RefusalSection,
    ("routes", "problem", "precondition_required"): RefusalSection,
    ("routes", "problem", "malformed_precondition"): RefusalSection,
}
"""The class of each mapping by its keys from the top; list indices are left out."""
