"""Rows in which clients leave before they are answered. F28."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial
from random import Random
from threading import Barrier, BrokenBarrierError

from tests.faults.matrix import PATIENCE, Act, Row
from tests.faults.principal import PATIENT, Principal, later
from tests.support.clients import ask
from tests.support.histories import Told
from tests.support.ledger import Stage
from tests.support.writers import Writer

LEAVERS, ROUNDS = 4, 25
"""How many clients there are that mostly leave, and how much each does."""


def left(act: Act) -> None:
    """Clients leave: some in step with the rest of the row, and a crowd of them at any time."""
    with ThreadPoolExecutor(LEAVERS) as pool:
        crowd = [pool.submit(Leaver(act, number).go_round) for number in range(1, LEAVERS + 1)]
        _left_in_the_queue(act)
        _left_while_writing(act)
        _half_closed(act)
        for done in crowd:
            done.result()


def _left_in_the_queue(act: Act) -> None:
    """Clients leave that wait for a lock, one behind its holder's proxy and one behind another: both are dropped.

    The holder changes nothing in the end, so that both writes could have been performed.
    """
    origin = act.scene.origin
    holder, near, far = (Principal(act, number, "/part/queue") for number in (0, 0, 1))
    origin.knobs(PATCH={"hold_before_apply": True, "status": 403, "times": 1})
    holding = holder.hold()
    gone = [near.leave(lambda: _heard_by(near)), far.leave(lambda: far.awaited)]
    for principal in near, far:
        principal.member.child.line('"path": "/part/queue".*"client-gone"')
    origin.release()
    assert holding.result().status == 403
    for principal, operation in zip((near, far), gone, strict=True):
        principal.insist()
        assert not principal.forwarded(operation), "it was forwarded for a client that had left"


def _heard_by(principal: Principal) -> bool:
    """Ask its proxy for something on another connection: once answered, it has noticed what was done before."""
    return ask(principal.member.url, "GET", principal.key).status < 500


def _left_while_writing(act: Act) -> None:
    """A client leaves whose write waits at the origin server: it is finished, and nobody waits for a lease to lapse."""
    leaver, follower = Principal(act, 0, "/part/written"), Principal(act, 1, "/part/written")
    act.scene.origin.knobs(PATCH={"hold_before_apply": True, "times": 1})
    held = later(partial(leaver.reached, Stage.HELD))
    gone = leaver.leave(held.done, "PATCH")
    _heard_by(leaver)
    act.scene.origin.release()
    leaver.reached(Stage.APPLIED, gone)
    assert follower.put(follower.look()).told is Told.OK, follower.heard


def _half_closed(act: Act) -> None:
    """Clients say that they have said all: each is answered, whether its write is under way or waits for the lock."""
    writer, waiter = Principal(act, 0, "/part/closed"), Principal(act, 1, "/part/closed")
    both = Barrier(2, act.scene.origin.release, PATIENCE)
    act.scene.origin.knobs(PATCH={"hold_before_apply": True, "times": 1})
    held = later(partial(writer.reached, Stage.HELD))
    writing = later(partial(writer.half_close, held.done, both.wait, "PATCH"))
    held.result()
    try:
        waiting = waiter.half_close(lambda: waiter.awaited, both.wait)
    except BrokenBarrierError:
        writing.result()
        raise
    assert writing.result().told is Told.OK
    assert waiting.status == 412, waiter.heard


class Leaver(Writer):
    """A client that mostly leaves: while it sends, at once, or a moment later, in the orderly way or not."""

    def __init__(self, act: Act, number: int) -> None:
        member = act.scene.members[number % len(act.scene.members)]
        super().__init__(member.url, 40_000 + number, Random(number), act.keys, act.history)  # noqa: S311 - not secret
        self._habits = [(5, self.hang_up), (2, self.break_off), (1, self.careful)]

    def go_round(self) -> None:
        """Do a number of things."""
        rounds = iter(range(ROUNDS))
        self.run(lambda: next(rounds, None) is not None)


ROWS = [
    Row(
        "F28",
        "clients leave while waiting, while writing; half-close",
        "dropped; finished; finished",
        fault=left,
        setting=PATIENT,
    ),
]
