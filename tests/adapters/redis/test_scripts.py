"""The protocol on the side of the store: each branch of each script, and that a call that is repeated changes nothing.

Time is moved by hand: a lease lapses because its key is expired, the clock goes back because a key lives too long.
"""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from proxy.adapters.redis import scripts, state_scripts
from tests.adapters.redis.asking import KEPT, READ, SELECTORS, WRITE, Asked
from tests.adapters.redis.members import NAMING
from tests.support.redis_server import RedisHandle

QUARANTINE = 30_000_000
ALL = (*scripts.ALL, *state_scripts.ALL)
TURN = 10_000
"""Milliseconds for which a lock is kept: more than a test takes."""
FAR = 600_000_000
"""Microseconds by which a clock goes back: far more than any lease."""


@pytest.fixture
def asked(server: RedisHandle) -> Iterator[Asked]:
    """A resource in an empty store that nobody distrusts."""
    with server.client() as client:
        asked = Asked(client)
        asked.live()
        yield asked


# Acquire --------------------------------------------------------------------------------------------------------------


def test_a_free_resource_is_granted(asked: Asked) -> None:
    """The answer is a fence and the store's time; the lock says whose it is, and ends by itself."""
    before = asked.now()
    status, fence, now = asked.acquire("a")
    assert status == 1
    assert before <= int(now) <= asked.now()
    assert asked.lock == {"o": "a", "f": fence.decode(), "s": "r", "t": now.decode(), "d": str(READ)}
    assert 0 < asked.left <= READ


def test_asking_twice_is_one_grant(asked: Asked) -> None:
    """Whoever did not hear the answer asks again and is given the same lock, whose time begins anew."""
    _, fence, _ = asked.acquire("a")
    before = asked.lock
    asked.client.pexpire(asked.keys.lock, READ // 2)
    status, again, now = asked.acquire("a")
    assert (status, again) == (1, fence)
    assert int(now) > int(before["t"])
    assert asked.lock == before
    assert asked.left > READ // 2


@pytest.mark.parametrize(
    ("phase", "steps", "length"),
    [("r", [], READ), ("w", [Asked.phase], WRITE), ("a", [Asked.phase, Asked.abandon], WRITE)],
)
def test_a_held_resource_is_not_granted(
    asked: Asked, phase: str, steps: list[Callable[[Asked], object]], length: int
) -> None:
    """Another is told for how long at most, in which phase the lock is, and its fence; and changes nothing."""
    _, fence, _ = asked.acquire("a")
    for step in steps:
        step(asked)
    before = asked.lock
    status, left, told, whose = asked.acquire("b")
    assert (status, told.decode(), whose) == (0, phase, fence)
    assert length - 2_000 < left <= length
    assert asked.lock == before


def test_a_lapsed_lock_is_nobodys(asked: Asked) -> None:
    """When its time is over the next is granted the resource, with a higher fence."""
    _, first, _ = asked.acquire("a")
    asked.lapse()
    status, second, _ = asked.acquire("b")
    assert status == 1
    assert int(second) > int(first)


def test_fences_rise_though_the_clock_goes_back(asked: Asked) -> None:
    """A fence is later than the last one of its bucket even if the store's time is not, and no digit of it is lost."""
    _, first, _ = asked.acquire("a")
    asked.release("a")
    future = int(first) + FAR
    asked.client.set(asked.keys.fence, future)
    for token in ("b", "c", "d"):
        future += 1
        assert asked.acquire(token)[:2] == [1, str(future).encode()]
        asked.release(token)


def test_fences_rise_though_all_was_lost(asked: Asked) -> None:
    """The store's time goes on where its memory does not."""
    _, first, _ = asked.acquire("a")
    asked.client.flushall()
    _, second, _ = asked.acquire("b")
    assert int(second) > int(first)


@pytest.mark.parametrize("phase", ["r", "w"])
@pytest.mark.parametrize("spoil", ["pexpire", "persist"])
def test_a_lock_that_lives_too_long_is_cut_short(asked: Asked, phase: str, spoil: str) -> None:
    """A clock that went back would keep a lock for ever: whoever asks next gives it the time it was given at first."""
    asked.acquire("a")
    length = READ
    if phase == "w":
        asked.phase("a")
        length = WRITE
    if spoil == "pexpire":
        asked.client.pexpire(asked.keys.lock, FAR // 1_000)
    else:
        asked.client.persist(asked.keys.lock)
    assert asked.acquire("b")[:2] == [0, length]
    assert length - 2_000 < asked.left <= length


def test_resources_of_one_bucket_have_locks_of_their_own(asked: Asked) -> None:
    """They share a fence and an epoch, and nothing else."""
    bucket = asked.keys.fence
    other = next(str(number) for number in range(100_000) if NAMING.of(str(number)).fence == bucket)
    _, first, _ = asked.acquire("a")
    status, second, _ = Asked(asked.client, other).acquire("b")
    assert status == 1
    assert int(second) > int(first)


# Taking turns ---------------------------------------------------------------------------------------------------------


def queued(asked: Asked, *lives: str) -> None:
    """Let writers of these processes wait for a lock that `a` has."""
    asked.acquire("a")
    for life in lives:
        assert asked.acquire(f"of {life}", life=life)[0] == 0


def test_who_waits_is_put_down_once(asked: Asked) -> None:
    """A process keeps its place however often it asks, and whichever of its writers does."""
    queued(asked, "x", "y", "x")
    assert asked.acquire("another", life="x")[0] == 0
    assert asked.waits == ["x", "y"]
    assert 0 < asked.client.pttl(asked.keys.queue) <= 60_000


def test_who_gets_the_lock_waits_no_more(asked: Asked) -> None:
    """A grant takes the process out of the queue, and nobody else."""
    queued(asked, "x", "y")
    asked.release("a")
    assert asked.acquire("of y", life="y")[0] == 1
    assert asked.waits == ["x"]


def test_a_lock_is_kept_for_who_waited_longest(asked: Asked) -> None:
    """Others are refused for a moment, and told how long it takes; that process is granted the lock, to any writer."""
    queued(asked, "x", "y")
    asked.release("a", turn=TURN)
    status, left, phase, _ = asked.acquire("late", life="z")
    assert (status, phase) == (0, b"r")
    assert 0 < left <= TURN
    assert asked.acquire("of y", life="y")[0] == 0
    assert asked.acquire("whoever", life="x")[0] == 1
    assert asked.waits == ["y", "z"]
    asked.release("whoever")
    assert asked.acquire("late", life="z")[0] == 1, "it was kept once"


def test_a_lock_is_not_kept_for_long(asked: Asked) -> None:
    """Who does not come has lost its place, and others go on."""
    queued(asked, "dead", "y")
    asked.release("a", turn=TURN)
    asked.client.pexpire(asked.keys.turn, 0)
    assert asked.acquire("of y", life="y")[0] == 1
    assert asked.waits == []


@pytest.mark.parametrize("spoil", ["pexpire", "persist"])
def test_a_lock_that_seems_to_be_kept_for_too_long_is_free(asked: Asked, spoil: str) -> None:
    """A clock that went back would keep it for one that may be dead."""
    queued(asked, "dead")
    asked.release("a", turn=TURN)
    if spoil == "pexpire":
        asked.client.pexpire(asked.keys.turn, FAR)
    else:
        asked.client.persist(asked.keys.turn)
    assert asked.acquire("b", life="y")[0] == 1
    assert asked.client.exists(asked.keys.turn) == 0


@pytest.mark.parametrize("place", ["queue", "turn"])
@pytest.mark.parametrize("garbage", [("SET", "x"), ("HSET", "x", "y"), ("SADD", "x"), ("ZADD", "1", "x")])
def test_garbage_keeps_nobody_from_the_lock(asked: Asked, place: str, garbage: tuple[str, ...]) -> None:
    """G4: whatever stands where turns are put down, a lock is held, released and granted to the next."""
    command, *values = garbage
    for write in (lambda: None, lambda: asked.acquire("b", life="z"), lambda: asked.release("a", turn=TURN)):
        asked.client.delete(asked.keys.queue, asked.keys.turn, asked.keys.lock)
        asked.client.execute_command(command, getattr(asked.keys, place), *values)
        assert asked.acquire("a")[0] == 1
        asked.client.delete(getattr(asked.keys, place))
        asked.client.execute_command(command, getattr(asked.keys, place), *values)
        write()
    assert asked.lock == {}
    assert asked.acquire("c", life="x")[0] == 1


@pytest.mark.parametrize(("turn", "lives"), [(0, ["x"]), (TURN, [])])
def test_a_lock_is_kept_for_nobody(asked: Asked, turn: int, lives: list[str]) -> None:
    """Neither where the process has further turns, nor where no other waits."""
    queued(asked, *lives)
    asked.release("a", turn)
    assert asked.client.exists(asked.keys.turn) == 0
    assert asked.acquire("b", life="z")[0] == 1


# Phase ----------------------------------------------------------------------------------------------------------------


def test_the_holder_begins_to_write(asked: Asked) -> None:
    """The lock gets the time of a write, and what is remembered is dropped for as long as that may take."""
    _, fence, _ = asked.acquire("a")
    asked.remember("s", "x", asked.now())
    status, now = asked.phase("a")
    assert status == 1
    assert (asked.lock["s"], asked.lock["d"], asked.lock["o"]) == ("w", str(WRITE), "a")
    assert WRITE - 2_000 < asked.left <= WRITE
    assert asked.state == {"floor": str(int(now) + WRITE * 1_000), "fence": fence.decode()}
    assert 0 < asked.client.pttl(asked.keys.state) <= KEPT


def test_a_write_is_armed_anew_each_time(asked: Asked) -> None:
    """A second proof is a first one, but later."""
    asked.acquire("a")
    _, first = asked.phase("a")
    asked.client.pexpire(asked.keys.lock, WRITE // 2)
    status, second = asked.phase("a")
    assert status == 1
    assert int(second) > int(first)
    assert asked.left > WRITE // 2
    assert asked.state["floor"] == str(int(second) + WRITE * 1_000)


def nothing(asked: Asked) -> None:
    """Nobody holds the lock."""


def lapsed(asked: Asked) -> None:
    """It was ours."""
    asked.acquire("a")
    asked.lapse()


def overtaken(asked: Asked) -> None:
    """It was ours and is another's."""
    lapsed(asked)
    asked.acquire("b")


def given_back(asked: Asked) -> None:
    """It was ours, and we said that we are done."""
    asked.acquire("a")
    asked.release("a")


not_ours = pytest.mark.parametrize("come_about", [nothing, lapsed, overtaken, given_back])


@not_ours
@pytest.mark.parametrize("step", [Asked.phase, Asked.release, Asked.abandon])
def test_what_is_not_ours_is_left_alone(
    asked: Asked, come_about: Callable[[Asked], None], step: Callable[[Asked], list[int]]
) -> None:
    """Whoever lost the lock is told, changes nothing, and wakes nobody."""
    asked.sweep()
    come_about(asked)
    before = asked.lock, asked.state
    with asked.client.pubsub() as heard:
        heard.subscribe(asked.keys.channel)
        assert heard.get_message(timeout=10)["type"] == "subscribe"
        assert step(asked) == [0]
        asked.client.publish(asked.keys.channel, "last")
        assert heard.get_message(timeout=10)["data"] == b"last"
    assert (asked.lock, asked.state) == before


# Release and abandon --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("listeners", [0, 1, 2])
def test_releasing_frees_and_tells(asked: Asked, server: RedisHandle, listeners: int) -> None:
    """Nothing of the lock is left, and the answer says how many processes were told."""
    asked.acquire("a")
    clients: list[Any] = [server.client() for _ in range(listeners)]
    waiting = [client.pubsub() for client in clients]
    for heard in waiting:
        heard.subscribe(asked.keys.channel)
        assert heard.get_message(timeout=10)["type"] == "subscribe"
    assert asked.release("a") == [1, listeners]
    assert [heard.get_message(timeout=10)["data"] for heard in waiting] == [b"1"] * listeners
    assert asked.lock == {}
    for one in (*waiting, *clients):
        one.close()


def test_a_release_after_reading_keeps_what_is_remembered(asked: Asked) -> None:
    """A refusal changed nothing."""
    asked.acquire("a")
    asked.remember("s", "x", asked.now())
    before = asked.state
    asked.release("a")
    assert asked.state == before


@pytest.mark.parametrize("abandoned", [False, True])
def test_a_release_after_writing_lets_remember_again(asked: Asked, abandoned: bool) -> None:
    """What is selected from then on may be kept, and nothing from before."""
    asked.acquire("a")
    asked.phase("a")
    if abandoned:
        asked.abandon("a")
    before = asked.now()
    asked.release("a")
    assert before <= int(asked.state["floor"]) <= asked.now()
    assert asked.remember("s", "x", before)[0] == 0
    assert asked.remember("s", "x", asked.now() + 1)[0] == 1


def test_abandoning_tells_and_frees_nothing(asked: Asked) -> None:
    """The lock stays for the time it had, and those who wait are told to look again."""
    asked.acquire("a")
    asked.phase("a")
    asked.client.pexpire(asked.keys.lock, WRITE // 2)
    floor = asked.state["floor"]
    with asked.client.pubsub() as heard:
        heard.subscribe(asked.keys.channel)
        assert heard.get_message(timeout=10)["type"] == "subscribe"
        assert asked.abandon("a") == [1]
        assert heard.get_message(timeout=10)["data"] == b"0"
    assert asked.lock["s"] == "a"
    assert 0 < asked.left <= WRITE // 2
    assert asked.state["floor"] == floor


# A call that is repeated ----------------------------------------------------------------------------------------------

LIVES: dict[str, list[Callable[[Asked], list[int]]]] = {
    "refused": [Asked.acquire, Asked.release],
    "written": [Asked.acquire, Asked.phase, Asked.release],
    "abandoned": [Asked.acquire, Asked.phase, Asked.abandon],
    "confirmed twice": [Asked.acquire, Asked.phase, Asked.phase, Asked.release],
}


@pytest.mark.parametrize("life", LIVES.values(), ids=LIVES.keys())
def test_a_lost_answer_is_harmless(asked: Asked, life: list[Callable[[Asked], list[int]]]) -> None:
    """Each step may be taken twice, as after a lost reply: the lock ends as it does otherwise, with the same fence."""
    once = Asked(asked.client, "once")
    for step in life:
        step(once)
        step(asked)
        step(asked)
    assert {**asked.lock, "f": "", "t": ""} == {**once.lock, "f": "", "t": ""} or not asked.lock
    assert bool(asked.lock) is bool(once.lock)
    assert asked.state.keys() == once.state.keys()


calls = st.tuples(st.sampled_from(["acquire", "phase", "release", "abandon", "lapse"]), st.sampled_from("abc"))


@settings(max_examples=60)
@given(history=st.lists(calls, max_size=30))
def test_there_are_never_two_holders(lasting_server: RedisHandle, history: list[tuple[str, str]]) -> None:
    """Whoever calls what, and however often: only the owner gets on, and each new owner has a higher fence."""
    lasting_server.flush()
    with lasting_server.client() as client:
        asked = Asked(client)
        owner, fence = None, 0
        for call, token in history:
            if call == "lapse":
                asked.lapse()
                owner = None
                continue
            granted = getattr(asked, call)(token)
            assert (granted[0] == 1) is (owner == token or (call == "acquire" and owner is None))
            if call == "acquire" and granted[0] == 1:
                assert int(granted[1]) == fence if owner == token else int(granted[1]) > fence
                owner, fence = token, int(granted[1])
            if call == "release" and owner == token:
                owner = None


# Quarantine -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def trusted(asked: Asked) -> Asked:
    """A resource in a store whose quarantine is over, and would be long."""
    asked.sweep()
    asked.quarantine = QUARANTINE
    assert asked.acquire("a")[0] == 1
    return asked


def restarted(asked: Asked) -> None:
    """Another server has the data."""
    asked.client.hset(asked.keys.epoch, "replid", "0" * 40)


def lost(asked: Asked) -> None:
    """The epoch is gone."""
    asked.client.delete(asked.keys.epoch)


def emptied(asked: Asked) -> None:
    """Everything is gone."""
    asked.client.flushall()


def damaged(asked: Asked) -> None:
    """Half of it is gone."""
    asked.client.hdel(asked.keys.epoch, "until")


distrusted = pytest.mark.parametrize("happen", [restarted, lost, emptied, damaged])


@distrusted
def test_a_store_that_may_have_forgotten_grants_nothing(trusted: Asked, happen: Callable[[Asked], None]) -> None:
    """The first to ask is told that the quarantine begins, those after it how long it still takes; even the owner."""
    happen(trusted)
    assert trusted.acquire("a") == [-1, QUARANTINE // 1_000, 1]
    status, left, begins = trusted.acquire("b")
    assert (status, begins) == (-1, 0)
    assert QUARANTINE // 1_000 - 2_000 < left <= QUARANTINE // 1_000
    replid = trusted.client.info("replication")["master_replid"]
    epoch = trusted.epoch
    assert epoch == epoch | {"id": "life", "replid": replid, "length": str(QUARANTINE)}
    assert int(epoch["until"]) - int(epoch["since"]) == QUARANTINE


@distrusted
def test_nobody_begins_to_write_then(trusted: Asked, happen: Callable[[Asked], None]) -> None:
    """A lock that was given before the quarantine proves nothing: another may have been given since."""
    happen(trusted)
    before = trusted.lock
    assert trusted.phase("a") == [-1]
    assert trusted.phase("a") == [-1]
    assert trusted.lock == before
    assert trusted.state == {}


def test_a_quarantine_ends(trusted: Asked) -> None:
    """When its time is over the resource is granted as ever."""
    lost(trusted)
    assert trusted.acquire("b")[0] == -1
    trusted.client.hset(trusted.keys.epoch, "until", trusted.now())
    trusted.lapse()
    assert trusted.acquire("b")[0] == 1


def test_a_quarantine_is_no_longer_than_it_was(trusted: Asked) -> None:
    """A clock that went back would make it last for ever: whoever asks next gives it the time it was given at first."""
    trusted.client.hset(trusted.keys.epoch, "until", trusted.now() + FAR)
    assert trusted.acquire("b") == [-1, QUARANTINE // 1_000, 0]
    assert int(trusted.epoch["until"]) <= trusted.now() + QUARANTINE


@pytest.mark.parametrize(("first", "second"), [(35, 45), (45, 35)])
def test_a_quarantine_takes_as_long_as_whoever_knows_most_says(server: RedisHandle, first: int, second: int) -> None:
    """Of two processes one may know of a primary that was replaced, and the other not: the longer time counts."""
    with server.client() as client:
        short, long = (Asked(client, quarantine=seconds * 1_000_000) for seconds in (first, second))
        assert short.acquire("a")[:2] == [-1, first * 1_000]
        told = [int(long.acquire("b")[1]), int(short.acquire("a")[1])]
        assert all(43_000 < left <= 45_000 for left in told), told


def test_a_quarantine_is_of_one_bucket(trusted: Asked) -> None:
    """A script sees one slot; whoever watches the store spreads the news."""
    bucket = trusted.keys.epoch
    other = next(str(number) for number in range(100) if NAMING.of(str(number)).epoch != bucket)
    elsewhere = Asked(trusted.client, other)
    elsewhere.sweep()
    lost(trusted)
    assert trusted.acquire("b")[0] == -1
    assert elsewhere.acquire("b")[0] == 1


def test_sweeping_finds_what_asking_would(trusted: Asked) -> None:
    """It tells the longest quarantine of all epochs it looks at, how many begin now, and the time."""
    epochs = NAMING.epochs()[:3]
    before = trusted.now()
    longest, begun, now = trusted.sweep(*epochs)
    assert (longest, begun) == (QUARANTINE // 1_000, 3)
    assert before <= int(now) <= trusted.now()
    trusted.client.hset(epochs[1], "until", trusted.now() + QUARANTINE // 2)
    for epoch in (epochs[0], epochs[2]):
        trusted.client.hset(epoch, "until", 0)
    longest, begun, _ = trusted.sweep(*epochs)
    assert 0 < longest <= QUARANTINE // 2_000
    assert begun == 0
    assert trusted.sweep(*epochs[2:])[:2] == [0, 0]


@distrusted
def test_vouching_ends_it(trusted: Asked, happen: Callable[[Asked], None]) -> None:
    """An operator's word counts, begun or not, and for this life of this server alone."""
    happen(trusted)
    assert trusted.vouch() == [1]
    assert trusted.vouch() == [0]
    trusted.lapse()
    assert trusted.acquire("b")[0] == 1
    happen(trusted)
    assert trusted.acquire("c")[0] == -1


# Rules ----------------------------------------------------------------------------------------------------------------


def test_a_fleet_has_one_set_of_rules(asked: Asked) -> None:
    """Whoever goes by others is told so for as long as somebody goes by these; each look keeps them."""
    assert asked.rules("ours") == [1]
    asked.client.pexpire(NAMING.rules, 1_000)
    assert asked.rules("ours") == [1]
    assert asked.client.pttl(NAMING.rules) > 1_000
    assert asked.rules("theirs") == [0, b"ours"]
    asked.client.pexpire(NAMING.rules, 0)
    assert asked.rules("theirs") == [1]
    assert asked.rules("ours") == [0, b"theirs"]


# What is remembered ---------------------------------------------------------------------------------------------------


def test_the_latest_selection_is_kept(asked: Asked) -> None:
    """One that is certainly older does not replace it; one that may be either does."""
    assert asked.remember("s", "new", 100, 110) == [1, 0]
    assert asked.remember("s", "old", 80, 99) == [0]
    assert asked.state["s"].startswith("100 110 new\n")
    assert asked.remember("s", "either", 90, 105) == [1, 1]
    assert asked.state["s"].startswith("90 105 either\n")
    assert 0 < asked.client.pttl(asked.keys.state) <= KEPT


@pytest.mark.parametrize(("before", "after", "changed"), [("x", "x", 0), ("x", "y", 1), ("-", "x", 1), ("x", "-", 1)])
def test_a_change_past_the_fleet_is_told(asked: Asked, before: str, after: str, changed: int) -> None:
    """What tells one state from another is compared, and nothing else of a record."""
    asked.remember("s", before, 100)
    assert asked.remember("s", after, 200) == [1, changed]


def test_selectors_have_records_of_their_own(asked: Asked) -> None:
    """Two clients may be shown two states."""
    assert asked.remember("s", "x", 100) == [1, 0]
    assert asked.remember("t", "y", 50) == [1, 0]


@pytest.mark.parametrize(
    ("steps", "kept"),
    [([], True), ([Asked.phase], False), ([Asked.phase, Asked.abandon], False), ([Asked.abandon], False)],
)
def test_nothing_is_kept_while_somebody_writes(
    asked: Asked, steps: list[Callable[[Asked], object]], kept: bool
) -> None:
    """A selection made meanwhile may be from before the write or after it; one made while somebody reads is not."""
    asked.acquire("a")
    for step in steps:
        step(asked)
    assert asked.remember("s", "x", asked.now() + FAR)[0] == kept


def test_nothing_is_kept_from_the_time_of_a_write_that_lapsed(asked: Asked) -> None:
    """Nobody knows when it was applied, so all selections count as too early that its time may have overlapped."""
    asked.acquire("a")
    _, now = asked.phase("a")
    ended = int(now) + WRITE * 1_000
    asked.lapse()
    assert asked.remember("s", "x", ended) == [0]
    assert asked.remember("s", "x", ended + 1) == [1, 0]


def test_what_began_sometime_is_not_kept(asked: Asked) -> None:
    """It may be from before a write of which nothing is known any more."""
    assert asked.remember("s", "x", 0, 2**63 - 1) == [0]
    assert asked.state == {}


@pytest.mark.parametrize("garbage", ["", "x", "nothing at all", "1", "1 2", " 1 2 x\n", "\n\n", "-1 2 x\n{}"])
def test_garbage_does_not_last(asked: Asked, garbage: str) -> None:
    """A record that nobody here wrote is replaced by one of ours."""
    asked.client.hset(asked.keys.state, "s", garbage)
    assert asked.remember("s", "x", 100)[0] == 1
    assert asked.state["s"].startswith("100 100 x\n")


def test_the_number_of_selectors_is_bounded(asked: Asked) -> None:
    """Past it all are dropped, and when something may be kept stays known."""
    asked.acquire("a")
    asked.phase("a")
    asked.release("a")
    floor, fence = asked.state["floor"], asked.state["fence"]
    for number in range(SELECTORS):
        assert asked.remember(str(number), "x", asked.now() + FAR) == [1, 0]
    assert asked.remember("0", "x", asked.now() + 2 * FAR) == [1, 0]
    assert len(asked.state) == SELECTORS + 2
    assert asked.remember("one more", "x", asked.now() + FAR) == [1, 0]
    assert asked.state.keys() == {"floor", "fence", "one more"}
    assert (asked.state["floor"], asked.state["fence"]) == (floor, fence)


def test_forgetting_drops_all_from_before(asked: Asked) -> None:
    """What is kept is dropped, and what comes in late is not kept."""
    began = asked.now()
    asked.remember("s", "x", began)
    assert asked.forget() == [1]
    assert "s" not in asked.state
    assert asked.remember("s", "x", began) == [0]
    assert asked.remember("s", "x", asked.now() + 1) == [1, 0]
    assert 0 < asked.client.pttl(asked.keys.state) <= KEPT


def test_forgetting_does_not_end_a_write(asked: Asked) -> None:
    """While one writes, what another forgets takes nothing from the time for which nothing is kept."""
    asked.acquire("a")
    asked.phase("a")
    before = asked.state
    asked.forget()
    assert asked.state == before


def test_a_server_that_may_have_forgotten_a_write_knows_of_none(asked: Asked) -> None:
    """Nothing is said of a time before its present life began, nor by one whose life nobody has seen begin."""
    before = asked.now()
    assert asked.untouched(before) == [1]
    asked.client.hset(asked.keys.epoch, "since", before)
    assert [asked.untouched(since) for since in (before, before + 1)] == [[0], [1]]
    asked.client.hset(asked.keys.epoch, "replid", "another")
    assert asked.untouched(before + 1) == [0]


def test_the_number_of_a_write_from_another_life_counts_no_more(asked: Asked) -> None:
    """What was promoted may have missed the latest: its number would come back together with older content."""
    asked.count()
    number = asked.writes()
    assert asked.writes() == number
    asked.client.hset(asked.keys.epoch, "since", number + 1)
    after = asked.writes()
    assert after > number
    assert asked.writes() == after
    asked.client.hset(asked.keys.epoch, "replid", "another")
    assert after < asked.writes() < asked.writes()


# How they are called --------------------------------------------------------------------------------------------------


def test_the_store_knows_a_script_by_its_digest(asked: Asked) -> None:
    """EVALSHA finds what EVAL or SCRIPT LOAD brought."""
    assert [asked.client.script_load(script.text) for script in ALL] == [script.sha for script in ALL]
    assert len({script.sha for script in ALL}) == len({script.name for script in ALL}) == len(ALL)
