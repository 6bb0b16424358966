"""What becomes of work when its client leaves."""

import asyncio

import pytest

from proxy.errors import ClientGone
from proxy.ports import Step
from proxy.server.presence import BEFORE_THE_WRITE, WhileHere, finished
from proxy.telemetry import RequestJournal


def _future() -> "asyncio.Future[None]":
    return asyncio.get_running_loop().create_future()


async def _turn() -> None:
    """Let every callback that is due run, and every task take a step."""
    for _ in range(3):
        await asyncio.sleep(0)


async def test_a_read_is_given_up_when_its_client_leaves() -> None:
    """The body of `WhileHere` is cancelled where it waits, and what comes out is `ClientGone`."""
    gone, reached = _future(), _future()

    async def work() -> None:
        with WhileHere(gone):
            reached.set_result(None)
            await _future()

    task = asyncio.ensure_future(work())
    await reached
    gone.set_result(None)
    with pytest.raises(ClientGone):
        await task


async def test_a_client_that_left_before() -> None:
    """Work for a client that is gone already ends at its first wait."""
    gone = _future()
    gone.set_result(None)
    with pytest.raises(ClientGone), WhileHere(gone):
        await _future()


async def test_the_task_goes_on_after_its_client_left() -> None:
    """The cancellation ends with the body: whoever catches `ClientGone` can go on waiting."""
    gone = _future()
    gone.set_result(None)
    with pytest.raises(ClientGone), WhileHere(gone):
        await _future()
    await _turn()
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0


async def test_a_client_that_stays_changes_nothing() -> None:
    """Results and exceptions of the body pass."""
    with WhileHere(_future()):
        await _turn()
    with pytest.raises(KeyError), WhileHere(_future()):
        raise KeyError


async def test_a_client_that_leaves_as_the_body_ends(caplog: pytest.LogCaptureFixture) -> None:
    """A client that leaves in the very turn in which the body ends does not cancel what comes after it."""
    gone = _future()
    with WhileHere(gone):
        gone.set_result(None)
    await _turn()
    assert caplog.records == []


async def test_a_cancellation_from_elsewhere_stays_one() -> None:
    """Somebody who cancels the task gets a cancelled task, not a failure."""
    reached = _future()

    async def work() -> None:
        with WhileHere(_future()):
            reached.set_result(None)
            await _future()

    task = asyncio.ensure_future(work())
    await reached
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_both_at_once_is_a_cancellation() -> None:
    """A task that is cancelled while its client leaves ends as cancelled."""
    gone, reached = _future(), _future()

    async def work() -> None:
        with WhileHere(gone):
            reached.set_result(None)
            await _future()

    task = asyncio.ensure_future(work())
    await reached
    gone.set_result(None)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("step", Step)
async def test_a_write_is_given_up_only_before_it_began(step: Step) -> None:
    """A client that leaves cancels its write until it may have been forwarded, and never after (DESIGN section 10)."""
    gone, go_on = _future(), asyncio.Event()
    journal = RequestJournal()

    async def write() -> str:
        with journal.step(step):
            await go_on.wait()
        return "written"

    task = asyncio.ensure_future(write())
    waiting = asyncio.ensure_future(finished(task, gone, journal))
    await _turn()
    gone.set_result(None)
    await _turn()
    go_on.set()
    if step in {Step.RECEIVE, Step.REQUIRE, Step.HOLD, Step.RECALL, Step.SELECT, Step.EVALUATE}:
        with pytest.raises(ClientGone):
            await waiting
        assert task.cancelled()
    else:
        assert await waiting == "written"


def test_nothing_that_sends_can_be_given_up() -> None:
    """No step that may send the write, or that follows it, is among those that can be given up."""
    assert not BEFORE_THE_WRITE & {Step.CONFIRM, Step.PERFORM, Step.SETTLE, Step.REMEMBER, Step.RELAY, Step.ANSWER}


async def test_between_two_steps_the_latest_counts() -> None:
    """A write that waits between EVALUATE and CONFIRM can still be given up; between CONFIRM and PERFORM it cannot."""
    for step, cancelled in ((Step.EVALUATE, True), (Step.CONFIRM, False)):
        gone, go_on = _future(), asyncio.Event()
        journal = RequestJournal()
        with journal.step(step):
            pass
        task = asyncio.ensure_future(_awaiting(go_on))
        waiting = asyncio.ensure_future(finished(task, gone, journal))
        await _turn()
        gone.set_result(None)
        await _turn()
        go_on.set()
        await asyncio.wait([waiting])
        assert task.cancelled() is cancelled
        assert isinstance(waiting.exception(), ClientGone) is cancelled


async def test_whoever_stops_waiting_leaves_the_write_alone() -> None:
    """Cancelling the one who waits for a write does not cancel the write."""
    go_on = asyncio.Event()
    task = asyncio.ensure_future(_awaiting(go_on))
    waiting = asyncio.ensure_future(finished(task, _future(), RequestJournal()))
    await _turn()
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    go_on.set()
    await task


async def test_a_failure_of_the_write_comes_out() -> None:
    """What the write raises reaches the one who waits."""

    async def write() -> None:
        raise KeyError

    with pytest.raises(KeyError):
        await finished(asyncio.ensure_future(write()), _future(), RequestJournal())


async def _awaiting(event: asyncio.Event) -> None:
    await event.wait()
