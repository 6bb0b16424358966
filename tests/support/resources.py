"""What the test origin keeps: a resource a path, and the write log W in the order in which writes were applied.

What lives here: state and the one lock under which a request is applied. Whether the origin has tags of its own,
enforces them or checks the fence is said by the `Modes` handed in.
"""

import hashlib
import time
from dataclasses import dataclass
from threading import Lock
from urllib.parse import unquote

from tests.support.knobs import ETag, Modes
from tests.support.wire import Answer, Content, Head, whole

KEPT = 65_536
"""How many bytes of a write's content the log keeps; its digest covers all of them."""


@dataclass(frozen=True, slots=True)
class Resource:
    """A representation."""

    content: bytes
    media_type: str = "application/octet-stream"

    def tag(self, mode: ETag) -> str | None:
        """Return the origin's own entity tag, where it has such."""
        opaque = f'"{hashlib.sha256(self.content).hexdigest()[:16]}"'
        return {ETag.NONE: None, ETag.STRONG: opaque, ETag.WEAK: f"W/{opaque}"}[mode]


@dataclass(frozen=True, slots=True)
class Write:
    """A write that was applied. `request` is its number in the request log, `at` seconds of the monotonic clock.

    `before` and `after` are the resource's content (64 KiB of it, one character a byte), None where there was none.
    """

    request: int
    method: str
    target: str
    before: str | None
    after: str | None
    digest: str
    fence: str | None
    at: float


class Resources:
    """The resources, safe to use from many threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._current: dict[str, Resource] = {}
        self._previous: dict[str, Resource | None] = {}
        self._fences: dict[str, int] = {}
        self._writes: list[Write] = []

    def writes(self) -> list[Write]:
        """Return W."""
        with self._lock:
            return list(self._writes)

    def seed(self, path: str, resource: Resource | None) -> None:
        """Put a resource there, or remove it, outside of W."""
        with self._lock:
            self._place(path, resource)

    def peek(self, path: str) -> Resource | None:
        """Return what is there."""
        with self._lock:
            return self._current.get(path)

    def read(self, path: str, modes: Modes, *, stale: bool) -> Answer:
        """Answer a GET or HEAD; a stale one with what was there before the last write."""
        with self._lock:
            resource = self._previous.get(path) if stale else self._current.get(path)
        if resource is None:
            return whole(404, b"no such resource", ("Content-Type", "text/plain"))
        tag = resource.tag(modes.etag)
        validators = [("ETag", tag)] if tag else []
        return whole(200, resource.content, ("Content-Type", resource.media_type), *validators)

    def write(self, request: int, head: Head, content: Content, modes: Modes) -> Answer:
        """Apply a write, atomically with the checks that the modes ask for, and answer it."""
        with self._lock:
            return self._refusal(head, modes) or self._apply(request, head, content)

    def _refusal(self, head: Head, modes: Modes) -> Answer | None:
        fence, current = head.get("fencing-token"), self._current.get(head.path)
        if modes.fence and fence is not None:
            if int(fence) < self._fences.get(head.path, 0):
                return whole(409, b"a later holder has written")
            self._fences[head.path] = int(fence)
        tag = current.tag(modes.etag) if current else None
        if_match, if_none_match = head.get("if-match"), head.get("if-none-match")
        stale = if_match not in {None, "*", tag} or (if_match == "*" and current is None)
        weak = modes.etag is ETag.WEAK and if_match not in {None, "*"}  # If-Match compares strongly
        if modes.enforce and (stale or weak or (if_none_match == "*" and current is not None)):
            return whole(412, b"precondition failed")
        return None

    def _apply(self, request: int, head: Head, content: Content) -> Answer:
        path, current = head.path, self._current.get(head.path)
        parent = path.rpartition("/")[0]
        sent = Resource(content.data, head.get("content-type") or "application/octet-stream")
        match head.method:
            case "PUT":
                self._record(request, head, path, sent)
                return whole(204) if current else whole(201, b"", ("Location", path))
            case "DELETE" if current:
                self._record(request, head, path, None)
                return whole(204)
            case "PATCH" if current:
                self._record(request, head, path, Resource(current.content + content.data, current.media_type))
                return whole(204)
            case "POST" if acted := self._current.get(parent):
                # POST /orders/1/cancel acts on /orders/1
                self._record(request, head, parent, Resource(acted.content + content.data, acted.media_type))
                return whole(200, b"done", ("Content-Type", "text/plain"))
            case "POST":
                child = f"{path}/{len(self._writes) + 1}"
                self._record(request, head, child, sent)
                return whole(201, b"", ("Location", child))
        return whole(404 if head.method in {"DELETE", "PATCH"} else 501, b"nothing done")

    def _record(self, request: int, head: Head, path: str, after: Resource | None) -> None:
        before = self._current.get(path)
        self._place(path, after)
        digest = hashlib.sha256(after.content if after else b"").hexdigest()
        fence = head.get("fencing-token")
        texts = _text(before), _text(after)
        self._writes.append(Write(request, head.method, path, *texts, digest, fence, time.monotonic()))

    def _place(self, path: str, resource: Resource | None) -> None:
        self._previous[path] = self._current.pop(path, None)
        if resource is not None:
            self._current[path] = resource


def one_spelling(path: str) -> str:
    """Return the spelling of a path that stands for all that a lenient framework would serve from the same row.

    What is percent-encoded is decoded; case, doubled slashes, a slash at the end, parameters, the suffix of a format
    and zeros before a number make no difference.
    """
    named = [segment.partition(";")[0].removesuffix(".json") for segment in unquote(path).casefold().split("/")]
    return "/" + "/".join(str(int(name)) if name.isdecimal() else name for name in named if name)


def _text(resource: Resource | None) -> str | None:
    return None if resource is None else resource.content[:KEPT].decode("latin-1")
