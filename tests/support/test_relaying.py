"""The relay does to a link what it is told, to all of it and until it is mended, and nothing otherwise."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from hypothesis import given
from hypothesis import strategies as st
from redis.backoff import NoBackoff
from redis.client import PubSub
from redis.retry import Retry

from tests.support.conversing import After
from tests.support.ports import LOOPBACK
from tests.support.redis_server import RedisHandle, until
from tests.support.redis_settings import CERTIFICATE
from tests.support.relayed import Way
from tests.support.relaying import Relay, relay
from tests.support.resp import Frames, name
from tests.support.stores import running_redis

BRIEF = 0.2
"""How long silence is listened to, in seconds; over a whole link there would have been an answer."""
PATIENCE = 30.0


@pytest.fixture(scope="module")
def shared() -> Iterator[RedisHandle]:
    """Run one store for all tests that leave it as it was."""
    with running_redis() as store:
        yield store


@pytest.fixture
def store(shared: RedisHandle) -> RedisHandle:
    """Empty the store."""
    shared.flush()
    return shared


@pytest.fixture
def link(store: RedisHandle) -> Iterator[Relay]:
    """Relay to the store."""
    with relay(store.port) as link:
        yield link


@contextlib.contextmanager
def connected(link: Relay, timeout: float = PATIENCE, **options: Any) -> Iterator[Any]:
    """Connect through the relay, once, and never try again."""
    calm: dict[str, Any] = {"retry": Retry(NoBackoff(), 0), "socket_timeout": timeout, "driver_info": None}
    with redis.Redis(host=LOOPBACK, port=link.port, **calm, **options) as client:
        client.ping()
        yield client


PING, SET = b"*1\r\n$4\r\nPING\r\n", b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$1\r\n1\r\n"


def pinged(line: socket.socket) -> bool:
    """Tell whether the store answers."""
    line.sendall(PING)
    return line.recv(100) == b"+PONG\r\n"


def silent(line: socket.socket) -> bool:
    """Tell whether nothing comes, no end either."""
    line.settimeout(BRIEF)
    try:
        line.recv(100)
    except TimeoutError:
        return True
    finally:
        line.settimeout(PATIENCE)
    return False


@contextlib.contextmanager
def plain(port: int) -> Iterator[socket.socket]:
    """Connect without a client."""
    with socket.create_connection((LOOPBACK, port), PATIENCE) as line:
        yield line


def heard(line: socket.socket) -> bytes:
    """Return what comes before the connection ends."""
    parts = []
    while part := line.recv(100):
        parts.append(part)
    return b"".join(parts)


@pytest.mark.parametrize("protocol", [2, 3])
def test_a_whole_link(store: RedisHandle, link: Relay, protocol: int) -> None:
    """Commands and replies of any size pass, one by one and many at once, and so do published messages."""
    large = "x" * 3_000_000
    with connected(link, protocol=protocol) as client, client.pubsub() as listener:
        client.set("large", large)
        assert store.cli("GET", "large") == client.get("large").decode() == large
        pipeline = client.pipeline(transaction=True)
        assert [pipeline.rpush("l", *"abc"), pipeline.lrange("l", 0, -1)] != []
        assert pipeline.execute() == [3, [b"a", b"b", b"c"]]
        with pytest.raises(redis.ResponseError, match="WRONGTYPE"):
            client.get("l")
        listener.subscribe("news")
        assert told(listener) == ("subscribe", 1)
        assert store.cli("PUBLISH", "news", "hello") == "1"
        assert told(listener) == ("message", b"hello")


def told(listener: PubSub, timeout: float = PATIENCE) -> tuple[str, object] | None:
    """Return the next push."""
    push = listener.get_message(timeout=timeout)
    return None if push is None else (push["type"], push["data"])


@pytest.mark.parametrize(("way", "least"), [(Way.THERE, 0.05), (Way.BACK, 0.05), (Way.BOTH, 0.1)])
def test_a_delay(store: RedisHandle, link: Relay, way: Way, least: float) -> None:
    """A round trip takes as long as is ordered for each of its ways, a batch no longer, and mended not at all."""
    with connected(link) as client:
        link.delay(0.05, way)
        for _ in range(2):
            began = time.monotonic()
            pipeline = client.pipeline(transaction=False)
            for _ in range(100):
                pipeline.ping()
            pipeline.execute()
            assert least <= time.monotonic() - began < 100 * least
        link.delay(10 * PATIENCE, way)
        link.mend()
        assert client.ping()


def test_a_cut(store: RedisHandle, link: Relay) -> None:
    """Connections are reset and new ones refused; mended, the same port takes them again."""
    with connected(link) as client, plain(link.port) as line:
        assert pinged(line)
        link.cut()
        with pytest.raises(ConnectionResetError):
            line.recv(100)
        with pytest.raises(redis.ConnectionError):
            client.set("a", "1")
        with pytest.raises(ConnectionRefusedError), plain(link.port):
            pass
        assert store.cli("EXISTS", "a") == "0"
        link.mend()
        client.set("a", "1")
    assert store.cli("GET", "a") == "1"


def test_a_black_hole(store: RedisHandle, link: Relay) -> None:
    """Nothing arrives and no connection ends; mended, those that lost something are reset and the others go on."""
    with plain(link.port) as idle, plain(link.port) as busy, contextlib.ExitStack() as later:
        assert pinged(idle)
        assert pinged(busy)
        link.black_hole()
        late = later.enter_context(plain(link.port))
        for line in (busy, late):
            line.sendall(SET)
            assert silent(line)
        with pytest.raises(redis.TimeoutError), connected(link, BRIEF):
            pass
        assert store.cli("EXISTS", "a") == "0"
        link.mend()
        for line in (busy, late):
            with pytest.raises(ConnectionResetError):
                line.recv(100)
        assert pinged(idle)
        with connected(link) as client:
            assert client.get("a") is None


def test_replies_are_swallowed_too(store: RedisHandle, link: Relay) -> None:
    """What was on its way back when the hole opened never comes."""
    with plain(link.port) as line:
        line.sendall(b"*3\r\n$5\r\nBLPOP\r\n$1\r\nl\r\n$1\r\n0\r\n")
        until(lambda: store.info("clients")["blocked_clients"] == "1", "the command waits")
        link.black_hole()
        store.cli("RPUSH", "l", "a")
        assert silent(line)
        assert store.cli("LLEN", "l") == "0"


def test_what_is_held_arrives_late(store: RedisHandle, link: Relay) -> None:
    """A command that nobody waits for any more, held on the way, is done once the link is mended."""
    with plain(link.port) as line:
        assert pinged(line)
        link.hold()
        line.sendall(SET)
        assert silent(line)
    assert store.cli("EXISTS", "a") == "0"
    link.mend()
    until(lambda: store.cli("GET", "a") == "1", "the command arrives")


def test_a_lost_reply(store: RedisHandle, link: Relay) -> None:
    """The store does what it is asked, whoever asked hears nothing of it; so often, and to no other command."""
    with connected(link) as client:
        count = client.register_script("return redis.call('INCR', ARGV[1])")
        assert count(args=["n"]) == 1
        loss = link.drop_reply(count.sha.encode(), times=2)
        assert client.get("n") == b"1"
        for _ in range(2):
            with pytest.raises(redis.ConnectionError):
                count(args=["n"])
            loss.wait()
        assert store.cli("GET", "n") == "3"
        assert count(args=["n"]) == 4


def test_a_lost_reply_on_a_silent_connection(store: RedisHandle, link: Relay) -> None:
    """The connection stays, and says nothing any more; another one is as ever."""
    loss = link.drop_reply(b"lost", after=After.SILENT)
    with plain(link.port) as line, connected(link) as client:
        line.sendall(b"*2\r\n$4\r\nINCR\r\n$4\r\nlost\r\n")
        loss.wait()
        line.sendall(b"*2\r\n$4\r\nINCR\r\n$4\r\nlost\r\n")
        assert silent(line)
        assert client.get("lost") == b"2"


def test_a_reply_lost_among_others(store: RedisHandle, link: Relay) -> None:
    """Of commands sent at once, those before are answered and none behind is, even with a push between them."""
    link.drop_reply(b"lost")
    link.mute_pushes()
    with plain(link.port) as line:
        line.sendall(
            b"*2\r\n$5\r\nHELLO\r\n$1\r\n3\r\n*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\nc\r\n"
            b"*3\r\n$7\r\nPUBLISH\r\n$1\r\nc\r\n$3\r\nhey\r\n"
            b"*2\r\n$4\r\nECHO\r\n$4\r\nthis\r\n*2\r\n$4\r\nECHO\r\n$4\r\nlost\r\n*2\r\n$4\r\nECHO\r\n$4\r\nthat\r\n"
        )
        said = heard(line)
    assert said.endswith(b">3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n:1\r\n$4\r\nthis\r\n")


def test_a_loss_that_does_not_happen_is_no_loss(monkeypatch: pytest.MonkeyPatch, link: Relay) -> None:
    """Who waits for a loss that no command met is told so."""
    monkeypatch.setattr("tests.support.conversing.PATIENCE", 0.0)
    with pytest.raises(AssertionError, match="no reply was lost to a command with b'x'"):
        link.drop_reply(b"x").wait()


@pytest.mark.parametrize("protocol", [2, 3])
def test_mute_pushes(store: RedisHandle, link: Relay, protocol: int) -> None:
    """Messages are not passed on, subscriptions are confirmed and all else is answered; mended, messages pass again."""
    with connected(link, protocol=protocol) as client, client.pubsub() as listener:
        link.mute_pushes()
        listener.subscribe("news")
        assert told(listener) == ("subscribe", 1)
        assert store.cli("PUBLISH", "news", "unheard") == "1"
        listener.unsubscribe("news")
        assert told(listener) == ("unsubscribe", 0)
        listener.subscribe("more")
        assert told(listener) == ("subscribe", 1)
        link.mend()
        assert store.cli("PUBLISH", "more", "heard") == "1"
        assert told(listener) == ("message", b"heard")


def test_a_list_is_no_message(store: RedisHandle, link: Relay) -> None:
    """A reply that looks like a message is passed on: without a subscription there are no messages."""
    link.mute_pushes()
    with connected(link, protocol=2) as client:
        client.rpush("l", "message", "news", "x")
        assert client.lrange("l", 0, -1) == [b"message", b"news", b"x"]


def test_what_passed_is_counted(store: RedisHandle, link: Relay) -> None:
    """Each command by its name, and how often somebody waited: a batch is waited for once."""
    with connected(link, protocol=2) as client:
        link.reset_count()
        client.eval("return 1", 0)
        client.client_list()
        pipeline = client.pipeline(transaction=True)
        pipeline.get("a")
        pipeline.get("b")
        pipeline.execute()
        assert link.counted == {"EVAL": 1, "CLIENT LIST": 1, "MULTI": 1, "GET": 2, "EXEC": 1}
        assert link.round_trips == 3
        link.reset_count()
        assert (link.counted, link.round_trips) == ({}, 0)


def test_what_is_not_resp_passes_unread() -> None:
    """TLS goes through the relay as it is."""
    with running_redis(tls=True) as store, relay(store.port) as link:
        with connected(link, ssl=True, ssl_ca_certs=str(CERTIFICATE)) as client:
            assert client.set("a", "1")
        assert link.counted == {}


def test_a_dead_store_is_a_dead_link() -> None:
    """When the store is killed its connections end, new ones do not last, and once it is back they do."""
    with running_redis() as store, relay(store.port) as link, connected(link) as client:
        store.kill()
        for _ in range(2):
            with pytest.raises(redis.ConnectionError):
                client.ping()
        store.start()
        assert client.ping()


def test_what_began_as_resp_and_is_none_fails(store: RedisHandle) -> None:
    """A relay that cannot tell where a command ends says so at the end."""
    with contextlib.ExitStack() as stack:
        link = stack.enter_context(relay(store.port))
        with plain(link.port) as line:
            line.sendall(b"*1\r\nPING\r\n")
            with pytest.raises(ConnectionResetError):
                line.recv(100)
        with pytest.raises(ValueError, match="no RESP"):
            stack.close()


def test_the_relay_ends(store: RedisHandle) -> None:
    """Behind the block the port is free, its thread is over and connections that were open have ended."""
    before = threading.active_count()
    with contextlib.ExitStack() as lines:
        with relay(store.port) as link:
            line = lines.enter_context(plain(link.port))
            assert pinged(line)
            link.hold()
        with pytest.raises(ConnectionResetError):
            line.recv(100)
    assert threading.active_count() == before
    with pytest.raises(ConnectionRefusedError), plain(link.port):
        pass


FRAMES = [
    b"+OK\r\n",
    b"-ERR no\r\n",
    b":-1\r\n",
    b"$-1\r\n",
    b"$0\r\n\r\n",
    b"$4\r\n\r\n*1\r\n",
    b"*-1\r\n",
    b"*0\r\n",
    b"*2\r\n*1\r\n:1\r\n$1\r\na\r\n",
    b"_\r\n",
    b"#t\r\n",
    b",1.5\r\n",
    b"(123\r\n",
    b"=5\r\ntxt:a\r\n",
    b"~1\r\n+a\r\n",
    b"%1\r\n+a\r\n*1\r\n:1\r\n",
    b"|1\r\n+ttl\r\n:1\r\n*1\r\n:1\r\n",
    b">3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nx\r\n",
]


@given(st.lists(st.sampled_from(FRAMES)), st.integers(1, 9))
def test_frames_are_found_wherever_the_pieces_end(frames: list[bytes], size: int) -> None:
    """However a stream is cut into pieces, the same frames come out of it."""
    stream, splitter = b"".join(frames), Frames()
    pieces = [stream[start : start + size] for start in range(0, len(stream), size)]
    assert [frame for piece in pieces for frame in splitter.feed(piece)] == frames


def test_names() -> None:
    """A command is called by its first word, one that holds others by two."""
    assert name(b"*1\r\n$4\r\nping\r\n") == "PING"
    assert name(b"*3\r\n$6\r\nclient\r\n$4\r\nkill\r\n$1\r\n1\r\n") == "CLIENT KILL"
    assert name(b"*2\r\n$3\r\nGET\r\n$6\r\nclient\r\n") == "GET"
