"""What one clock says of another: the truth lies within what is told, and a clock that was set is found out."""

import time

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from proxy.adapters.redis import timing
from proxy.adapters.redis.timing import JUMP, Reading, StoreClock, local_time
from proxy.core.moment import SOMETIME, Moment

SECOND = 1_000_000
HOUR = 3_600 * SECOND
STARTED = 10**9
SPAN = 600 * SECOND
"""How long a lease lasts at most, in tests: far longer than any does."""

offsets = st.integers(0, 2 * 10**15)
drifts = st.floats(-500e-6, 500e-6)
delays = st.integers(0, SECOND)
spans = st.integers(0, HOUR)


class StoreTime:
    """A store whose clock began with an offset to ours, and is so much too fast."""

    def __init__(self, offset: int, drift: float) -> None:
        self.offset = offset
        self.drift = drift

    def at(self, local: int) -> int:
        """Return what it shows when ours shows `local`."""
        return self.offset + local + round((local - STARTED) * self.drift)

    def reading(self, sent: int, there: int, back: int, jump: int = 0) -> Reading:
        """Return the reading of a call that takes so long on its way there and back."""
        return Reading(sent, sent + there + back, self.at(sent + there) + jump)


stores = st.builds(StoreTime, offsets, drifts)


@given(store=stores, there=delays, back=delays, later=spans)
def test_the_true_time_lies_within_what_is_told(store: StoreTime, there: int, back: int, later: int) -> None:
    """Whatever the offset, the delays and a drift of up to 500 ppm, a moment holds what the store's clock shows."""
    reading = store.reading(STARTED, there, back)
    local = reading.received + later
    moment = reading.now(local)
    assert moment.earliest - 1 <= store.at(local) <= moment.latest + 1


@given(store=stores, there=delays, back=delays)
def test_a_moment_is_as_wide_as_the_call_was_long(store: StoreTime, there: int, back: int) -> None:
    """Fresh readings are as exact as they can be."""
    reading = store.reading(STARTED, there, back)
    moment = reading.now(reading.received)
    took = there + back
    assert took <= moment.latest - moment.earliest <= took + took // 2_000 + 1  # and what the clocks drift meanwhile


@given(store=stores, calls=st.lists(st.tuples(delays, delays, st.integers(0, SECOND)), min_size=1, max_size=20))
def test_of_many_readings_the_truth_is_kept(store: StoreTime, calls: list[tuple[int, int, int]]) -> None:
    """Whichever readings came in, what the estimate says now holds the truth, and is no wider than the last of them."""
    clock = StoreClock()
    local = STARTED
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(timing, "local_time", lambda: local)
        for there, back, pause in calls:
            reading = store.reading(local, there, back)
            local = reading.received
            clock.read(reading)
            assert_within(store, clock, local)
            assert width(clock.now()) <= width(reading.now(local))
            local += pause
            assert_within(store, clock, local)


def assert_within(store: StoreTime, clock: StoreClock, local: int) -> None:
    """Assert that the estimate holds the truth, but for rounding."""
    moment = clock.now()
    assert moment.earliest - 1 <= store.at(local) <= moment.latest + 1


def width(moment: Moment) -> int:
    """Return how far a moment is uncertain."""
    return moment.latest - moment.earliest


@given(
    store=stores,
    mine=st.tuples(delays, delays, spans),
    theirs=st.tuples(delays, delays, spans),
    aged=st.integers(0, 60 * SECOND),
)
def test_two_processes_order_events_alike(
    store: StoreTime, mine: tuple[int, int, int], theirs: tuple[int, int, int], aged: int
) -> None:
    """What one process saw first is never certainly after what another saw later, whatever each knows of the clock."""
    one, other = (store.reading(STARTED + start, there, back) for there, back, start in (mine, theirs))
    first = max(one.received, other.received)
    assert not one.now(first).after(other.now(first + aged))
    assert not other.now(first).after(one.now(first + aged))


@given(store=stores, calls=st.tuples(delays, delays, delays, delays), span=st.integers(0, SPAN))
def test_honest_readings_agree(store: StoreTime, calls: tuple[int, int, int, int], span: int) -> None:
    """No lease is given up because of slow calls or of clocks that drift apart."""
    first = store.reading(STARTED, calls[0], calls[1])
    assert first.agrees(store.reading(first.received + span, calls[2], calls[3]))


@given(
    store=st.builds(StoreTime, st.just(HOUR), drifts),
    calls=st.tuples(delays, delays, delays, delays),
    span=st.integers(0, 60 * SECOND),
    jump=st.integers(-HOUR // 2, HOUR),
)
def test_a_clock_that_was_set_is_found_out(
    store: StoreTime, calls: tuple[int, int, int, int], span: int, jump: int
) -> None:
    """A jump of more than half a second, and of what the calls leave uncertain, is no drift."""
    assume(abs(jump) > JUMP + sum(calls) + span // 2_000 + 2)
    first = store.reading(STARTED, calls[0], calls[1])
    assert not first.agrees(store.reading(first.received + span, calls[2], calls[3], jump))


def test_nothing_is_known_before_the_first_reading() -> None:
    """The moment is then neither after nor before any other."""
    moment = StoreClock().now()
    assert moment == SOMETIME
    assert not moment.after(Moment(0, 1))
    assert not Moment(2**62, 2**62).after(moment)


@pytest.mark.parametrize("jump", [-HOUR, -SECOND, SECOND, HOUR])
def test_a_clock_that_was_set_is_believed_anew(jump: int) -> None:
    """A reading that contradicts the best one replaces it even where it is less exact."""
    clock = StoreClock()
    now = local_time()
    clock.read(Reading(now - 10, now, 5 * HOUR))
    clock.read(Reading(now, now + 100, 5 * HOUR + jump))
    assert abs(clock.now().earliest - 5 * HOUR - jump) < SECOND // 2


@pytest.mark.parametrize(("jump", "doubtful"), [(-HOUR, True), (-SECOND // 10, True), (0, False), (SECOND, False)])
def test_moments_from_before_a_clock_was_set_back_are_doubtful(jump: int, doubtful: bool) -> None:
    """However little it was: what was told until then reaches into what is told from now on."""
    clock = StoreClock()
    now = local_time()
    clock.read(Reading(now - 10, now, 5 * HOUR))
    before = clock.now()
    clock.read(Reading(now + 1_000, now + 1_100, 5 * HOUR + 1_050 + jump))
    assert (clock.doubtful >= before.earliest) is doubtful


@given(store=stores, calls=st.tuples(delays, delays, delays, delays), span=st.integers(0, SPAN))
def test_nothing_is_doubtful_where_clocks_merely_drift(
    store: StoreTime, calls: tuple[int, int, int, int], span: int
) -> None:
    """Slow calls and crystals that are not alike set no clock back."""
    clock = StoreClock()
    first = store.reading(STARTED, calls[0], calls[1])
    clock.read(first)
    clock.read(store.reading(first.received + span, calls[2], calls[3]))
    assert clock.doubtful == 0


def test_an_exact_reading_outlasts_vague_ones() -> None:
    """A call that took long teaches nothing that is not known better."""
    clock = StoreClock()
    now = local_time()
    clock.read(Reading(now - 100, now, HOUR))
    clock.read(Reading(now, now + 400_000, HOUR + 200_000))
    assert width(clock.now()) < 400_000


def test_local_time_goes_on_in_a_suspended_machine() -> None:
    """It is the clock that counts while the machine sleeps, as leases in the store do; in microseconds."""
    before = time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000
    told = local_time()
    assert before <= told <= time.clock_gettime_ns(time.CLOCK_BOOTTIME) // 1_000
