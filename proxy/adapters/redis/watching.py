"""Keeping an eye on the store: is it there, is it the one we know, does the fleet still go by our rules.

What lives here: a task that asks every second, and at once when a call has failed; what it finds decides whether calls
are made at all, and is said once when it changes. What must not: anything about a resource.
"""

import asyncio
import logging
from collections.abc import Callable
from typing import Final

from proxy.adapters.redis import inspecting
from proxy.adapters.redis.connecting import FAULTS
from proxy.adapters.redis.diagnosing import lasting, passing
from proxy.adapters.redis.keys import BUCKETS
from proxy.adapters.redis.scripts import RULES, SWEEP
from proxy.adapters.redis.standing import Report, Standing
from proxy.adapters.redis.store import Reply, Store

_log = logging.getLogger(__name__)

EVERY: Final = 1.0
"""Seconds between two looks while all is well."""
DOWN: Final = 0.5
"""Seconds between two looks while the store is not usable."""
RULES_COUNT: Final = 5_000
"""Milliseconds for which a process that said nothing more still counts as a member of the fleet."""
INSPECTED: Final = 30
"""How many looks there are for one at what the store is: somebody may change its policy, or make it a replica."""
SAMPLE: Final = 32
"""How many epochs are looked at a time; all of them within half a minute, and at once when one has changed."""


class Refused(Exception):
    """The store answers and must not be used. The text says why and what to do."""


class OtherRules(Refused):
    """The store is in use by processes with other rules, or was a moment ago."""


class Watch:
    """Watches a store. `fingerprint` stands for the rules of this process; `say` writes a line for people.

    `on_standing` is called with each new standing.
    """

    def __init__(
        self,
        store: Store,
        fingerprint: str,
        *,
        clustered: bool = False,
        say: Callable[[str], None] = _log.warning,
        on_standing: Callable[[Standing], None] = lambda _standing: None,
    ) -> None:
        self._store = store
        self._fingerprint = fingerprint
        self._clustered = clustered
        self._chunk = 1 if clustered else BUCKETS // 4
        self._epochs = store.naming.epochs()
        self._next = 0
        self._sweep = True
        self._held: list[str] = []
        self._inspect = True
        self._looks = 0
        self.report = Report(say, on_standing)
        self._doubt = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    @property
    def standing(self) -> Standing:
        """How the store stood when it was looked at last."""
        return self.report.standing

    async def start(self) -> None:
        """Look once, then go on by itself. Raised when the store answers and must not be used: `Refused`.

        Those who worked under other rules may have left just now, so they are given the time to be forgotten.
        """
        loop = asyncio.get_running_loop()
        ending = loop.time() + RULES_COUNT / 1_000 + EVERY
        while True:
            try:
                await self._look()
                break
            except OtherRules:
                if loop.time() > ending:
                    raise
            await asyncio.sleep(DOWN)
        self._task = asyncio.create_task(self._go_on())

    async def aclose(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    def doubt(self) -> None:
        """Look soon: a call has failed."""
        self._doubt.set()

    def quarantined(self, begins: bool) -> None:  # noqa: FBT001 - a listener's one argument
        """Take note that a call found the store in quarantine; where it has just begun, it begins for every bucket."""
        self._sweep = self._sweep or begins
        self._doubt.set()

    async def _go_on(self) -> None:
        while True:
            pause = EVERY if self._store.usable else DOWN
            try:
                async with asyncio.timeout(pause):
                    await self._doubt.wait()
            except TimeoutError:
                pass
            else:
                self._doubt.clear()
            try:
                await self._look()
            except Refused as refused:
                self._stand(Standing.REFUSED, str(refused))
            except Exception:  # noqa: BLE001 - whoever watches must not fall asleep over a fault of its own
                _log.exception("a look at the store ended in a fault")
                self._stand(Standing.UNREACHABLE, "fault")
            await asyncio.sleep(0.05)  # so that a storm of failures is one look

    async def _look(self) -> None:
        """Ask the store. Raised when it must not be used: `Refused`."""
        try:
            self._looks += 1
            if self._inspect or self._looks % INSPECTED == 0:
                # A replica that was promoted has none itself, and the primary that it replaced may not know yet.
                self._store.lag = max(self._store.lag, await inspecting.inspect(self._store.client))
                self._inspect = False
            left = await self._epoch()
            await self._rules()
        except inspecting.Unfit as unfit:
            self._inspect = True
            raise Refused(str(unfit)) from None
        except FAULTS as fault:
            self._inspect = self._sweep = True
            advice = lasting(fault)
            if advice is not None:
                raise Refused(advice) from fault
            self._stand(Standing.UNREACHABLE, passing(fault))
        else:
            self._stand(Standing.QUARANTINED if left else Standing.USABLE, f"{left / 1000:.0f} s")

    async def _epoch(self) -> int:
        """Look at some epochs, or at all of them where one has changed. Return how long nothing is granted, in ms.

        In quarantine those are looked at that are in it for longest, until they are not.
        """
        if self._held and not self._sweep:
            reply = await self._swept(self._held)
            self._sweep = not reply.status or bool(reply.number(1))
            if not self._sweep:
                return reply.status
        return await (self._all() if self._sweep else self._sampled())

    async def _all(self) -> int:
        longest = 0
        self._held = []
        self._sweep = False
        for start in range(0, BUCKETS, max(SAMPLE, self._chunk)):
            for epochs, reply in await self._several(start, max(SAMPLE, self._chunk)):
                if reply.status > longest:
                    longest, self._held = reply.status, epochs
        return longest

    async def _sampled(self) -> int:
        start = self._next
        self._next = (start + SAMPLE) % BUCKETS
        replies = [reply for _, reply in await self._several(start, SAMPLE)]
        if any(reply.status or reply.number(1) for reply in replies):
            self._sweep = True
            self._doubt.set()
        return max(reply.status for reply in replies)

    async def _several(self, start: int, count: int) -> list[tuple[list[str], Reply]]:
        """Look at that many epochs, in as many calls as it takes. Raised when no call is answered: one of `FAULTS`.

        A node of a cluster that is lost takes its part of the resources along; the others go on.
        """
        size = min(count, self._chunk)
        parts = [self._epochs[first : first + size] for first in range(start, start + count, size)]
        answers = await asyncio.gather(*map(self._swept, parts), return_exceptions=True)
        faults = [answer for answer in answers if isinstance(answer, BaseException)]
        if faults and (len(faults) == len(parts) or not all(isinstance(fault, FAULTS) for fault in faults)):
            raise faults[0]
        return [(part, answer) for part, answer in zip(parts, answers, strict=True) if isinstance(answer, Reply)]

    async def _swept(self, epochs: list[str]) -> Reply:
        reply = await self._store.attempt(SWEEP, epochs, *self._store.terms)
        self._store.clock.read(reply.reading(2))
        return reply

    async def _rules(self) -> None:
        """Say by which rules we work. Where a node of a cluster is lost it may be the one that knows."""
        try:
            reply = await self._store.attempt(RULES, [self._store.naming.rules], self._fingerprint, RULES_COUNT)
        except FAULTS:
            if not self._clustered:
                raise
            return
        if not reply.status:
            raise OtherRules(inspecting.OTHER_RULES)

    def _stand(self, standing: Standing, why: str) -> None:
        """Take note of a standing: calls are made accordingly."""
        self._store.usable = standing in {Standing.USABLE, Standing.QUARANTINED}
        self._store.forbidden = standing is Standing.REFUSED
        self.report.stands(standing, why)
