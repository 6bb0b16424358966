"""The scene of a fault: three proxies before one origin server, a store that they share, and a link for each pair.

What lives here: the processes and the links, and what can be done to them. Who writes meanwhile, and what must not be
seen, is `tests.faults.matrix`'s.
"""

import json
import signal
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import urlsplit

from proxy.cli.vouching import vouch
from tests.support.child import Child
from tests.support.clocks import FakedClock, faked_clock
from tests.support.ports import LOOPBACK, reserved_port
from tests.support.processes import PROXY, OriginHandle, ProxyHandle, running_origin, running_proxy
from tests.support.redis_cluster import Cluster
from tests.support.redis_sentinel import Watched
from tests.support.redis_server import RedisHandle
from tests.support.relaying import Relay, relay
from tests.support.severing import Link, severable

PERFORM = 0.4
"""How long a proxy waits for the answer to a write, in seconds."""

SETTLE = 0.6
"""How long after that a write may be applied."""

LEASE = PERFORM + SETTLE + 5
"""How long a lease is in its write phase: the shortest that is allowed; also the quarantine of a store."""

READ = 1.5
"""How long a lease is in its read phase."""

TRIES = 5
"""How often the operator tries to vouch."""

EXPECTED = ("ifmatch ", "refused a message from ")
"""How lines on stderr begin that are no complaints of a proxy: what it says to people, and of what it refuses."""

AnyStore = RedisHandle | Watched | Cluster


@dataclass(frozen=True)
class Setting:
    """How a scene is set. `route` has further keys of the one route, `top` further keys of the configuration."""

    proxies: int = 3
    origin_links: bool = False
    """Each proxy reaches the origin server through a link that can be cut."""
    store_links: bool = False
    """Each proxy reaches the store through a relay; a single server only."""
    route: Mapping[str, object] = field(default_factory=dict)
    top: Mapping[str, object] = field(default_factory=dict)
    lock: Mapping[str, object] = field(default_factory=lambda: {"wait": "1s"})
    vouch: bool = True
    """Somebody vouches for the new store, so that writes begin at once."""
    clock: bool = False
    """The first proxy has a wall clock of its own, which its `clock` moves."""
    program: Sequence[str] = tuple(PROXY)
    environment: Mapping[str, str] = field(default_factory=dict)

    def config(self, upstream: str, store: str) -> str:
        """Return the configuration of a proxy; JSON is YAML."""
        route = {
            "path": "/{path...}",
            "fence": "Fencing-Token",
            "timeouts": {"connect": "500ms", "select": "500ms", "perform": f"{PERFORM}s", "settle": f"{SETTLE}s"},
            "lock": {"read": f"{READ}s", **self.lock},
            **self.route,
        }
        return json.dumps({"upstream": upstream, "store": store, "tag_key": "faults", "routes": [route], **self.top})


class Member:
    """One proxy with its links. Its URL stays the same when it is killed and started again."""

    def __init__(self, setting: Setting, port: int, origin: OriginHandle, store_url: str) -> None:
        self.url = f"http://{LOOPBACK}:{port}"
        self._setting = setting
        self._port = port
        self._origin_url = origin.url
        self._store_url = store_url
        self._running = ExitStack()
        self.handle: ProxyHandle | None = None
        self.origin_link: Link | None = None
        self.store_link: Relay | None = None
        self.clock: FakedClock | None = None
        self.noise: list[str] = []

    @property
    def child(self) -> Child:
        """The process."""
        assert self.handle is not None
        return self.handle.child

    def start(self) -> None:
        """Start it, and wait until it listens."""
        upstream = self._origin_url if self.origin_link is None else self.origin_link.url
        clock = {} if self.clock is None else self.clock.environment
        self.handle = self._running.enter_context(
            running_proxy(
                config=self._setting.config(upstream, self._store_url),
                listen=f"{LOOPBACK}:{self._port}",
                program=self._setting.program,
                environment={**self._setting.environment, **clock},
            )
        )

    def kill(self) -> None:
        """End it as a crash would (SIGKILL)."""
        self.child.kill()
        self._end()

    def stop(self) -> None:
        """Ask it to end (SIGTERM), and wait until it has. Raised when it ends badly: `ChildFailed`."""
        self._end()

    def pause(self) -> None:
        """Stop it where it is (SIGSTOP)."""
        self.child.signal(signal.SIGSTOP)

    def resume(self) -> None:
        """Let it go on (SIGCONT)."""
        self.child.signal(signal.SIGCONT)

    def end(self) -> None:
        """See it ended."""
        if self.handle is not None:
            self.resume()
            self._end()

    def _end(self) -> None:
        self._running.close()
        handle, self.handle = self.handle, None
        if handle is not None:
            self.noise += [line for line in handle.stderr if not line.startswith(EXPECTED)]


class Scene:
    """A running scene. `store` is the server, or what has several of them."""

    def __init__(self, origin: OriginHandle, store: AnyStore, members: Sequence[Member], config: Path) -> None:
        self.origin = origin
        self.store = store
        self.members = members
        self._config = config

    @property
    def redis(self) -> RedisHandle:
        """The single server."""
        assert isinstance(self.store, RedisHandle)
        return self.store

    @property
    def watched(self) -> Watched:
        """The two servers and their sentinel."""
        assert isinstance(self.store, Watched)
        return self.store

    @property
    def cluster(self) -> Cluster:
        """The cluster."""
        assert isinstance(self.store, Cluster)
        return self.store

    @property
    def noise(self) -> list[str]:
        """What proxies that have ended complained about."""
        return [line for member in self.members for line in member.noise]

    def vouch(self) -> None:
        """Say that no write is under way, as an operator does, again where the store is slow: the quarantine ends."""
        assert any(vouch(str(self._config), StringIO()) == 0 for _ in range(TRIES))


@contextmanager
def staged(setting: Setting, store: AnyStore) -> Iterator[Scene]:
    """Run a scene with a store that runs."""
    with ExitStack() as stack:
        origin = stack.enter_context(running_origin())
        members = [_member(stack, setting, origin, store) for _ in range(setting.proxies)]
        if setting.clock:
            members[0].clock = stack.enter_context(faked_clock())
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="ifmatch-")))
        config = folder / "vouch.yaml"
        config.write_text(setting.config(origin.url, store.url))
        scene = Scene(origin, store, members, config)
        for member in members:
            stack.callback(member.end)
            member.start()
        if setting.vouch:
            scene.vouch()
        yield scene


def _member(stack: ExitStack, setting: Setting, origin: OriginHandle, store: AnyStore) -> Member:
    store_url, link = store.url, None
    if setting.store_links:
        assert isinstance(store, RedisHandle)
        link = stack.enter_context(relay(store.port))
        store_url = store.url_at(link.port)
    member = Member(setting, stack.enter_context(reserved_port()), origin, store_url)
    member.store_link = link
    if setting.origin_links:
        member.origin_link = stack.enter_context(severable(urlsplit(origin.url).port or 0))
    return member
