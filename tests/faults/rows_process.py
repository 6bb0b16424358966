"""Rows in which a proxy is killed, stopped or blocked in the middle of a write: F3 to F7, F9.

Each moment is exact, because the write itself says where its proxy stops (`tests.support.halting`).
"""

import time
from functools import partial
from threading import Event

from proxy.adapters.redis.scripts import PHASE
from tests.faults.matrix import Act, Row
from tests.faults.principal import Principal, later
from tests.faults.scene import LEASE, READ, Setting
from tests.support.histories import Fault, Operation, Reading, Told
from tests.support.ledger import Stage
from tests.support.soak import mutant

HALTING = Setting(program=mutant("halting"))

PAUSE = 2.0
"""Seconds of a stop that outlasts a proof of ownership, but no lease."""


# F3: killed before anything was sent ----------------------------------------------------------------------------------


def killed_early(act: Act) -> None:
    """One proxy is killed while its client waits for a lock, then one while its client's write selects."""
    holder, waiter = Principal(act, 0, "/part/wait", X_Stop="confirmed"), Principal(act, 1, "/part/wait")
    holding, waiting = holder.halt(), waiter.wait()
    waiter.member.kill()
    restarting = later(waiter.member.start)
    holder.member.resume()
    holding.result()
    _taken_over(act, Principal(act, 2, "/part/wait"))
    restarting.result()

    selector, other = Principal(act, 2, "/part/select", X_Stop="selected"), Principal(act, 0, "/part/select")
    selecting = selector.halt()
    selector.member.kill()
    restarting = later(selector.member.start)
    assert other.lock.get("s", "r") == "r"
    assert other.left <= READ
    _taken_over(act, other)
    restarting.result()
    for principal, begun in (waiter, waiting), (selector, selecting):
        assert not principal.forwarded(begun.result()), "a write was forwarded by the dead"


def _taken_over(act: Act, other: Principal) -> None:
    """See that others write, and write down how long that took."""
    began = time.monotonic()
    other.insist()
    act.facts[f"taken over {other.key}"] = round(time.monotonic() - began, 1)


# F4: killed with a write under way ------------------------------------------------------------------------------------


def killed_late(act: Act) -> None:
    """Two proxies are killed when a write has left them: one is applied later, one never. The third proxy goes on.

    Until the leases have lapsed it refuses to write; then it asks the origin server, and learns which was which.
    """
    origin = act.scene.origin
    applied, dropped = (Principal(act, number, f"/part/{number}", X_Stop="sent") for number in (0, 1))
    named = {principal.key: principal.look() for principal in (applied, dropped)}
    for principal, knob in (applied, {}), (dropped, {"drop_before_apply": True}):
        origin.knobs(PATCH={"hold_before_apply": True, "times": 1, **knob})
        writing = principal.halt("PATCH")
        principal.reached(Stage.HELD)
        principal.member.kill()
        assert writing.result().told is Told.UNKNOWN
    restarting = [later(principal.member.start) for principal in (applied, dropped)]
    followers = [Principal(act, 2, principal.key) for principal in (applied, dropped)]
    for refused in [later(partial(_kept_out, follower, named[follower.key])) for follower in followers]:
        refused.result()
    origin.release()
    applied.reached(Stage.APPLIED)
    dropped.reached(Stage.DROPPED)
    assert followers[0].learn(named[applied.key]).status == 412, "the write that was applied late goes unseen"
    assert followers[1].learn(named[dropped.key]).told is Told.OK
    for restarted in restarting:
        restarted.result()


def _kept_out(follower: Principal, named: Reading) -> None:
    """See that a write is refused until the lease lapses, and that its client is told how long that takes."""
    refused = follower.put(named)
    assert (follower.problem, refused.status) == ("resource-busy", 503), follower.heard
    assert 1 <= follower.retry_after <= LEASE
    assert not follower.forwarded(refused)


def overtaken_after_death(act: Act) -> None:
    """A proxy is killed with a write under way that is applied late; a follower does not wait for that."""
    origin = act.scene.origin
    killed, follower = Principal(act, 0, "/part/killed", X_Stop="sent"), Principal(act, 1, "/part/killed")
    origin.knobs(PUT={"hold_before_apply": True, "times": 1})
    writing = killed.halt()
    origin.until(Stage.HELD, method="PUT", target=killed.key)
    killed.member.kill()
    writing.result()
    follower.insist()
    origin.release()
    killed.member.start()


def overtaken_after_silence(act: Act) -> None:
    """A proxy gives a write up that is applied late; a follower does not wait for that."""
    origin = act.scene.origin
    late, follower = Principal(act, 0, "/part/late"), Principal(act, 1, "/part/late")
    origin.knobs(PUT={"hold_before_apply": True, "times": 1})
    assert late.put(late.look()).told is Told.UNKNOWN
    follower.insist()
    origin.release()


# F5, F9: stopped or blocked for longer than the read lease ------------------------------------------------------------


def stopped_in_select(act: Act) -> None:
    """Two proxies are stopped under their leases, one before and one after it has asked the origin server.

    Others write meanwhile. The one asks too late, and sees that the state has changed; the other has lost its lease.
    """
    stopped = [Principal(act, 0, "/part/held", X_Stop="held"), Principal(act, 1, "/part/selected", X_Stop="selected")]
    writing = [principal.halt() for principal in stopped]
    for principal in stopped:
        Principal(act, 2, principal.key).insist()
        principal.member.resume()
    for principal, begun, status in zip(stopped, writing, (412, 503), strict=True):
        _refused(act, principal, begun.result(), status)


def _refused(act: Act, principal: Principal, operation: Operation, *statuses: int) -> None:
    """See that a write was refused so, and not forwarded."""
    assert operation.told is Told.REFUSED
    assert operation.status in statuses, principal.heard
    assert not principal.forwarded(operation)
    act.facts[f"told {principal.key}"] = principal.problem


def overtaken_in_select(act: Act) -> None:
    """As in F5, and nobody asks whether the lease still holds."""
    stopped = Principal(act, 0, "/part/selected", X_Stop="selected")
    writing = stopped.halt()
    Principal(act, 1, stopped.key).insist()
    stopped.member.resume()
    writing.result()


def blocked(act: Act) -> None:
    """The event loop of a proxy does nothing for three seconds after it has learnt the current state."""
    asleep = Principal(act, 0, "/part/blocked", X_Block="selected")
    writing = asleep.begin(asleep.look())
    act.scene.origin.until(Stage.ANSWERED, method="GET", target=asleep.key, count=2)
    Principal(act, 1, asleep.key).insist()
    _refused(act, asleep, writing.result(), 503)


# F6, F7: stopped between proof and bytes ------------------------------------------------------------------------------


def stopped_after_proof(act: Act) -> None:
    """One proxy is stopped when it has proven its lease, one when it has done so again right before the bytes.

    The first proves it once more; the second finds that the time for an answer is over, and sends nothing.
    """
    with act.scene.redis.client() as store:
        store.config_set("slowlog-max-len", 1_000_000)
        store.config_set("slowlog-log-slower-than", 0)
    early, late = (
        Principal(act, 0, "/part/early", X_Stop="confirmed"),
        Principal(act, 1, "/part/late", X_Stop="checked"),
    )
    writing = [principal.halt() for principal in (early, late)]
    Event().wait(PAUSE)
    for principal in early, late:
        principal.member.resume()
    proven, unsent = (begun.result() for begun in writing)
    act.facts["told /part/early"] = early.problem or proven.status
    act.facts["proofs"] = proofs = early.asked(PHASE)
    assert proofs > 1 or not early.forwarded(proven), "it was sent on a proof of two seconds ago"
    _refused(act, late, unsent, 504)


def stopped_before_sending(act: Act) -> None:
    """Two proxies are stopped for longer than the write lease, and others write meanwhile.

    One had proven its lease, and finds it lost. One was about to send its first byte, and nothing here can stop that:
    it is the documented window, which only an origin server that looks at the fence closes.
    """
    proven = Principal(act, 0, "/part/proven", X_Stop="confirmed")
    sending = Principal(act, 1, "/part/sending", X_Stop="sending")
    writing = [principal.halt() for principal in (proven, sending)]
    for principal in proven, sending:
        Principal(act, 2, principal.key).insist()
        principal.member.resume()
    late = writing[1].result()
    _refused(act, proven, writing[0].result(), 503)
    sending.reached(Stage.ANSWERED, late)
    act.facts["told /part/sending"] = sending.problem or late.status
    act.facts["late write"] = [record.status for record in sending.forwarded(late)]


def stopped_before_a_checking_origin(act: Act) -> None:
    """The same, before an origin server that rejects a fence lower than the last."""
    act.scene.origin.knobs(fence=True)
    stopped_before_sending(act)
    assert act.facts["late write"] == [409], "the fence was not looked at"


def overtaken_before_sending(act: Act) -> None:
    """A proxy is stopped right before the bytes, and does not know that its brief lease lapses; the origin checks."""
    act.scene.origin.knobs(fence=True)
    sending = Principal(act, 0, "/part/sending", X_Stop="sending")
    writing = sending.halt()
    Principal(act, 1, sending.key).insist()
    sending.member.resume()
    sending.reached(Stage.ANSWERED, writing.result())


def _without(*parts: str) -> Setting:
    """Return a scene whose proxies lack parts of what they do (`tests.support.mutants`)."""
    return Setting(program=mutant(",".join(["halting", *parts])))


ROWS = [
    Row(
        "F3",
        "proxies killed while waiting, and in select",
        "others go on within the read lease; not applied",
        fault=killed_early,
        setting=HALTING,
    ),
    Row(
        "F4",
        "proxies killed when bytes have left",
        "503 + Retry-After until the lease lapses, then the truth; applied at most once",
        fault=killed_late,
        setting=HALTING,
        clients=3,
    ),
    Row(
        "F4-brief",
        "the same, with a lease of 50 ms (control)",
        "the write that is applied late undoes another",
        setting=_without("brief"),
        clients=2,
        writes=10,
        afterwards=overtaken_after_death,
        recovers=False,
        control=True,
    ),
    Row(
        "F4-released",
        "unknown outcome, lease released (control)",
        "the write that is applied late undoes another",
        setting=_without("released"),
        clients=2,
        writes=10,
        afterwards=overtaken_after_silence,
        recovers=False,
        control=True,
    ),
    Row(
        "F5",
        "proxies stopped in select for longer than the read lease",
        "503, or 412 where it asked afterwards; not applied",
        fault=stopped_in_select,
        setting=HALTING,
    ),
    Row(
        "F5-unconfirmed",
        "the same, lease not asked for again (control)",
        "the stopped write undoes another",
        setting=_without("unconfirmed"),
        clients=2,
        writes=10,
        afterwards=overtaken_in_select,
        recovers=False,
        control=True,
    ),
    Row(
        "F6",
        "proxies stopped 2 s between proof and bytes",
        "the lease is proven again, or nothing is sent",
        fault=stopped_after_proof,
        setting=HALTING,
    ),
    Row(
        "F7",
        "proxies stopped longer than the write lease, before the bytes; origin checks the fence",
        "the fence rejects the late write",
        fault=stopped_before_a_checking_origin,
        setting=HALTING,
        clients=3,
    ),
    Row(
        "F7-unfenced",
        "the same; origin does not check",
        "documented window: that one update is lost, and counted",
        fault=stopped_before_sending,
        setting=HALTING,
        clients=3,
        allowed=frozenset({Fault.LOST, Fault.FENCE}),
    ),
    Row(
        "F7-level",
        "lease of 50 ms, fences that do not rise (control)",
        "the origin server cannot tell the late write",
        setting=_without("brief", "level"),
        clients=2,
        writes=10,
        afterwards=overtaken_before_sending,
        recovers=False,
        control=True,
    ),
    Row(
        "F9",
        "event loop blocked for 3 s in select",
        "503, not applied",
        fault=blocked,
        setting=HALTING,
    ),
]
