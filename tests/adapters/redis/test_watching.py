"""The watch: it finds out what becomes of the store, says each change once, and decides whether calls are made."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest

from proxy.adapters.redis import inspecting, watching
from proxy.adapters.redis.scripts import VOUCH
from proxy.adapters.redis.standing import Standing
from proxy.adapters.redis.store import Forbidden, Store
from proxy.adapters.redis.timing import local_time
from proxy.adapters.redis.watching import OtherRules, Refused, Watch
from proxy.errors import StoreFailure
from tests.adapters.redis.asking import Asked
from tests.adapters.redis.members import NAMING, TERMS, Heard, client_of, done, keys, opened, until
from tests.support.ports import LOOPBACK
from tests.support.redis_server import RedisHandle
from tests.support.relaying import relay
from tests.support.stores import running_redis

QUARANTINE = 30.0
USABLE, QUARANTINED, UNREACHABLE, REFUSED = (
    Standing.USABLE,
    Standing.QUARANTINED,
    Standing.UNREACHABLE,
    Standing.REFUSED,
)


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look often."""
    monkeypatch.setattr(watching, "EVERY", 0.02)
    monkeypatch.setattr(watching, "DOWN", 0.02)


class Watched:
    """A store that is watched, and what was said of it."""

    def __init__(self, server: RedisHandle, port: int | None, rules: str) -> None:
        self.server = server
        self.heard = Heard()
        self.store = Store(client_of(server, port), NAMING, QUARANTINE)
        self.watch = Watch(self.store, rules, say=self.heard.lines.append, on_standing=self.heard.standings.append)
        self.store.on_fault = lambda _reason: self.watch.doubt()
        self.store.on_quarantine = self.watch.quarantined

    @property
    def standings(self) -> list[Standing]:
        """How the store stood, one after the other."""
        return self.heard.standings

    async def stands(self, *standings: Standing) -> None:
        """Wait until it stood like that, one after the other."""
        await until(lambda: self.standings == [*standings] or len(self.standings) > len(standings), f"{standings}")
        assert self.standings == [*standings]
        assert self.watch.standing is standings[-1]
        assert self.store.usable is (standings[-1] in {USABLE, QUARANTINED})

    async def look(self, times: int) -> None:
        """Wait until it was looked at so often."""
        before = self.server.commands()["evalsha"]
        await until(lambda: self.server.commands()["evalsha"] - before >= 2 * times, "it is looked at")

    async def vouched(self) -> None:
        """End the quarantine."""
        await self.store.attempt(VOUCH, NAMING.epochs(), "operator")


async def seldom(one: Watched, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on let nobody look without a reason."""
    monkeypatch.setattr(watching, "EVERY", 1_000.0)
    one.watch.doubt()
    await one.look(1)


@asynccontextmanager
async def watched(server: RedisHandle, port: int | None = None, rules: str = "rules") -> AsyncIterator[Watched]:
    """Watch a store; the first look is over."""
    one = Watched(server, port, rules)
    try:
        await done(one.watch.start())
        yield one
    finally:
        await one.watch.aclose()
        await one.store.aclose()


async def trusted(server: RedisHandle) -> None:
    """Let the server be known."""
    store = Store(client_of(server), NAMING, QUARANTINE)
    await store.attempt(VOUCH, NAMING.epochs(), "operator")
    await store.aclose()


# What is found at first -----------------------------------------------------------------------------------------------


async def test_a_known_store_is_used_without_a_word(server: RedisHandle) -> None:
    """Starting on a store that nothing happened to is nothing to talk about."""
    await trusted(server)
    async with watched(server) as one:
        await one.stands(USABLE)
        await one.look(3)
        await one.stands(USABLE)
        assert one.heard.lines == []


async def test_a_new_store_is_in_quarantine(server: RedisHandle) -> None:
    """It is said with its length and with what ends it; every bucket is in it, and calls are made."""
    async with watched(server) as one:
        await one.stands(QUARANTINED)
        await one.look(3)
        (line,) = one.heard.lines
        assert "30 s" in line
        assert "ifmatch vouch" in line
        assert server.info("keyspace")["db0"].startswith(f"keys={len(NAMING.epochs()) + 1},")
        assert one.store.clock.now().after(one.store.clock.now()) is False


async def test_a_store_that_is_not_there_is_waited_for() -> None:
    """Starting does not fail for it; when it comes it is a new one."""
    with running_redis() as own:
        own.kill()
        async with watched(own) as one:
            await one.stands(UNREACHABLE)
            own.start()
            await one.stands(UNREACHABLE, QUARANTINED)
            await one.vouched()
            await one.stands(UNREACHABLE, QUARANTINED, USABLE)
        assert [line.split(":")[0] for line in one.heard.lines] == [
            "store cannot be used (unreachable)",
            "store is new, was restarted or replaced",
            "store is usable",
        ]


async def test_a_store_that_hangs_does_not_stop_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever starts while it hangs serves reads soon."""
    monkeypatch.setattr(inspecting, "LOOK", 0.3)
    with running_redis() as hung:
        hung.pause()
        async with watched(hung) as one:
            await one.stands(UNREACHABLE)
            assert "(timeout)" in one.heard.lines[0]
            hung.resume()
            await one.stands(UNREACHABLE, QUARANTINED)


async def test_an_unfit_store_is_refused_at_the_start(server: RedisHandle) -> None:
    """Whoever starts it is told at once; nothing is watched."""
    with running_redis(policy="allkeys-lru") as unfit, pytest.raises(Refused, match="noeviction"):
        async with watched(unfit):
            pass


# What is found later --------------------------------------------------------------------------------------------------


async def test_a_store_that_goes_and_comes_is_said_once_each(server: RedisHandle) -> None:
    """However often it was looked at meanwhile, and whatever of it failed: one line when it went, one when it came."""
    await trusted(server)
    with relay(server.port) as link:
        async with watched(server, link.port) as one:
            await one.stands(USABLE)
            link.cut()
            await one.stands(USABLE, UNREACHABLE)
            link.mend()
            link.black_hole()
            before = link.counted["EVALSHA"]
            link.mend()
            await one.stands(USABLE, UNREACHABLE, USABLE)
            await until(lambda: link.counted["EVALSHA"] > before + 10, "it is looked at")
            assert len(one.heard.lines) == 2
            assert one.heard.lines[1] == "store is usable: guarded writes go on"


async def test_a_failed_call_is_a_reason_to_look(server: RedisHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for the next look to learn that the store is gone: what has failed once is not tried again."""
    await trusted(server)
    with relay(server.port) as link:
        async with watched(server, link.port) as one:
            await seldom(one, monkeypatch)
            link.cut()
            with suppress(StoreFailure):
                await one.store.run(VOUCH, [keys().epoch], "x")
            await one.stands(USABLE, UNREACHABLE)
            link.mend()
            await one.stands(USABLE, UNREACHABLE, USABLE)


async def test_a_storm_of_doubts_is_few_looks(server: RedisHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    """A thousand failures at once do not make a thousand looks."""
    await trusted(server)
    async with watched(server) as one:
        await seldom(one, monkeypatch)
        server.forget_commands()
        begun = local_time()
        while local_time() - begun < 500_000:
            one.watch.doubt()
            await asyncio.sleep(0.001)
        assert 0 < server.commands()["evalsha"] <= 2 * (500 // 50 + 2)


def restarted(server: RedisHandle) -> None:
    """Restart it, with all its keys."""
    server.restart(keep=True)


def lost(server: RedisHandle) -> None:
    """Restart it without."""
    server.restart(keep=False)


@pytest.mark.parametrize("happen", [restarted, lost, RedisHandle.flush], ids=["restarted", "lost", "flushed"])
async def test_a_store_that_may_have_forgotten_is_in_quarantine(happen: Callable[[RedisHandle], None]) -> None:
    """Every bucket of it, whether or not anybody asked for a resource there; and it is said."""
    with running_redis() as own:
        await trusted(own)
        async with watched(own) as one:
            await one.stands(USABLE)
            happen(own)
            await until(lambda: one.watch.standing is QUARANTINED, "quarantine")
            assert "ifmatch vouch" in one.heard.lines[-1]
            with own.client() as client:
                held_back = [Asked(client, str(number), quarantine=30_000_000).acquire()[0] for number in range(50)]
                assert set(held_back) == {-1}
            await one.vouched()
            await until(lambda: one.watch.standing is USABLE, "usable")
            assert one.heard.lines[-1] == "store is usable: guarded writes go on"


async def test_a_call_that_begins_a_quarantine_begins_it_everywhere(
    server: RedisHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first to meet a store that forgot tells the watch, which tells all."""
    await trusted(server)
    async with watched(server) as one:
        await seldom(one, monkeypatch)
        server.flush()
        one.watch.quarantined(begins=True)
        await one.stands(USABLE, QUARANTINED)
        assert server.info("keyspace")["db0"].startswith(f"keys={len(NAMING.epochs()) + 1},")


@pytest.mark.parametrize("number", [0, 40, 100])
async def test_one_lost_epoch_is_found_and_said_once(server: RedisHandle, number: int) -> None:
    """A quarantine of one bucket is told once when it begins and once when it ends, whichever others are looked at."""
    await trusted(server)
    async with watched(server) as one:
        await one.stands(USABLE)
        server.cli("DEL", NAMING.epochs()[number])
        await one.stands(USABLE, QUARANTINED)
        await one.look(5)
        await one.stands(USABLE, QUARANTINED)
        await one.vouched()
        await one.stands(USABLE, QUARANTINED, USABLE)


async def test_a_quarantine_ends_by_itself(server: RedisHandle) -> None:
    """When its time is over nobody has to say so."""
    async with watched(server) as one:
        await one.stands(QUARANTINED)
        for epoch in NAMING.epochs():
            server.cli("HSET", epoch, "until", "1")
        await one.stands(QUARANTINED, USABLE)


async def test_access_that_is_denied_later_is_said(server: RedisHandle) -> None:
    """A password that was changed is no failure of the store; once it is put right nothing has to be started again."""
    with running_redis(password="one") as own:
        await trusted(own)
        async with watched(own) as one:
            await one.stands(USABLE)
            with own.client() as client:
                client.config_set("requirepass", "two")
                client.client_kill_filter(_type="normal", skipme=True)
                await one.stands(USABLE, REFUSED)
                assert "check user and password" in one.heard.lines[-1]
                assert "one" not in one.heard.lines[-1].split()
                client.config_set("requirepass", "one")
            await one.stands(USABLE, REFUSED, USABLE)
        assert len(one.heard.lines) == 2


async def test_a_refused_command_is_said_once() -> None:
    """The store seems well to whoever watches it: a permission is missing that only writes need."""
    with running_redis(acl=["user lame on >pw ~ifm:* &ifm:* +@all -del"]) as own:
        heard = Heard()
        async with opened(f"redis://lame:pw@{LOOPBACK}:{own.port}", quarantine=0.0, heard=heard) as fleet:
            for _ in range(3):
                with pytest.raises(StoreFailure, match="the proxy's log says why"):
                    async with fleet.lock.hold("k", TERMS):
                        pass
            assert fleet.watch.standing is USABLE
    said = [line for line in heard.lines if line.startswith("store refuses what some writes need, and so are they:")]
    assert len(said) == 1
    assert "can't run this command" in said[0]
    assert "check user and password of the store's URL, and the ACL" in said[0]


async def test_another_reason_is_said(server: RedisHandle) -> None:
    """A store that did not answer does so now, and refuses: whoever looks for it elsewhere looks in the wrong place."""
    with running_redis() as own:
        await trusted(own)
        async with watched(own) as one:
            await one.stands(USABLE)
            own.kill()
            await one.stands(USABLE, UNREACHABLE)
            own.start()
            own.cli("CONFIG", "SET", "min-replicas-to-write", "1")
            await until(lambda: any("no replica that follows" in line for line in one.heard.lines), "it is said")
            await one.look(3)
        assert [line for line in one.heard.lines if "no replica" in line] == [one.heard.lines[-1]]


async def test_nobody_goes_on_without_a_store_that_must_not_be_used(
    server: RedisHandle, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`on_store_failure: local` is for one that does not answer; others may go by this one's locks."""
    monkeypatch.setattr(watching, "INSPECTED", 3)
    with running_redis() as own:
        await trusted(own)
        async with opened(own.url, fall_back=True) as fleet:
            own.cli("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
            await until(lambda: fleet.watch.standing is REFUSED, "it is looked over")
            with pytest.raises(Forbidden):
                async with fleet.lock.hold("k", TERMS):
                    pass


async def test_a_store_that_becomes_unfit_is_said(server: RedisHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    """Somebody may let it drop keys while it is in use; once that is put right it is used again."""
    monkeypatch.setattr(watching, "INSPECTED", 3)
    with running_redis() as own:
        await trusted(own)
        async with watched(own) as one:
            await one.stands(USABLE)
            own.cli("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")
            await one.stands(USABLE, REFUSED)
            assert "noeviction" in one.heard.lines[-1]
            own.cli("CONFIG", "SET", "maxmemory-policy", "noeviction")
            await one.stands(USABLE, REFUSED, USABLE)


async def test_a_store_that_was_replicated_may_have_been_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    """The primary that has no replicas now may be the replica of one that goes on granting for a while."""
    monkeypatch.setattr(watching, "INSPECTED", 1)
    with running_redis(min_replicas=1) as primary, running_redis(replica_of=primary) as replica:
        await until(lambda: primary.info("replication")["min_slaves_good_slaves"] == "1", "the replica follows")
        async with watched(primary) as one:
            assert one.store.lag == inspecting.LONGEST_LAG
            primary.cli("CONFIG", "SET", "min-replicas-to-write", "0")
            replica.kill()
            await until(lambda: primary.info("replication")["connected_slaves"] == "0", "the replica is gone")
            await one.look(3)
            assert one.store.lag == inspecting.LONGEST_LAG


# Rules ----------------------------------------------------------------------------------------------------------------


async def test_a_fleet_of_other_rules_is_not_joined(server: RedisHandle, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two sets of rules on one store would be two answers to one question: the second is refused, and told why."""
    monkeypatch.setattr(watching, "RULES_COUNT", 300)
    async with watched(server), watched(server):
        with pytest.raises(OtherRules, match="prefix"):
            async with watched(server, rules="others"):
                pass


async def test_a_fleet_that_has_left_is_no_hindrance(server: RedisHandle) -> None:
    """Whoever was stopped a moment ago is waited for, and the rules of the next count."""
    async with watched(server):
        pass
    assert server.cli("GET", NAMING.rules) == "rules"
    server.cli("PEXPIRE", NAMING.rules, 200)
    async with watched(server, rules="others") as one:
        assert server.cli("GET", NAMING.rules) == "others"
        await one.stands(QUARANTINED)


async def test_rules_that_others_brought_meanwhile_are_refused(server: RedisHandle) -> None:
    """Whoever was away for so long that others took over stops; when they leave it goes on."""
    await trusted(server)
    async with watched(server) as one:
        await one.stands(USABLE)
        server.cli("SET", NAMING.rules, "others")
        await one.stands(USABLE, REFUSED)
        assert "other rules" in one.heard.lines[-1]
        server.cli("DEL", NAMING.rules)
        await one.stands(USABLE, REFUSED, USABLE)


async def test_a_fault_of_the_watch_itself_does_not_end_it(server: RedisHandle) -> None:
    """Whatever is wrong with what the store says, it is asked again."""
    await trusted(server)
    async with watched(server) as one:
        await one.stands(USABLE)
        server.cli("DEL", NAMING.rules)
        server.cli("HSET", NAMING.rules, "of another", "kind")
        await one.stands(USABLE, UNREACHABLE)
        server.cli("DEL", NAMING.rules)
        await one.stands(USABLE, UNREACHABLE, USABLE)
