"""The mappings inside a route: type, default and meaning of each key, and nothing else.

What lives here: one class a mapping. What must not: the keys of a route itself (`model`), rules that need more than one
key (`combinations`). Defaults are written as a user would write them.
"""

from typing import Literal

from proxy.config.route_scalars import (
    ItemPath,
    MediaType,
    MemberName,
    Pointer,
    SelectingFields,
    SelfReference,
    TagSource,
)
from proxy.config.scalars import Size, Timeout
from proxy.config.section import Section, key, required
from proxy.config.structures import Body, ContentType


class EtagSection(Section):
    """How the entity tags of a route come about."""

    source: TagSource = key(
        "content",
        "What names a state: content; a JSON Pointer (/version); or a field of the origin's answer (Last-Modified).",
        alias="from",
    )
    canonical: Literal["none", "json"] = key(
        "none", "What counts as a change: none, every byte; json, neither key order nor white space."
    )
    ignore: tuple[Pointer, ...] = key(
        (),
        "JSON Pointers to what never counts as a change; the token * stands for every member. Needs canonical: json.",
    )
    aba: Literal["allow", "detect"] = key(
        "allow", "detect: content that returns to what it was has another tag; costs a trip to the store a GET."
    )
    upstream: Literal["auto", "keep", "replace"] = key(
        "auto", "The origin's own ETag: auto keeps a strong one and replaces a weak one; keep, replace: always."
    )


class InjectSection(Section):
    """The entity tag as a member of JSON content."""

    field: MemberName = key("_etag", "Name of the member; where a client sends it back, it is dropped from its write.")
    items: tuple[ItemPath, ...] = key(
        (), "JSONPaths to objects in the content that get their own tags; each must show its resource as a whole."
    )
    self: SelfReference = key(
        "/_links/self/href",
        "Its own URI in such an object: a JSON Pointer, or a template with pointers: /orders/{/id}.",
    )
    quotes: bool = key(default=True, why="Whether the tag has its quotes, as in the ETag field.")


class LimitsSection(Section):
    """Sizes."""

    content: Size = key("64MiB", "Largest content of a guarded write (413 beyond), and of the origin's answer to one.")
    mint: Size = key(
        "8MiB",
        "Largest representation that gets a tag; a conditional write on a larger one is refused.",
    )


class TimeoutsSection(Section):
    """How long a step may take."""

    connect: Timeout = key("2s", "Opening a connection to the origin.")
    receive: Timeout = key("30s", "Receiving the whole content of a guarded write from the client (408 beyond).")
    select: Timeout = key("5s", "Asking the origin for the current representation (504 beyond, nothing forwarded).")
    perform: Timeout = key("10s", "Waiting for the origin's answer to a guarded write (504 beyond, outcome unknown).")
    settle: Timeout = key(
        "20s", "How long the origin may still apply a write whose answer was given up; other writers wait that long."
    )
    relay: Timeout = key("60s", "Waiting for the head of the origin's answer to a request that is passed on.")


class LockSection(Section):
    """How writers of one resource exclude each other."""

    wait: Timeout = key("10s", "Longest wait for other writers of the resource (503 beyond).")
    read: Timeout | None = key(None, "Lease while the current state is read; null: timeouts.select and 5s more.")
    write: Timeout | None = key(
        None, "Lease while the write is done; null: the least allowed, timeouts.perform + timeouts.settle + 5s."
    )
    waiters: int = key(64, "How many may queue for one resource in one process (503 beyond).", ge=1)


class SelectSection(Section):
    """How a write asks for the current state."""

    accept: MediaType | None = key(
        None, "Accept for writes whose tag names no variant, such as application/json; null: the writer's own."
    )
    fields: SelectingFields | None = key(
        None, "Fields of a request that select a representation, besides Authorization and Cookie; null: all."
    )


class RefusalSection(Section):
    """A body of an API's own."""

    content_type: ContentType = key("application/problem+json", "Media type of the body.")
    body: Body = required(
        "Sent as JSON, text as it is. Filled in: {detail}, {current_etag}, {correlation_id}, {reason}, {status}.",
        "{detail}",
    )


class ProblemSection(Section):
    """The refusals of a route in an API's own words."""

    precondition_failed: RefusalSection | None = key(None, "Body of a refusal because a precondition is false (412).")
    precondition_required: RefusalSection | None = key(
        None, "Body of a refusal because a required precondition is missing (missing_status)."
    )
    malformed_precondition: RefusalSection | None = key(
        None, "Body of a refusal because a precondition cannot be read (400)."
    )
