"""A real redis-server as a test sees it: asked, paused, killed and started again on its port.

What lives here: one process, with the configuration it is given. Putting several together is `tests.support.stores`'s.
"""

import re
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import redis

from tests.support.child import PATIENCE, Child, ChildFailed
from tests.support.clocks import FakedClock
from tests.support.redis_settings import Settings

_Error = TypeVar("_Error", bound=BaseException)

_OFTEN = 0.01
_CALLS = re.compile(r"^cmdstat_([^:]+):calls=(\d+)", re.MULTILINE)


class RedisHandle:
    """A running redis-server. `url` is what a client is given; `pid` changes when it is started again."""

    ready = r"Ready to accept connections"

    def __init__(self, folder: Path, port: int, settings: Settings, clock: FakedClock | None = None) -> None:
        self.port = port
        self.settings = settings
        self.clock = clock
        self.folder = folder
        self.configuration = folder / "redis.conf"
        self.configuration.write_text("\n".join([*settings.lines(port, folder), ""]))
        self._ended: set[int] = set()
        self.child = self._started()

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self.child.pid

    @property
    def running(self) -> bool:
        """Tell that nobody here has ended it, even if it is paused."""
        return self.pid not in self._ended

    @property
    def url(self) -> str:
        """Where a client finds it, as `store:` has it, with the password if there is one."""
        return self.settings.url(self.port, self.folder)

    def url_at(self, port: int) -> str:
        """Return the URL with another port: that of a relay to this server."""
        return self.settings.url_at(port)

    # Asking -----------------------------------------------------------------------------------------------------------

    def client(self) -> redis.Redis:
        """Return a synchronous client with connections of its own, to be closed by who asked for it.

        It begins with HELLO: a pool takes a TLS connection on which nothing was said for one with a reply left over,
        because the server's session tickets wait there to be read.
        """
        access = {**self._access(), "protocol": 3}
        return redis.Redis.from_pool(redis.ConnectionPool(self.settings.connection, **access))

    def ask(self, *command: str | bytes | int) -> Any:
        """Return the reply to a command on a connection of its own. Raised when it is an error: `redis.RedisError`."""
        connection: Any = self.settings.connection(**self._access(), decode_responses=True)
        try:
            connection.connect()
            connection.send_command(*command)
            return connection.read_response()
        finally:
            connection.disconnect()

    def cli(self, *command: str | bytes | int) -> str:
        """Return the reply as redis-cli prints it to a pipe: one item a line, nothing for nil."""
        return "\n".join(_flat(self.ask(*command)))

    def info(self, section: str) -> dict[str, str]:
        """Return a section of INFO."""
        return fields(self.cli("INFO", section))

    def commands(self) -> Counter[str]:
        """Return how often each command was called, those in scripts and our own `info` too, since the last reset."""
        return Counter({name: int(calls) for name, calls in _CALLS.findall(self.cli("INFO", "commandstats"))})

    def forget_commands(self) -> None:
        """Count the commands from now on."""
        self.cli("CONFIG", "RESETSTAT")

    def flush(self) -> None:
        """Lose every key."""
        self.cli("FLUSHALL")

    # Stopping and starting --------------------------------------------------------------------------------------------

    def pause(self) -> None:
        """Stop the process where it is (SIGSTOP): connections stay, and new ones are made, but nothing answers."""
        self.child.signal(signal.SIGSTOP)
        until(lambda: self._state() == "T", "the server stands still")

    def resume(self) -> None:
        """Let a paused process go on (SIGCONT); it then does what it was asked meanwhile."""
        self.child.signal(signal.SIGCONT)

    def kill(self) -> None:
        """End the process as a crash would (SIGKILL)."""
        self._ended.add(self.pid)
        self.child.kill()

    def shutdown(self) -> None:
        """Ask the process to end (SIGTERM), and wait."""
        self._ended.add(self.pid)
        self.resume()
        self.child.stop()

    def start(self) -> None:
        """Start it again on its port, with what is on disk."""
        self.child = self._started()

    def restart(self, *, keep: bool) -> None:
        """Kill it and start it again on its port, with its keys or without any."""
        if keep and not self.settings.appendonly:
            self.cli("SAVE")
        self.kill()
        if not keep:
            (self.folder / "dump.rdb").unlink(missing_ok=True)
            shutil.rmtree(self.folder / "appendonlydir", ignore_errors=True)
        self.start()

    def jump(self, seconds: float) -> None:
        """Move its wall clock; only where it was started with one of its own."""
        assert self.clock is not None, "running_redis(clock=True) has a clock that can be moved"
        self.clock.jump(seconds)

    def end(self) -> None:
        """Kill it if it runs. Raised when it has ended and nobody here ended it: `ChildFailed`."""
        pid = self.pid
        self.child.kill()
        if pid not in self._ended and self.child.wait() != -signal.SIGKILL:
            raise _told(self.child.failure("ended by itself"), self.child)
        self._ended.add(pid)

    def _started(self) -> Child:
        program = shutil.which("redis-server")
        if program is None:
            raise ChildFailed("redis-server is missing; run: apt-get install -y redis-server")
        child = Child([program, str(self.configuration), *self._arguments()], self._environment())
        try:
            child.line(self.ready)
        except ChildFailed as failure:
            child.kill()
            raise _told(failure, child) from None
        return child

    def _arguments(self) -> Sequence[str]:
        return ()

    def _environment(self) -> Mapping[str, str]:
        return {} if self.clock is None else self.clock.environment

    def _state(self) -> str:
        return Path("/proc", str(self.pid), "stat").read_text().rpartition(") ")[2][0]

    def _access(self) -> Mapping[str, Any]:
        return self.settings.access(self.port, self.folder)


@contextmanager
def ending(*handles: RedisHandle) -> Iterator[None]:
    """Kill the servers on leaving. Raised when one had ended by itself: `ChildFailed`."""
    try:
        yield
    except BaseException as error:
        for handle in handles:
            handle.child.kill()
            _told(error, handle.child)
        raise
    for handle in handles:
        handle.end()


def until(satisfied: Callable[[], bool], what: str) -> None:
    """Wait until that is so; a connection that fails is no answer yet. Raised when it takes too long: `ChildFailed`."""
    ending = time.monotonic() + PATIENCE
    failure: redis.RedisError | None = None
    while time.monotonic() < ending:
        try:
            if satisfied():
                return
        except (redis.ConnectionError, redis.TimeoutError) as error:
            failure = error
        time.sleep(_OFTEN)
    raise ChildFailed(f"waited for it in vain: {what}") from failure


def fields(text: str) -> dict[str, str]:
    """Return the lines of `name:value` in what INFO or CLUSTER INFO says."""
    lines = (line.partition(":") for line in text.splitlines())
    return {name: value for name, colon, value in lines if colon}


def _told(error: _Error, child: Child) -> _Error:
    error.add_note("\n".join([f"what {' '.join(child.command)} said:", *child.stdout[-30:]]))
    return error


def _flat(reply: Any) -> Iterator[str]:
    if isinstance(reply, list):
        for item in reply:
            yield from _flat(item)
    else:
        yield "" if reply is None else str(reply)
