"""The three scenes of the play: two editors unguarded, two editors guarded, fifty writers of one counter.

What lives here: who reads and writes what, in which order, and what must come of it. The visitors are the same with
and without ifmatch; only the address differs, and that a tag comes with what they read.
"""

import asyncio
from dataclasses import dataclass

import aiohttp

from proxy.demo.narration import Narrator
from proxy.demo.visitor import DONE, Reply, Unexpected, Visitor

PAGE = "/wiki/shopping"
TITLE = "Shopping"
COUNTER = "/counter/visits"
WRITERS = 50
ATTEMPTS = WRITERS + 10
"""A 412 means that another writer has won since our GET, so as many attempts as writers do for those; the others are
for a 503, which says that nothing was forwarded."""
LONGEST_PAUSE = 1.0
"""The longest pause after a 503, in seconds."""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where the play takes place: the origin's URL, that of ifmatch in front of it, and what all visitors share."""

    origin: str
    guarded: str
    session: aiohttp.ClientSession
    narrator: Narrator

    def visitor(self, name: str, base: str, *, told: bool = True) -> Visitor:
        """Return someone who reads and writes at `base`."""
        return Visitor(name, base, self.session, self.narrator if told else None)

    async def set_scene(self, target: str, document: object) -> None:
        """Put a document back to where the scene begins, straight at the origin and untold."""
        await self.visitor("the stage hand", self.origin, told=False).put(target, document)


def _page(text: str) -> dict[str, str]:
    return {"title": TITLE, "text": text}


def _tag(who: str, reply: Reply) -> str:
    if reply.tag is None:
        raise Unexpected(f"{who}'s GET through ifmatch came without an ETag")
    return reply.tag


async def unguarded_editors(stage: Stage) -> None:
    """Let two editors overwrite each other. Raised when nothing was overwritten: `Unexpected`."""
    stage.narrator.heading(f"1. Two editors, one page, straight to the origin ({stage.origin})")
    alice, bob = (stage.visitor(name, stage.origin) for name in ("Alice", "Bob"))
    await stage.set_scene(PAGE, _page("eggs"))
    read_by_alice = (await alice.get(PAGE)).document["text"]
    read_by_bob = (await bob.get(PAGE)).document["text"]
    stage.narrator.say(f'Both have read "{read_by_alice}". Alice adds milk, Bob adds bread.')
    await alice.put(PAGE, _page(read_by_alice + ", milk"))
    await bob.put(PAGE, _page(read_by_bob + ", bread"))
    text = (await bob.get(PAGE)).document["text"]
    if "milk" in text:
        raise Unexpected(f"Bob's PUT straight to the origin kept Alice's words: \"{text}\"")
    stage.narrator.say(f'The page is now "{text}": Alice\'s milk is gone, and nobody was told.')


async def guarded_editors(stage: Stage) -> None:
    """Let the same two editors work through ifmatch. Raised when a word is lost or an answer is off: `Unexpected`."""
    stage.narrator.heading(f"2. The same editors, the same page, through ifmatch ({stage.guarded})")
    alice, bob = (stage.visitor(name, stage.guarded) for name in ("Alice", "Bob"))
    await stage.set_scene(PAGE, _page("eggs"))
    by_alice, by_bob = await alice.get(PAGE), await bob.get(PAGE)
    stage.narrator.say("Both have the same entity tag. Each sends it back in If-Match.")
    await alice.put(PAGE, _page(by_alice.document["text"] + ", milk"), if_match=_tag("Alice", by_alice))
    stale = _page(by_bob.document["text"] + ", bread")
    refused = await bob.put(PAGE, stale, if_match=_tag("Bob", by_bob), expected={412})
    if not refused.title:
        raise Unexpected("Bob's 412 is no problem document with a title")
    stage.narrator.say("Bob's write was not forwarded. He reads again, merges and writes again.")
    await _merge(stage, bob, refused)


async def _merge(stage: Stage, bob: Visitor, refused: Reply) -> None:
    current = await bob.get(PAGE)
    if refused.tag != _tag("Bob", current):
        raise Unexpected(f"Bob's 412 names the tag {refused.tag}, but the page has {current.tag}")
    await bob.put(PAGE, _page(current.document["text"] + ", bread"), if_match=current.tag)
    text = (await bob.get(PAGE)).document["text"]
    if text != "eggs, milk, bread":
        raise Unexpected(f'Bob\'s merged page reads "{text}", not "eggs, milk, bread"')
    stage.narrator.say(f'The page is now "{text}": both are in it.')


async def counting(stage: Stage) -> None:
    """Let fifty writers add one to a counter, without ifmatch and with it, and compare.

    Raised when nothing was lost without it, or anything with it: `Unexpected`.
    """
    stage.narrator.heading(f"3. {WRITERS} writers at once; each reads a counter, adds one and writes it back")
    without, _ = await _lost_updates(stage, stage.origin)
    stage.narrator.say(f"Straight to the origin every write was answered 2xx; the counter says {WRITERS - without}.")
    lost, refusals = await _lost_updates(stage, stage.guarded)
    stage.narrator.say(
        f"Through ifmatch {refusals} writes were refused with 412 and tried again; the counter says {WRITERS - lost}."
    )
    stage.narrator.line(f"lost updates: {without} without, {lost} with")
    if without < 1:
        raise Unexpected(f"{WRITERS} writers straight to the origin lost no update; at least one was expected")
    if lost:
        raise Unexpected(f"{WRITERS} writers through ifmatch: the counter says {WRITERS - lost}, not {WRITERS}")


async def _lost_updates(stage: Stage, base: str) -> tuple[int, int]:
    """Return how many of the writers' updates are not in the counter, and how often a writer was refused."""
    await stage.set_scene(COUNTER, {"value": 0})
    writers = [stage.visitor(f"writer {number}", base, told=False) for number in range(1, WRITERS + 1)]
    try:
        async with asyncio.TaskGroup() as group:
            guarded = base == stage.guarded
            adding = [group.create_task(_add_one(writer, guarded=guarded)) for writer in writers]
    except ExceptionGroup as failures:  # not `except*`: Python 3.11.2 wraps what is raised in there
        named = failures.subgroup(Unexpected)
        raise (failures if named is None else named.exceptions[0]) from failures
    final = await stage.visitor("the stage hand", stage.origin, told=False).get(COUNTER)
    return WRITERS - final.document["value"], sum(task.result() for task in adding)


async def _add_one(writer: Visitor, *, guarded: bool) -> int:
    """Read, add one, write; again while refused. Return how many writes were refused with 412."""
    refusals = 0
    for _ in range(ATTEMPTS):
        current = await writer.get(COUNTER)
        tag = _tag(writer.name, current) if guarded else None
        value = current.document["value"] + 1
        reply = await writer.put(COUNTER, {"value": value}, if_match=tag, expected=DONE | {412, 503})
        if reply.status in DONE:
            return refusals
        refusals += reply.status == 412  # noqa: PLR2004 - Precondition Failed
        await asyncio.sleep(min(reply.retry_after, LONGEST_PAUSE))
    raise Unexpected(f"{writer.name}'s PUT {COUNTER}: {ATTEMPTS} attempts, none of them applied")
