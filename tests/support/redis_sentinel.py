"""A master, a replica and a sentinel as a test sees them: failed over, one after the other, as often as wanted.

What lives here: who is master, and making another so. What a sentinel waits for in minutes is set to fractions of a
second; only what it takes for being down is the test's to choose.
"""

from collections.abc import Sequence

import redis

from tests.support.ports import LOOPBACK
from tests.support.redis_server import RedisHandle, until
from tests.support.redis_settings import Settings

_PERIODS = {"info-period": 100, "ping-period": 400, "ask-period": 100, "publish-period": 100}
"""Milliseconds. A replica counts as good while its INFO is no older than five pings, and the INFO is asked for once a
second when the master is down: with less than 200 the only replica is passed over, for twice the time-out. A sentinel
also connects again once a ping: with more than it takes for being down, a new master is down before it is looked at."""
_CALM = {"tilt-trigger": 600_000}
"""Milliseconds between two of its own looks at the clock after which a sentinel trusts nothing for 30 seconds."""


class SentinelHandle(RedisHandle):
    """A running sentinel."""

    ready = r"\+monitor master"

    def tune(self) -> None:
        """Let it look often."""
        timing = _PERIODS | _CALM
        self.cli("SENTINEL", "DEBUG", *(word for pair in timing.items() for word in pair))

    def start(self) -> None:
        """Start it again; it then knows what it knew."""
        super().start()
        self.tune()

    def _arguments(self) -> Sequence[str]:
        return ("--sentinel",)


class Watched:
    """Two servers, one of which is master, and the sentinel that watches them. `url` is what a client is given."""

    def __init__(self, name: str, sentinel: SentinelHandle, servers: Sequence[RedisHandle]) -> None:
        self.name = name
        self.sentinel = sentinel
        self.servers = list(servers)
        sentinel.tune()
        self.settle()

    @property
    def url(self) -> str:
        """Where a client finds the sentinel, as `store:` has it, with the password of the servers if there is one."""
        return f"redis+sentinel://{self.servers[0].settings.userinfo}{LOOPBACK}:{self.sentinel.port}/{self.name}"

    @property
    def master(self) -> RedisHandle:
        """The server that the sentinel says is master."""
        return self._at(self.sentinel.cli("SENTINEL", "GET-MASTER-ADDR-BY-NAME", self.name).split("\n")[1])

    @property
    def replica(self) -> RedisHandle:
        """The server that is not."""
        return self.other(self.master)

    def other(self, server: RedisHandle) -> RedisHandle:
        """Return the other server."""
        return next(one for one in self.servers if one is not server)

    def settle(self) -> None:
        """Wait until the replica follows the master, and the sentinel knows it and would promote it."""
        self.sentinel.resume()
        until(self._settled, "the replica follows the master")

    def detach(self) -> None:
        """Let the replica hear no more of what is written, until `attach`: what a master loses that fails now.

        It is given a password that the master refuses, so it cannot come back. One away for longer than ten times
        what the sentinel takes for being down is not promoted.
        """
        replica = self.replica
        replica.cli("CONFIG", "SET", "masterauth", "is refused")
        replica.cli("CLIENT", "KILL", "TYPE", "master")
        until(lambda: replica.info("replication").get("master_link_status") == "down", "the replica is alone")

    def attach(self) -> None:
        """Let a detached server follow again."""
        for server in self.servers:
            _admit(server)
        self.settle()

    def promote(self) -> RedisHandle:
        """Let the sentinel promote the replica, and stand still; return the replica, which is master.

        The old one is master too, to those who are connected to it. This moment, of a second or so, is drawn out until
        `settle`. Nobody is told who is master meanwhile.
        """
        promoted = self._promoted()
        self.sentinel.pause()
        return promoted

    def fail_over(self) -> RedisHandle:
        """Let the sentinel promote the replica; return the new master once the old one follows it."""
        promoted = self._promoted()
        self._until_master(promoted)
        self.settle()
        return promoted

    def kill_master(self) -> RedisHandle:
        """Kill the master; return the new one once it is. The dead one follows it when it is started again."""
        master, replica = self.master, self.replica
        master.kill()
        self._until_master(replica)
        _admit(replica)
        return replica

    def _promoted(self) -> RedisHandle:
        """Let the sentinel promote the replica; ask again as often as it begins and then gives up."""
        promoted, asked = self.replica, -1

        def master() -> bool:
            nonlocal asked
            aborted = sum("-failover-abort" in line for line in self.sentinel.child.stdout)
            if asked < aborted and self._asked_to_fail_over():
                asked = aborted
            return _role(promoted) == "master"

        until(master, "the replica is master")
        _admit(promoted)
        return promoted

    def _until_master(self, server: RedisHandle) -> None:
        until(lambda: self.master is server and _role(server) == "master", "the replica is master")

    def _at(self, port: str) -> RedisHandle:
        return next(server for server in self.servers if server.port == int(port))

    def _asked_to_fail_over(self) -> bool:
        try:
            self.sentinel.cli("SENTINEL", "FAILOVER", self.name)
        except redis.ResponseError as error:
            if str(error).startswith(("NOGOODSLAVE", "INPROG")):
                return False
            raise
        return True

    def _settled(self) -> bool:
        master, replica = self.master, self.replica
        link = replica.info("replication")
        follows = {"role-reported": "slave", "master-port": str(master.port), "flags": "slave"}
        return (
            _role(master) == "master"
            and _counted(master)
            and (link.get("master_port"), link.get("master_link_status")) == (str(master.port), "up")
            and follows.items() <= self._known(replica).items()
        )

    def _known(self, replica: RedisHandle) -> dict[str, str]:
        """Return what the sentinel knows of a replica; with more than one flag there is something wrong with it."""
        rows = self.sentinel.ask("SENTINEL", "REPLICAS", self.name)
        replicas = [dict(zip(row[::2], row[1::2], strict=True)) for row in rows]
        return next((known for known in replicas if known["port"] == str(replica.port)), {})


def _role(server: RedisHandle) -> str:
    return str(server.ask("ROLE")[0])


def _counted(master: RedisHandle) -> bool:
    """Tell whether a master counts its replica as good: the replica finds the link up a moment earlier."""
    told = master.info("replication")
    return int(told.get("min_slaves_good_slaves", 1)) > 0 and "state=online" in told.get("slave0", "")


def _admit(server: RedisHandle) -> None:
    """Undo what detached it, on disk too, where a sentinel has written it."""
    server.cli("CONFIG", "SET", "masterauth", server.settings.password or "")
    server.cli("CONFIG", "REWRITE")


def sentinel_settings(name: str, master: RedisHandle, down_after: float, timeout: float) -> Settings:
    """Return how a sentinel is set up that watches a master alone and needs nobody's consent; times in seconds."""
    password = master.settings.password
    return Settings(
        extra=(
            f"sentinel monitor {name} {LOOPBACK} {master.port} 1",
            f"sentinel down-after-milliseconds {name} {down_after * 1000:.0f}",
            f"sentinel failover-timeout {name} {timeout * 1000:.0f}",
            *([] if password is None else [f'sentinel auth-pass {name} "{password}"']),
        )
    )
