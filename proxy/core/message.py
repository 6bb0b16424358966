"""Requests and responses as values. The received request is never mutated; what is sent upstream is derived from it.

Content is not here: it may be large, on disk, or still arriving. `proxy.ports` says how it is read.
"""

from dataclasses import dataclass

from proxy.core.fields import Fields
from proxy.core.target import Target

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that ask for no change (RFC 9110 §9.2.1). TRACE is refused; every other method, known or not, is unsafe."""


@dataclass(frozen=True, slots=True)
class Request:
    """A request that passed admission. `fields` are end-to-end, with our `Via` and forwarded fields in place."""

    method: str
    target: Target
    fields: Fields

    @property
    def safe(self) -> bool:
        """Tell whether the method is safe."""
        return self.method in SAFE_METHODS

    def with_fields(self, fields: Fields) -> "Request":
        """Return this request with other fields."""
        return Request(self.method, self.target, fields)


@dataclass(frozen=True, slots=True)
class Response:
    """The head of a response, and its content where that is held here. `fields` are end-to-end."""

    status: int
    fields: Fields
    content: bytes = b""

    @property
    def successful(self) -> bool:
        """Tell whether the status is 2xx."""
        return 200 <= self.status < 300  # noqa: PLR2004 - the class of successful statuses, RFC 9110 §15.3
