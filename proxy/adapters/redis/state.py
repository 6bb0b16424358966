"""What the fleet remembers of selections, in the store: for refusals and 304, never for a permit (I2, G4).

What lives here: records as text, and when a trip to the store is worth it. What must not: when a record may answer a
request; the gateway judges that. Every record expires, and the write phase of a lease wipes those of its resource.
"""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from proxy.adapters.redis.lease import REMEMBERED
from proxy.adapters.redis.state_scripts import COUNT, FORGET, RECALL, REMEMBER, UNTOUCHED, WRITES
from proxy.adapters.redis.store import Store
from proxy.core import entity_tag
from proxy.core.fields import Fields
from proxy.core.minting import Validator
from proxy.core.moment import SOMETIME, Moment
from proxy.errors import StoreFailure
from proxy.ports import Remembered

SELECTORS: Final = 16
"""How many selections, by different clients, are kept of one resource."""

MENTIONED: Final = 10_000
"""How many selections this process recalls having mentioned."""

COUNTED: Final = 30 * 86_400_000
"""Milliseconds for which the number of a write is kept after it was last asked for. Then its tags are refused."""

OWED: Final = 10_000
"""How many resources this process recalls that the store should have forgotten and does not know it yet."""

PAUSE: Final = 0.1
"""Seconds until the store is asked again for what is owed to it."""

PENDING: Final = 1_000
"""How many mentions wait for the store; past that they are dropped, which costs work and nothing else."""

_Mention = tuple[str, str, Remembered]


@dataclass(frozen=True, slots=True, eq=False)
class _Debt:
    """That something has to be forgotten, and what will be seen of it in so many seconds from now on."""

    ahead: float


class RedisState:
    """Fulfils `ports.StateStore`. `on_change` hears of states that changed without a write through the fleet."""

    def __init__(self, store: Store, *, on_change: Callable[[], None] = lambda: None) -> None:
        self._store = store
        self._on_change = on_change
        self._mentioned: OrderedDict[tuple[str, bytes], Remembered] = OrderedDict()
        self._pending: asyncio.Queue[_Mention] = asyncio.Queue(PENDING)
        self._task: asyncio.Task[None] | None = None
        self._owed: OrderedDict[str, _Debt] = OrderedDict()
        self._paying: asyncio.Task[None] | None = None

    def now(self) -> Moment:
        """Return what the store's clock shows."""
        return self._store.clock.now()

    async def recall(self, key: str, selector: bytes) -> Remembered | None:
        """Return what the store has; None where it has nothing that can be read, or should have forgotten it."""
        keys = self._store.naming.of(key)
        known = None
        if key not in self._owed:
            with suppress(StoreFailure):
                reply = await self._store.run(RECALL, [keys.epoch, keys.state], selector.hex())
                known = read(reply.values[1]) if reply.status else None
        mentioned = self._mentioned.get((key, selector))
        if mentioned is not None and (known is None or known.current != mentioned.current):
            del self._mentioned[key, selector]  # the store has lost it: it is worth another trip
        return known

    async def remember(self, key: str, selector: bytes, remembered: Remembered) -> None:
        """Keep a selection, unless a write came in between."""
        await self._send((key, selector.hex(), remembered))

    def mention(self, key: str, selector: bytes, remembered: Remembered, *, again: float) -> None:
        """Keep a selection when the store has time, unless this process mentioned the same not long ago."""
        if self.knows(key, selector, remembered.current, remembered.began, again=again):
            return
        self._mentioned[key, selector] = remembered
        self._mentioned.move_to_end((key, selector))
        if len(self._mentioned) > MENTIONED:
            self._mentioned.popitem(last=False)
        self._pending.put_nowait((key, selector.hex(), remembered))
        if self._task is None:
            self._task = asyncio.create_task(self._deliver())

    def knows(self, key: str, selector: bytes, current: Validator | None, began: Moment, *, again: float) -> bool:
        """Tell whether this process mentioned the same not long ago, or the store has no time to hear of it."""
        if not self._store.usable or self._pending.full() or began.earliest <= self._store.clock.doubtful:
            return True
        known = self._mentioned.get((key, selector))
        return known is not None and known.current == current and began.since(known.began) < again

    async def forget(self, key: str, *, ahead: float = 0.0) -> None:
        """Drop what is kept of a resource. Where the store does not answer that is owed to it, until it does."""
        if not await self._forgotten(key, ahead):
            self.owe(key, ahead=ahead)

    async def untouched(self, key: str, since: Moment) -> bool:
        """Ask the store, which every write makes forget; it knows nothing of before its present life began."""
        if key in self._owed or since.earliest <= self._store.clock.doubtful:
            return False
        with suppress(StoreFailure):
            keys = self._store.naming.of(key)
            return (await self._store.run(UNTOUCHED, [keys.epoch, keys.state], str(since.earliest))).status == 1
        return False

    async def writes(self, key: str) -> int:
        """Return the number of the latest write. Raised: `errors.StoreFailure`."""
        keys = self._store.naming.of(key)
        return (await self._store.run(WRITES, [keys.count, keys.epoch], COUNTED)).number(1)

    async def count(self, key: str) -> None:
        """Count a write. Raised: `errors.StoreFailure`."""
        await self._store.run(COUNT, [self._store.naming.of(key).count], COUNTED)

    def owe(self, key: str, *, ahead: float = 0.0) -> None:
        """Have the store forget as soon as it can be reached; until then recall nothing of the resource."""
        earlier = self._owed.pop(key, None)
        self._owed[key] = _Debt(ahead if earlier is None else max(ahead, earlier.ahead))
        if len(self._owed) > OWED:
            self._owed.popitem(last=False)
        if self._paying is None or self._paying.done():
            self._paying = asyncio.create_task(self._pay())

    def owing(self) -> int:
        """Return how many resources the store has still to forget."""
        return len(self._owed)

    async def delivered(self) -> None:
        """Wait until all that was mentioned has been kept or dropped."""
        await self._pending.join()

    async def aclose(self) -> None:
        """Stop; what is still to be kept is dropped."""
        tasks = [task for task in (self._task, self._paying) if task is not None]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)

    async def _deliver(self) -> None:
        while True:
            mention = await self._pending.get()
            try:
                await self._send(mention)
            finally:
                self._pending.task_done()

    async def _send(self, mention: _Mention) -> None:
        key, selector, remembered = mention
        keys, began = self._store.naming.of(key), remembered.began
        if began.earliest <= self._store.clock.doubtful:
            return
        moments = (str(began.earliest), str(began.latest), REMEMBERED, SELECTORS, str(self.now().earliest))
        with suppress(StoreFailure):
            reply = await self._store.run(
                REMEMBER, [keys.lock, keys.state, keys.epoch], selector, written(remembered), *moments
            )
            if reply.status and reply.number(1):
                self._on_change()

    async def _forgotten(self, key: str, ahead: float) -> bool:
        """Tell whether the store has dropped what it kept of a resource."""
        with suppress(StoreFailure):
            state = self._store.naming.of(key).state
            await self._store.run(FORGET, [state], REMEMBERED, int(ahead * 1_000_000))
            return True
        return False

    async def _pay(self) -> None:
        """Have the store forget what is owed to it, again and again until nothing is."""
        while self._owed:
            await asyncio.sleep(PAUSE)
            for key, debt in list(self._owed.items()):
                if not await self._forgotten(key, debt.ahead):
                    break
                if self._owed.get(key) is debt:  # and not owed again meanwhile
                    del self._owed[key]


def written(remembered: Remembered) -> str:
    """Return a record. It begins as the scripts expect: two moments and what tells one state from another."""
    current = remembered.current
    identity = "-" if current is None else f"{current.tag} {current.modified}"
    document = {
        "tag": None if current is None else str(current.tag),
        "modified": None if current is None else current.modified,
        "minted": current is not None and current.minted,
        "fields": remembered.fields.lines,
        "firm": remembered.firm,
    }
    return f"{remembered.began.earliest} {remembered.began.latest} {identity}\n{json.dumps(document)}"


def read(text: bytes) -> Remembered | None:
    """Return what a record says; None for one that nobody here wrote."""
    try:
        head, _, body = text.decode().partition("\n")
        earliest, latest = (int(number) for number in head.split(" ")[:2])
        document = json.loads(body)
        lines = [(_text(name), _text(value)) for name, value in document["fields"]]
        if not SOMETIME.earliest <= earliest <= latest <= SOMETIME.latest:
            return None
        return Remembered(_validator(document), Moment(earliest, latest), Fields(lines), document["firm"] is True)
    except (ValueError, KeyError, TypeError, RecursionError):
        return None


def _text(value: object) -> str:
    """Return text of a field. Raised when it has characters that are no bytes: `ValueError`."""
    return str(value).encode("latin-1").decode("latin-1")


def _validator(document: dict[str, object]) -> Validator | None:
    spelled, modified = document["tag"], document["modified"]
    if spelled is None:
        return None
    tag = entity_tag.parse(str(spelled))
    return Validator(tag, modified if isinstance(modified, int) else None, minted=document["minted"] is True)
