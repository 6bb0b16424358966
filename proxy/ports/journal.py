"""What is written down about a request."""

from contextlib import AbstractContextManager
from enum import Enum
from typing import Protocol

from proxy.core.fields import Fields


class Step(Enum):
    """The words of the life of a request; also the names of its spans."""

    __hash__ = object.__hash__  # each is one object; Enum's own looks up the name, several times a request

    RECEIVE = "receive"
    REQUIRE = "require"
    HOLD = "hold"
    RECALL = "recall"
    SELECT = "select"
    EVALUATE = "evaluate"
    CONFIRM = "confirm"
    PERFORM = "perform"
    SETTLE = "settle"
    REMEMBER = "remember"
    RELAY = "relay"
    ANSWER = "answer"


class Journal(Protocol):
    """What is written down about one request."""

    def step(self, step: Step) -> AbstractContextManager[None]:
        """Enter a step; leaving it ends its time."""
        ...

    def note(self, **facts: str | int | None) -> None:
        """Add facts to the request's log line."""
        ...

    def heard(self, sharing: Fields) -> None:
        """Keep what the origin server's answer to a selection says of who may read it (`core.cors.said`).

        An answer of ours that follows can be read by the same pages.
        """
        ...
