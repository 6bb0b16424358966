"""The one subscription of a process: what is told is heard, and what is not heard costs no more than a second."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from proxy.adapters.redis import waking
from proxy.adapters.redis.timing import local_time
from proxy.adapters.redis.waking import Bell, Waking
from tests.adapters.redis.members import GUARD, HOME, client_of, done, until
from tests.support.redis_server import RedisHandle
from tests.support.relaying import relay
from tests.support.stores import running_redis

SOON = 2.0
TURNS = 40
"""Turns of the event loop: more than it takes to connect and to subscribe."""


@pytest.fixture(autouse=True)
def _patient(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a confirmation take all the time it wants; unless a test is `hasty`."""
    if "hasty" not in request.fixturenames:
        monkeypatch.setattr(waking, "PATIENCE", GUARD)


@asynccontextmanager
async def listener(server: RedisHandle, port: int | None = None) -> AsyncIterator[Waking]:
    """Make a subscription that is closed in the end, and nothing is left of it."""
    client = client_of(server, port)
    woken = Waking(client.pubsub, HOME)
    yield woken
    await woken.aclose()
    await client.aclose()
    await until(lambda: not subscribers(server), "the connection is closed")


def subscribers(server: RedisHandle) -> list[str]:
    """Return the ids of the connections that listen."""
    return [line.split()[0] for line in server.cli("CLIENT", "LIST", "TYPE", "pubsub").splitlines()]


def listening(server: RedisHandle, channel: str) -> int:
    """Return how many connections listen to a channel."""
    return int(server.ask("PUBSUB", "NUMSUB", channel)[1])


async def rung(bell: Bell) -> None:
    """Wait until it rings; a timer does not count."""
    begun = local_time()
    await bell.wait(10 * SOON)
    assert local_time() - begun < 9 * SOON * 1_000_000


# Bells ----------------------------------------------------------------------------------------------------------------


async def test_a_bell_that_was_rung_is_not_waited_for() -> None:
    """What happens between asking and sleeping is not missed; and one ring wakes once."""
    bell = Bell()
    bell.ring()
    bell.ring()
    await rung(bell)
    begun = local_time()
    await bell.wait(0.05)
    assert local_time() - begun >= 50_000


async def test_nobody_sleeps_longer_than_told() -> None:
    """A bell that nobody rings is no reason to oversleep."""
    begun = local_time()
    await Bell().wait(0.05)
    assert 50_000 <= local_time() - begun < SOON * 1_000_000


# Listening ------------------------------------------------------------------------------------------------------------


async def test_what_is_told_from_then_on_is_heard(server: RedisHandle) -> None:
    """Once a waiter listens, the store has confirmed it: no message is lost between asking and waiting."""
    async with listener(server) as woken, woken.listening("a") as bell:
        assert listening(server, "a") == 1
        for _ in range(3):
            server.cli("PUBLISH", "a", "1")
            await rung(bell)


async def test_only_those_who_wait_there_are_woken(server: RedisHandle) -> None:
    """A message is for all waiters of its channel and for no others."""
    async with (
        listener(server) as woken,
        woken.listening("a") as one,
        woken.listening("a") as two,
        woken.listening("b") as other,
    ):
        server.cli("PUBLISH", "a", "1")
        await rung(one)
        await rung(two)
        begun = local_time()
        await other.wait(0.05)
        assert local_time() - begun >= 50_000
        server.cli("PUBLISH", "b", "1")
        await rung(other)
        assert len(subscribers(server)) == 1


async def test_the_last_to_leave_ends_the_subscription(server: RedisHandle) -> None:
    """As long as one waits the channel is listened to; afterwards nothing of it is left, here or there."""
    async with listener(server) as woken:
        async with woken.listening("a"):
            async with woken.listening("a"):
                pass
            assert listening(server, "a") == 1
        await until(lambda: listening(server, "a") == 0, "nobody listens")
        async with woken.listening("a") as bell:
            server.cli("PUBLISH", "a", "1")
            await rung(bell)
        assert len(subscribers(server)) == 1


async def test_a_channel_is_listened_to_whenever_it_comes(server: RedisHandle) -> None:
    """One that is asked for while the connection is made is not forgotten."""
    for turns in range(TURNS):
        async with listener(server) as woken:
            first = asyncio.create_task(entered(woken, "a"))
            for _ in range(turns):
                await asyncio.sleep(0)
            async with woken.listening("b") as bell:
                server.cli("PUBLISH", "b", "1")
                await rung(bell)
            await first


async def entered(woken: Waking, channel: str) -> None:
    """Listen, and leave at once."""
    async with woken.listening(channel):
        pass


async def test_who_is_cancelled_leaves_nothing(server: RedisHandle) -> None:
    """At whatever turn of the event loop: no channel stays, and the next to come is heard."""
    for turns in range(TURNS):
        async with listener(server) as woken:
            task = asyncio.create_task(entered(woken, "a"))
            for _ in range(turns):
                await asyncio.sleep(0)
            task.cancel()
            await asyncio.wait([task])
            async with woken.listening("b"):
                await until(lambda: listening(server, "a") == 0, "nobody listens")
            async with woken.listening("a") as bell:
                server.cli("PUBLISH", "a", "1")
                await rung(bell)


# Losing the connection ------------------------------------------------------------------------------------------------


async def test_silence_is_no_loss(server: RedisHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection on which nothing comes is asked whether it is still there, and stays."""
    monkeypatch.setattr(waking, "QUIET", 0.02)
    async with listener(server) as woken, woken.listening("a") as bell:
        before = subscribers(server)
        server.forget_commands()
        await until(lambda: server.commands()["ping"] > 3, "it is asked")
        assert subscribers(server) == before
        server.cli("PUBLISH", "a", "1")
        await rung(bell)


async def test_waiting_is_longer_than_an_answer_takes(server: RedisHandle) -> None:
    """The time that a call may take is none that a message may take."""
    async with listener(server) as woken, woken.listening("a") as bell:
        before = subscribers(server)
        await bell.wait(0.4)
        assert subscribers(server) == before


async def test_a_connection_that_is_lost_comes_back(server: RedisHandle) -> None:
    """All who wait are woken, since something may have been told meanwhile; then they are listening again."""
    async with listener(server) as woken, woken.listening("a") as one, woken.listening("b") as two:
        before = subscribers(server)
        server.cli("CLIENT", "KILL", "TYPE", "pubsub")
        await rung(one)
        await rung(two)
        await until(lambda: listening(server, "a") == listening(server, "b") == 1, "both channels are listened to")
        assert subscribers(server) != before
        server.cli("PUBLISH", "b", "1")
        await rung(two)


@pytest.mark.usefixtures("hasty")
async def test_a_dead_connection_is_found_out(server: RedisHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that swallows everything is given up, though nobody ever closes it."""
    monkeypatch.setattr(waking, "QUIET", 0.1)
    with relay(server.port) as link:
        async with listener(server, link.port) as woken, woken.listening("a") as bell:
            link.black_hole()
            await rung(bell)
            link.mend()
            await until(lambda: listening(server, "a") == 1, "the channel is listened to")
            server.cli("PUBLISH", "a", "1")
            await rung(bell)


@pytest.mark.usefixtures("hasty")
async def test_who_comes_while_the_store_is_away_is_heard_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """Listening begins soon even then, unheard; when the store is back it is made good, and the waiter is woken."""
    monkeypatch.setattr(waking, "AGAIN", 0.02)
    with running_redis() as own:
        async with listener(own) as woken:
            own.kill()
            begun = local_time()
            async with woken.listening("a") as bell:
                assert local_time() - begun < SOON * 1_000_000
                await rung(bell)
                own.start()
                await until(lambda: listening(own, "a") == 1, "the channel is listened to")
                own.cli("PUBLISH", "a", "1")
                await rung(bell)


@pytest.mark.usefixtures("hasty")
async def test_a_store_that_hangs_delays_a_waiter_little(server: RedisHandle) -> None:
    """Neither entering nor leaving waits longer for a confirmation than for any answer."""
    with running_redis() as hung:
        async with listener(hung) as woken:
            async with woken.listening("a"):
                hung.pause()
                begun = local_time()
                await done(entered(woken, "b"))
                assert local_time() - begun < SOON * 1_000_000
            hung.resume()


async def test_ending_before_beginning(server: RedisHandle) -> None:
    """Where nobody ever waited there is no connection, and nothing to close."""
    async with listener(server):
        assert subscribers(server) == []
