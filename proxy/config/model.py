"""The keys of the configuration: type, default and meaning of each, and nothing else.

What lives here: one class a mapping. The JSON Schema, the tables of the documentation and the messages about mistakes
are made from these classes. What must not: rules that need more than one key (`combinations`), and what the rooms
outside make of a value (`translate`). Defaults are written as a user would write them.
"""

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from proxy.config.scalars import (
    AcceptTags,
    Admin,
    Duration,
    FenceField,
    File,
    Listen,
    Methods,
    Name,
    PathTemplate,
    Peer,
    Pointer,
    Size,
    Store,
    Timeout,
    Trust,
    Upstream,
)


def _key(default: object, why: str, **constraints: Any) -> Any:
    return Field(default=default, validate_default=True, description=why, **constraints)


def _required(why: str, example: str) -> Any:
    return Field(description=why, examples=[example])


class Section(BaseModel):
    """A mapping of known keys only. Nothing is coerced: text is no number and a number is no text."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, arbitrary_types_allowed=True)


class TlsSection(Section):
    """The certificate that the listener shows."""

    certificate: File = _required(
        "PEM file with the certificate chain; a relative name starts at the configuration file.", "tls/certificate.pem"
    )
    key: File = _required(
        "PEM file with the private key; a relative name starts at the configuration file.", "tls/key.pem"
    )


class EtagSection(Section):
    """How the entity tags of a route come about."""

    canonical: Literal["none", "json"] = _key(
        "none", "What counts as a change: none, every byte; json, neither key order nor white space."
    )
    ignore: tuple[Pointer, ...] = _key(
        (),
        "JSON Pointers to what never counts as a change; the token * stands for every member. Needs canonical: json.",
    )
    upstream: Literal["auto", "keep", "replace"] = _key(
        "auto", "The origin's own ETag: auto keeps a strong one and replaces a weak one; keep, replace: always."
    )


class LimitsSection(Section):
    """Sizes."""

    content: Size = _key("64MiB", "Largest content of a guarded write (413 beyond), and of the origin's answer to one.")
    mint: Size = _key(
        "8MiB",
        "Largest representation that gets a tag; a conditional write on a larger one is refused.",
    )


class TimeoutsSection(Section):
    """How long a step may take."""

    connect: Timeout = _key("2s", "Opening a connection to the origin.")
    receive: Timeout = _key("30s", "Receiving the whole content of a guarded write from the client (408 beyond).")
    select: Timeout = _key("5s", "Asking the origin for the current representation (504 beyond, nothing forwarded).")
    perform: Timeout = _key("10s", "Waiting for the origin's answer to a guarded write (504 beyond, outcome unknown).")
    settle: Timeout = _key(
        "20s", "How long the origin may still apply a write whose answer was given up; other writers wait that long."
    )
    relay: Timeout = _key("60s", "Waiting for the head of the origin's answer to a request that is passed on.")


class LockSection(Section):
    """How writers of one resource exclude each other."""

    wait: Timeout = _key("10s", "Longest wait for other writers of the resource (503 beyond).")
    read: Timeout | None = _key(None, "Lease while the current state is read; null: timeouts.select and 5s more.")
    write: Timeout | None = _key(
        None, "Lease while the write is done; null: the least allowed, timeouts.perform + timeouts.settle + 5s."
    )
    waiters: int = _key(64, "How many may queue for one resource in one process (503 beyond).", ge=1)


class RouteSection(Section):
    """The rules for the resources that a path template names. The first route that matches applies."""

    path: PathTemplate = _required(
        "Which targets: {name} stands for one segment, {name...} for the rest. Case and suffix do not count.",
        "/wiki/{id}",
    )
    name: Name | None = _key(None, "What logs and metrics call the route; null: its methods, if set, and its path.")
    methods: Methods | None = _key(
        None, "Which methods, GET standing for HEAD too; null: all. A method left out may pass unguarded."
    )
    guard: Literal["enforce", "off"] = _key(
        "enforce", "enforce, or off (in quotes): requests spelled like the path are passed on unguarded."
    )
    state: PathTemplate | None = _key(
        None,
        "Template of the resource that guards this one: its tag is compared, its lock taken; null: the target itself.",
    )
    query: Literal["ignore", "identity"] = _key(
        "ignore", "identity: the query is part of what a tag stands for; locks ignore it either way."
    )
    require: Literal["none", "existing", "always"] = _key(
        "none",
        "Unsafe requests need If-Match (or If-None-Match: *): existing, where there is something to overwrite; always.",
    )
    missing_status: Literal[428, 400, 403] = _key(
        428, "428, 400 or 403: the refusal where a required precondition is missing."
    )
    absent_status: Literal[412, 404, "forward"] | None = _key(
        None,
        "If-Match names a tag and nothing exists: 412; 404, the origin's answer; forward; null: PUT 412, else 404.",
    )
    accept_tags: AcceptTags = _key(
        "strict",
        "Which other spellings of a tag count: strict, none; tolerant, all; or some of unquoted, weak, coding-suffix.",
    )
    etag: EtagSection = _key({}, "How tags come about.")
    etag_on_write: Literal["never", "verbatim", "always"] = _key(
        "verbatim", "Tag in the answer to a write: never; verbatim, if a PUT was stored unchanged; always."
    )
    limits: LimitsSection = _key({}, "Sizes, with a unit.")
    timeouts: TimeoutsSection = _key({}, "How long a step may take.")
    lock: LockSection = _key({}, "How writers of one resource exclude each other.")
    unconditional_post: Literal["relay", "lock"] = _key(
        "relay", "A POST without preconditions: relay it at once, or lock like any other write."
    )
    trust: Trust = _key("0s", "How long a remembered tag may answer 304 or 412 without the origin being asked.")
    fence: FenceField | None = _key(
        None, "Field in which the fence of a write's lease is forwarded, such as Fencing-Token; null: none."
    )


class Document(Section):
    """The configuration of ifmatch."""

    listen: Listen = _key("127.0.0.1:8080", "Where clients connect: host:port or unix:/path.")
    admin: Admin | None = _key(
        "127.0.0.1:9901", "Where health, metrics and status are served, read-only; off (in quotes) or null: nowhere."
    )
    upstream: Upstream = _required(
        "The origin server: http://host[:port], https://host[:port] or unix:/path.", "http://127.0.0.1:9000"
    )
    store: Store = _key(
        "memory://",
        "Where locks and remembered tags live: memory:// (one process alone), or a Redis that replicas share.",
    )
    on_store_failure: Literal["refuse", "local"] = _key(
        "refuse",
        "Writes while the store cannot be reached: refuse them (503); local, guard them within this process alone.",
    )
    workers: int = _key(
        1, "Processes that serve the same port; more than 1 needs a store that they share.", ge=1, le=64
    )
    tag_key: str = _key(
        "",
        "Secret that keys the tags, one for all replicas; empty: public, so whoever guesses a content can prove it.",
    )
    tls: TlsSection | None = _key(None, "Serve HTTPS with these files; null: plain HTTP.")
    unmatched: Literal["relay", "guard", "reject"] = _key(
        "relay", "A request that no route matches: relay it unguarded, guard it with the defaults, or reject it (404)."
    )
    trusted_peers: tuple[Peer, ...] = _key((), "Addresses and networks whose Forwarded and X-Forwarded-* are believed.")
    drain: Duration = _key("20s", "How long requests in flight may take to finish after SIGTERM.")
    routes: tuple[RouteSection, ...] = _key((), "What is guarded, and how; the first match applies.")


SECTIONS: Final[dict[tuple[str, ...], type[Section]]] = {
    (): Document,
    ("tls",): TlsSection,
    ("routes",): RouteSection,
    ("routes", "etag"): EtagSection,
    ("routes", "limits"): LimitsSection,
    ("routes", "timeouts"): TimeoutsSection,
    ("routes", "lock"): LockSection,
}
"""The class of each mapping by its keys from the top; list indices are left out."""
