"""What passes on one connection to a store, as a relay sees it: commands on the way there, replies on the way back.

What lives here: which reply belongs to which command, what is counted, and what is kept from arriving. Bytes in, bytes
out; connections are `tests.support.relaying`'s.
"""

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum
from threading import Semaphore

from tests.support.child import PATIENCE
from tests.support.resp import MESSAGES, SUBSCRIBING, Frames, name, pushed


class After(Enum):
    """What becomes of a connection on which a reply was lost."""

    CLOSED = "closed"
    SILENT = "silent"
    """It stays, and nothing comes back on it any more."""


class Loss:
    """A reply that is to be lost as often as was ordered."""

    def __init__(self, matching: bytes, times: int, after: After) -> None:
        self.after = after
        self._matching = matching
        self._left = times
        self._happened = Semaphore(0)

    def wait(self) -> None:
        """Wait until a reply was lost, another one each time. Raised when none is: `AssertionError`."""
        assert self._happened.acquire(timeout=PATIENCE), f"no reply was lost to a command with {self._matching!r}"

    def meets(self, command: bytes) -> bool:
        """Tell whether this command's reply is to be lost, and count it."""
        met = self._left > 0 and self._matching in command
        self._left -= met
        return met

    def happen(self) -> None:
        """Say that a reply was lost."""
        self._happened.release()


@dataclass
class Orders:
    """What all connections of a relay are to do, and what passed on them."""

    losses: list[Loss] = field(default_factory=list)
    muted: bool = False
    counted: Counter[str] = field(default_factory=Counter)
    round_trips: int = 0

    def loss(self, command: bytes) -> Loss | None:
        """Return the loss that this command meets."""
        return next((loss for loss in self.losses if loss.meets(command)), None)


class Conversation:
    """One connection. What does not begin as RESP does, TLS or HTTP, passes unread."""

    def __init__(self, orders: Orders) -> None:
        self._orders = orders
        self._legible: bool | None = None
        self._commands, self._replies = Frames(), Frames()
        self._awaited: deque[Loss | None] = deque()
        self._subscribed = False
        self._over: After | None = None

    @property
    def closed(self) -> bool:
        """Tell that the connection is to be closed behind what was passed."""
        return self._over is After.CLOSED

    def there(self, data: bytes) -> bytes:
        """Return what of these bytes is passed to the store now: the commands that are whole."""
        if self._legible is None:
            self._legible = data.startswith(b"*")
        if not self._legible:
            return data
        return b"".join(map(self._sent, self._commands.feed(data)))

    def back(self, data: bytes) -> bytes:
        """Return what of these bytes is passed to the client now: the replies that are whole, but for those lost."""
        return b"".join(self._passed(data)) if self._legible else data

    def _sent(self, command: bytes) -> bytes:
        called = name(command)
        self._orders.counted[called] += 1
        self._orders.round_trips += not self._awaited
        if called in SUBSCRIBING:
            self._subscribed = True
        else:
            self._awaited.append(self._orders.loss(command))
        return command

    def _passed(self, data: bytes) -> Iterator[bytes]:
        for reply in self._replies.feed(data):
            if self._over is None and self._arrives(reply):
                yield reply

    def _arrives(self, reply: bytes) -> bool:
        if self._unasked(reply):
            return not (self._orders.muted and pushed(reply) in MESSAGES)
        lost = self._awaited.popleft() if self._awaited else None
        if lost is None:
            return True
        self._over = lost.after
        lost.happen()
        return False

    def _unasked(self, reply: bytes) -> bool:
        """Tell a push from a reply; in RESP2 both are arrays, and only who has subscribed is sent pushes."""
        return reply.startswith(b">") or (self._subscribed and pushed(reply) in MESSAGES | SUBSCRIBING)
