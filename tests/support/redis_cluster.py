"""A cluster of masters as a test sees it: which node has a key, and moving a slot, at once or half-way.

What lives here: slots. The nodes have no replicas, so a node that is lost takes its slots with it.
"""

from collections.abc import Sequence
from itertools import pairwise

from redis.crc import key_slot

from tests.support.ports import LOOPBACK
from tests.support.redis_server import RedisHandle, fields, until

SLOTS = 16_384
_MIGRATION = 5_000
"""What MIGRATE may take, in milliseconds."""


class Cluster:
    """Nodes that share the slots. `url` is what a client is given."""

    def __init__(self, nodes: Sequence[RedisHandle]) -> None:
        self.nodes = list(nodes)
        self._ids = {node.port: node.cli("CLUSTER", "MYID") for node in self.nodes}

    @property
    def url(self) -> str:
        """Where a client finds the nodes, as `store:` has it, with their password if there is one."""
        places = ",".join(f"{LOOPBACK}:{node.port}" for node in self.nodes)
        return f"redis+cluster://{self.nodes[0].settings.userinfo}{places}"

    def form(self) -> None:
        """Let the nodes meet and share the slots evenly."""
        bounds = [SLOTS * number // len(self.nodes) for number in range(len(self.nodes) + 1)]
        for number, (node, (first, behind)) in enumerate(zip(self.nodes, pairwise(bounds), strict=True), 1):
            node.cli("CLUSTER", "SET-CONFIG-EPOCH", number)
            node.cli("CLUSTER", "ADDSLOTSRANGE", first, behind - 1)
        for node in self.nodes[1:]:
            self.nodes[0].cli("CLUSTER", "MEET", LOOPBACK, node.port, node.settings.bus_port or 0)
        self.settle()

    def settle(self) -> None:
        """Wait until every node says that all is well, and all say the same of every slot."""
        until(self._settled, "the cluster is whole")

    def node_of(self, key: str) -> RedisHandle:
        """Return the node that has the key, or would have it."""
        return self._owner(key_slot(key.encode()))

    def migrate(self, slot: int, to: RedisHandle) -> None:
        """Move a slot with its keys."""
        moving = self.begin(slot, to)
        moving.move()
        moving.finish()

    def begin(self, slot: int, to: RedisHandle) -> "Migration":
        """Begin to move a slot: from now on a key that the old node lacks is answered with ASK.

        Whoever leaves it there has a cluster that is half-way; `Migration.move` and `Migration.finish` go on.
        """
        return Migration(self, slot, self._owner(slot), to)

    def id_of(self, node: RedisHandle) -> str:
        """Return what the nodes call it."""
        return self._ids[node.port]

    def _owner(self, slot: int) -> RedisHandle:
        first = next(node for node in self.nodes if node.running)
        rows = first.ask("CLUSTER", "SLOTS")
        port = next(row[2][1] for row in rows if row[0] <= slot <= row[1])
        return next(node for node in self.nodes if node.port == port)

    def _settled(self) -> bool:
        told = [fields(node.cli("CLUSTER", "INFO")) for node in self.nodes]
        shared = {node.cli("CLUSTER", "SLOTS") for node in self.nodes}
        return len(shared) == 1 and all(
            node["cluster_state"] == "ok" and node["cluster_known_nodes"] == str(len(self.nodes)) for node in told
        )


class Migration:
    """A slot on its way."""

    def __init__(self, cluster: Cluster, slot: int, source: RedisHandle, target: RedisHandle) -> None:
        self.cluster = cluster
        self.slot = slot
        self.source = source
        self.target = target
        target.cli("CLUSTER", "SETSLOT", slot, "IMPORTING", cluster.id_of(source))
        source.cli("CLUSTER", "SETSLOT", slot, "MIGRATING", cluster.id_of(target))

    def keys(self) -> list[str]:
        """Return the keys that are still where they were."""
        count = int(self.source.cli("CLUSTER", "COUNTKEYSINSLOT", self.slot))
        return list(map(str, self.source.ask("CLUSTER", "GETKEYSINSLOT", self.slot, count)))

    def move(self, *keys: str) -> None:
        """Move these keys; all that are there, when none is named."""
        chosen = keys or self.keys()
        if not chosen:
            return
        password = self.target.settings.password
        access = () if password is None else ("AUTH", password)
        self.source.cli("MIGRATE", LOOPBACK, self.target.port, "", 0, _MIGRATION, *access, "KEYS", *chosen)

    def finish(self) -> None:
        """Tell every node where the slot is now; the new owner first, so that none is without one."""
        others = [node for node in self.cluster.nodes if node not in {self.target, self.source}]
        for node in (self.target, self.source, *others):
            node.cli("CLUSTER", "SETSLOT", self.slot, "NODE", self.cluster.id_of(self.target))
        self.cluster.settle()
