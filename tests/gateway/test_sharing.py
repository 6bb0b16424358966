"""What is told among those who wait: of their own resource alone, in order, and no longer than somebody waits."""

from dataclasses import replace

from proxy.core.moment import SOMETIME, Moment
from proxy.core.preconditions import Preconditions
from proxy.gateway.exchange import Write, matched
from proxy.gateway.sharing import SELECTORS, Sharing, Sight
from proxy.ports import Remembered
from tests.support.scripted import Canned, Rig, answering, request
from tests.support.world import SilentJournal, Text

KEY = "/wiki/1"
SEEN, LATER = Remembered(None, Moment(10, 20)), Remembered(None, Moment(30, 40))


def write(*, came: int = 0, arrived: Moment = SOMETIME) -> Write:
    """Return a write of the resource."""
    asked = request("PUT", KEY)
    match = matched(Rig(answering(Canned())).gateway.identify(asked))
    assert match.lock_key == KEY
    return Write(asked, asked, Text(b""), match, Preconditions(), arrived, SilentJournal(), came)


def test_what_is_told_is_known_to_those_who_wait() -> None:
    """For the resource and the selector of which it was told, and for no other."""
    sharing = Sharing()
    with sharing.waiting(KEY):
        sharing.tell(KEY, b"s", SEEN)
        sharing.tell("/wiki/2", b"t", LATER)
        assert sharing.latest(write(), b"s") == Sight(SEEN, 0)
        assert sharing.latest(write(), b"t") is None


def test_nothing_is_kept_for_nobody() -> None:
    """What is told while nobody waits can serve nobody; and the last who waits takes along what was told."""
    sharing = Sharing()
    sharing.tell(KEY, b"s", SEEN)
    with sharing.waiting(KEY):
        assert sharing.latest(write(), b"s") is None
        with sharing.waiting(KEY):
            sharing.tell(KEY, b"s", SEEN)
        assert sharing.latest(write(), b"s") is not None
    with sharing.waiting(KEY):
        assert sharing.latest(write(), b"s") is None


def test_what_began_later_stays() -> None:
    """What the fleet remembers may be older than what was seen here since."""
    sharing = Sharing()
    with sharing.waiting(KEY):
        sharing.tell(KEY, b"s", LATER, begun=7)
        sharing.tell(KEY, b"s", SEEN)
        assert sharing.latest(write(), b"s") == Sight(LATER, 7)
        sharing.tell(KEY, b"s", LATER, begun=8)
        assert sharing.latest(write(), b"s") == Sight(LATER, 8)


def test_what_is_told_is_bounded() -> None:
    """Of one resource so many selections are kept; those that nobody asks for leave first."""
    sharing = Sharing()
    with sharing.waiting(KEY):
        for number in range(2 * SELECTORS):
            sharing.tell(KEY, b"%d" % number, SEEN)
            assert sharing.latest(write(), b"0") is not None
        kept = [number for number in range(2 * SELECTORS) if sharing.latest(write(), b"%d" % number)]
        assert kept == [0, *range(SELECTORS + 1, 2 * SELECTORS)]


def test_only_what_began_after_a_request_arrived_follows_it() -> None:
    """Within this process by its own order, of another's by the store's clock, and only where that is certain."""
    sharing = Sharing()
    came, begun = sharing.now(), sharing.now()
    assert came < begun
    assert Sight(SEEN, begun).follows(write(came=came))
    assert not Sight(SEEN, came).follows(write(came=begun))
    assert not Sight(SEEN, begun).follows(write(came=begun))
    for arrived, follows in [(Moment(1, 9), True), (Moment(1, 10), False), (SOMETIME, False)]:
        assert Sight(SEEN, 0).follows(write(came=came, arrived=arrived)) is follows
    assert not Sight(replace(SEEN, began=SOMETIME), 0).follows(write(came=came, arrived=Moment(0, 0)))


def test_a_clock_that_is_set_back_changes_no_order_in_this_process() -> None:
    """What began before a request arrived says nothing to it, though by the store's clock it began later."""
    assert not Sight(SEEN, 1).follows(write(came=2, arrived=Moment(0, 1)))
    assert Sight(SEEN, 2).follows(write(came=1, arrived=Moment(90, 99)))
