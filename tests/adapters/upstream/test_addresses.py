"""When the resolver is asked, and who waits for it."""

import asyncio
import socket
import subprocess
import sys
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

import pytest
import uvloop

from proxy.adapters.upstream.addresses import KEPT, TRUSTED, Addresses, addresses_of, resolve
from proxy.core.address import parse_origin
from tests.adapters.upstream.origin import GUARD, Clock
from tests.adapters.upstream.resolver import Resolver

NO_ANSWER = socket.gaierror(socket.EAI_AGAIN, "temporary failure")
NONE_SUCH = socket.gaierror(socket.EAI_NONAME, "no such name")
OLD, NEW = ["192.0.2.1"], ["192.0.2.2"]
FACTORIES = [asyncio.new_event_loop, uvloop.new_event_loop]


async def hosts(addresses: Addresses, patience: float | None = None) -> list[str]:
    """The addresses that are to be tried now."""
    return list((await addresses.known(patience)).hosts)


async def until(asked: Callable[[], bool]) -> None:
    """Wait for what another thread is about to do."""
    async with asyncio.timeout(GUARD):
        while not asked():  # noqa: ASYNC110 - a thread sets no event of a loop
            await asyncio.sleep(0)


async def heard(addresses: Addresses, expected: list[str]) -> None:
    """Wait until an answer that nobody waited for is known."""
    async with asyncio.timeout(GUARD):
        while await hosts(addresses) != expected:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0)


@asynccontextmanager
async def silent(resolver: Resolver) -> AsyncIterator[None]:
    """Let the resolver say nothing for a while, and then what it has to say."""
    resolver.open.clear()
    try:
        yield
    finally:
        resolver.open.set()


@pytest.mark.parametrize("where", ["http://127.0.0.1:80", "https://[::1]:443", "unix:/run/app.sock"])
def test_where_there_is_no_name_nobody_is_asked(where: str) -> None:
    """Addresses that are written as such, and sockets that are files, have nothing to resolve."""
    assert addresses_of(parse_origin(where)) is None


@pytest.mark.parametrize("where", ["http://localhost:80", "https://app", "http://127.1:80"])
def test_whatever_else_is_written_is_a_name(where: str) -> None:
    """What only the resolver can read is asked for, also where it looks like a number."""
    assert addresses_of(parse_origin(where)) is not None


async def test_a_name_is_asked_for_once_in_a_while(clock: Clock) -> None:
    """However many come, the resolver hears of it once in ten seconds."""
    resolver = Resolver(OLD)
    addresses = Addresses("app", resolver)
    for _ in range(5):
        assert await hosts(addresses) == OLD
    clock.forward(KEPT - 0.5)
    assert await hosts(addresses) == OLD
    assert resolver.asked == ["app"]
    clock.forward(1.0)
    assert await hosts(addresses) == OLD
    await until(lambda: len(resolver.asked) == 2)


async def test_it_is_told_when_the_name_stands_for_others(clock: Clock) -> None:
    """Others, or none at all; not the first ones, the same in another order, nor no answer."""
    changes: list[None] = []
    both, turned = [*OLD, *NEW], [*NEW, *OLD]
    resolver = Resolver(OLD, both, turned, NO_ANSWER, NONE_SUCH, NEW, OLD)
    addresses = Addresses("app", resolver, lambda: changes.append(None))
    told: list[int] = []
    for _ in range(7):
        with suppress(socket.gaierror):
            await addresses.known()
        told.append(len(changes))
        clock.forward(TRUSTED + 1.0)
    assert told == [0, 1, 1, 1, 2, 2, 3]


async def test_those_who_come_together_wait_for_one_answer() -> None:
    """One question is under way for all, and who stops waiting stops nobody else."""
    resolver = Resolver(OLD)
    addresses = Addresses("app", resolver)
    async with silent(resolver):
        waiting = [asyncio.create_task(hosts(addresses)) for _ in range(3)]
        await until(lambda: bool(resolver.asked))
        waiting[0].cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting[0]
    assert await asyncio.gather(*waiting[1:]) == [OLD, OLD]
    assert resolver.asked == ["app"]


async def test_who_has_addresses_does_not_wait_for_newer_ones(clock: Clock) -> None:
    """For a minute old addresses are used while one question is under way, and its answer as soon as it is there."""
    resolver = Resolver(OLD, NEW)
    addresses = Addresses("app", resolver)
    await hosts(addresses)
    async with silent(resolver):
        clock.forward(KEPT)
        for _ in range(3):
            assert await hosts(addresses) == OLD
        clock.forward(TRUSTED - KEPT - 1.0)
        assert await hosts(addresses) == OLD
    await heard(addresses, NEW)
    assert resolver.asked == ["app"] * 2


async def test_addresses_that_are_a_minute_old_are_not_used_unasked(clock: Clock) -> None:
    """Behind a long silence the first to come waits for what the name stands for now."""
    addresses = Addresses("app", Resolver(OLD, NEW))
    await hosts(addresses)
    clock.forward(TRUSTED)
    assert await hosts(addresses, 30.0) == NEW


@pytest.mark.parametrize("failure", [NO_ANSWER, OSError(5, "Input/output error"), RuntimeError("no thread of mine")])
async def test_a_resolver_that_fails_costs_no_address(clock: Clock, failure: Exception) -> None:
    """Without an answer the old addresses have to do; it is asked again after as much time, and not before."""
    resolver = Resolver(OLD, failure, NEW)
    addresses = Addresses("app", resolver)
    await hosts(addresses)
    clock.forward(TRUSTED)
    assert await hosts(addresses, 30.0) == OLD
    clock.forward(KEPT - 0.5)
    assert await hosts(addresses) == OLD
    assert len(resolver.asked) == 2
    clock.forward(1.0)
    assert await hosts(addresses) == OLD
    await heard(addresses, NEW)


async def test_a_resolver_that_hangs_keeps_one_waiting_for_a_while(clock: Clock) -> None:
    """Who has old addresses waits no longer than he can, and those who come later not at all."""
    resolver = Resolver(OLD, NEW)
    addresses = Addresses("app", resolver)
    await hosts(addresses)
    clock.forward(TRUSTED)
    async with silent(resolver):
        waiting = asyncio.create_task(hosts(addresses, 1.0))
        await until(lambda: len(resolver.asked) == 2)
        assert not waiting.done()
        clock.forward(1.1)
        assert await waiting == OLD
        assert await hosts(addresses, 3600.0) == OLD
    await heard(addresses, NEW)
    assert len(resolver.asked) == 2


async def test_who_has_no_address_waits_for_one(clock: Clock) -> None:
    """However long it takes: there is nothing to go on with meanwhile."""
    resolver = Resolver(OLD)
    addresses = Addresses("app", resolver)
    async with silent(resolver):
        waiting = asyncio.create_task(hosts(addresses, 1.0))
        await until(lambda: bool(resolver.asked))
        clock.forward(1.1)
        for _ in range(5):
            await asyncio.sleep(0)
        assert not waiting.done()
    assert await waiting == OLD


@pytest.mark.parametrize("answer", [[], NONE_SUCH])
async def test_a_name_that_stands_for_nothing_has_no_addresses(clock: Clock, answer: list[str] | Exception) -> None:
    """That there are none is an answer: the old ones are forgotten, and whoever comes next asks again."""
    resolver = Resolver(OLD, answer, answer, NEW)
    addresses = Addresses("app", resolver)
    await hosts(addresses)
    clock.forward(TRUSTED)
    for _ in range(2):
        with pytest.raises(socket.gaierror):
            await hosts(addresses, 30.0)
    assert await hosts(addresses) == NEW
    assert len(resolver.asked) == 4


async def test_without_any_address_a_failure_is_told_to_all_who_wait() -> None:
    """Nobody has been told anything before, so nobody can go on."""
    resolver = Resolver(NO_ANSWER, OLD)
    addresses = Addresses("app", resolver)
    async with silent(resolver):
        waiting = [asyncio.create_task(hosts(addresses)) for _ in range(2)]
        await until(lambda: bool(resolver.asked))
    assert await asyncio.gather(*waiting, return_exceptions=True) == [NO_ANSWER] * 2
    assert await hosts(addresses) == OLD


async def test_addresses_that_lead_nowhere_are_asked_for_again() -> None:
    """Doubted, they are not used before the resolver has been asked, unless it does not answer."""
    resolver = Resolver(OLD, NEW, NO_ANSWER)
    addresses = Addresses("app", resolver)
    addresses.doubt(await addresses.known())
    assert await hosts(addresses) == NEW
    addresses.doubt(await addresses.known())
    assert await hosts(addresses) == NEW
    assert len(resolver.asked) == 3


async def test_a_doubt_of_what_is_no_longer_known_is_none() -> None:
    """Of those who find the same old addresses dead only the first has a question."""
    resolver = Resolver(OLD, NEW)
    addresses = Addresses("app", resolver)
    old = await addresses.known()
    addresses.doubt(old)
    await addresses.known()
    addresses.doubt(old)
    assert await hosts(addresses) == NEW
    assert len(resolver.asked) == 2


@pytest.mark.parametrize("factory", FACTORIES)
def test_a_loop_that_closes_waits_for_no_resolver(factory: Callable[[], asyncio.AbstractEventLoop]) -> None:
    """An answer that comes to a closed loop is nobody's, and no fault."""
    resolver = Resolver(OLD)
    resolver.open.clear()

    async def ask() -> None:
        addresses = Addresses("app", resolver)
        waiting = asyncio.create_task(addresses.known())
        await until(lambda: bool(resolver.asked))
        waiting.cancel()

    with asyncio.Runner(loop_factory=factory) as runner:
        runner.run(ask())
    thread = next(thread for thread in threading.enumerate() if thread.name == "resolver")
    resolver.open.set()
    thread.join(GUARD)
    assert not thread.is_alive()


@pytest.mark.parametrize("module", ["asyncio", "uvloop"])
def test_a_process_ends_while_the_resolver_hangs(module: str) -> None:
    """Nothing stops a resolver, so nobody waits for it: neither the loop when it closes, nor the interpreter."""
    program = f"""
import asyncio, {module}, socket, threading
from proxy.adapters.upstream.addresses import Addresses
asked = threading.Event()
def hang(*args, **kwargs):
    asked.set()
    threading.Event().wait()
socket.getaddrinfo = hang
async def ask():
    waiting = asyncio.create_task(Addresses("app").known())
    while not asked.is_set():
        await asyncio.sleep(0)
with asyncio.Runner(loop_factory={module}.new_event_loop) as runner:
    runner.run(ask())
"""
    ended = subprocess.run([sys.executable, "-c", program], timeout=GUARD, check=False, capture_output=True)
    assert (ended.returncode, ended.stderr) == (0, b"")


def test_the_operating_system_is_asked_as_for_a_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each address is told once, in the order of the answer, with the interface where it is one of a link."""
    number, interface = socket.if_nameindex()[0]
    answer = [
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("fe80::1", 0, 0, number)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 0)),
        (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("2001:db8::1", 0, 0, 0)),
        (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("192.0.2.1", 0)),
        (socket.AF_UNIX, socket.SOCK_STREAM, 0, "", "what is no address"),
    ]
    asked: list[object] = []

    def told(*args: object, **kwargs: object) -> list[object]:
        asked.append((args, kwargs))
        return list(answer)

    monkeypatch.setattr(socket, "getaddrinfo", told)
    assert resolve("app") == [f"fe80::1%{interface}", "192.0.2.1", "2001:db8::1"]
    assert asked == [(("app", None), {"type": socket.SOCK_STREAM})]


def test_the_operating_system_answers() -> None:
    """What it says is taken as it is."""
    assert resolve("127.0.0.1") == ["127.0.0.1"]
