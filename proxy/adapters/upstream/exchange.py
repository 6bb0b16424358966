"""One request and the final head of its response, on one connection.

What lives here: sending and reading at the same time, and stopping both whatever happens. Which connection it is,
and whether there is a second try, is the room `client`.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from functools import partial
from typing import Any

from proxy.adapters.upstream.connection import Connection
from proxy.adapters.upstream.head import Head
from proxy.adapters.upstream.response import IncomingResponse
from proxy.adapters.upstream.sending import Outgoing, stream
from proxy.errors import NotSent, Unanswered
from proxy.ports import InterimListener

Progress = Callable[[], None]

SILENT = "The origin server did not answer in time."

_REFUSING = 400
"""From this status on an early answer means that nobody wants the rest of the content."""


@dataclass(frozen=True, slots=True)
class Answered:
    """A request whose final head has arrived. `whole` tells whether all of the request had been sent by then."""

    head: Head
    response: IncomingResponse
    whole: bool


async def exchange(
    connection: Connection,
    outgoing: Outgoing,
    deadline: float,
    interim: InterimListener | None,
    patience: float | None = None,
) -> Answered:
    """Send a request and return as soon as the final head has arrived.

    `deadline` is in the loop's time; with `patience`, in seconds, it moves on with each part of the content that is
    sent, since how long a client takes to send says nothing about the origin server.

    Whatever is raised, the connection is closed then. Raised: `errors.NotSent` when the connection ended, or the time
    was over, before anything was sent; `errors.Unanswered` when no final head came; whatever the content or the
    listener raises.
    """
    if outgoing.rest is None:
        return await _ask(connection, outgoing, deadline, interim)
    limit = asyncio.timeout_at(deadline)
    try:
        async with limit:
            sending = partial(stream, outgoing.rest, connection, _moving(limit, patience))
            return await _exchange(connection, outgoing, sending, deadline, interim)
    except TimeoutError as error:
        connection.abort()
        if not limit.expired():  # the content's own
            raise
        raise Unanswered(SILENT, timed_out=True) from error
    except BaseException:
        connection.abort()
        raise


async def _ask(
    connection: Connection, outgoing: Outgoing, deadline: float, interim: InterimListener | None
) -> Answered:
    """Send a request in one go and wait for the final head."""
    try:
        response = _begin(connection, outgoing, deadline)
    except BaseException:
        connection.abort()
        raise
    return await awaited(connection, response, deadline, interim)


async def awaited(
    connection: Connection,
    response: IncomingResponse,
    deadline: float,
    interim: InterimListener | None = None,
) -> Answered:
    """Wait for the final head of an answer to a request that was sent.

    Raised, once the connection is closed: what `exchange` raises.
    """
    timer = connection.loop.call_at(deadline, connection.give_up, SILENT)
    try:
        head = await _final_head(connection, response, None, interim)
    except BaseException:
        connection.abort()
        raise
    finally:
        timer.cancel()
    return Answered(head, response, whole=connection.flushed)


def require_fit(connection: Connection, deadline: float) -> None:
    """Check that a request can be sent at all, and be answered in time. Raised otherwise: `errors.NotSent`."""
    if connection.loop.time() >= deadline:
        raise NotSent("The time for an answer was over before the request could be sent.", timed_out=True)
    if not connection.open:
        raise NotSent("The origin server closed the connection before the request could be sent.")


def _begin(connection: Connection, outgoing: Outgoing, deadline: float) -> IncomingResponse:
    """Send the head of a request, and what goes with it."""
    require_fit(connection, deadline)
    response = connection.expect(outgoing.method, upgrade=outgoing.upgrade)
    connection.write(outgoing.opening)
    return response


def _moving(limit: asyncio.Timeout, patience: float | None) -> Progress:
    """Return what moves the limit on, unless it has been reached or stands still."""
    loop = asyncio.get_running_loop()

    def move() -> None:
        if patience is not None and not limit.expired():
            limit.reschedule(loop.time() + patience)

    return move


async def _exchange(
    connection: Connection,
    outgoing: Outgoing,
    sending: Callable[[], Coroutine[Any, Any, None]],
    deadline: float,
    interim: InterimListener | None,
) -> Answered:
    response = _begin(connection, outgoing, deadline)
    sender = asyncio.create_task(sending())
    sender.add_done_callback(lambda _: connection.wake())
    return await _stream_until_head(connection, response, sender, interim, to_the_end=outgoing.whole)


async def _stream_until_head(
    connection: Connection,
    response: IncomingResponse,
    sender: asyncio.Task[None],
    interim: InterimListener | None,
    *,
    to_the_end: bool,
) -> Answered:
    """Wait for the final head while content is sent, and end the sending (RFC 9112 §9.5)."""
    try:
        head = await _final_head(connection, response, sender, interim)
        if to_the_end and head.status < _REFUSING:
            await _sent(connection, sender)
        sent = sender.done() and not sender.cancelled() and sender.exception() is None
        return Answered(head, response, whole=sent and connection.flushed)
    finally:
        await _stop(sender)


async def _sent(connection: Connection, sender: asyncio.Task[None]) -> None:
    """Wait until all is sent, or cannot be: whoever answers early that all is well still wants the rest."""
    while connection.open and not sender.done():
        await connection.changed()


async def _final_head(
    connection: Connection,
    response: IncomingResponse,
    sender: asyncio.Task[None] | None,
    interim: InterimListener | None,
) -> Head:
    """Wait for the final head; raise what makes it impossible."""
    while True:
        while (told := response.take_interim()) is not None:
            if interim is not None:
                interim(*told)
        if response.head is not None:
            return response.head
        if response.failure is not None:
            raise response.failure
        if sender is not None and sender.done():
            sender.result()
        await connection.changed()


async def _stop(sender: asyncio.Task[None]) -> None:
    """End the sender and see it ended, also when cancelled meanwhile: it uses content that belongs to someone else."""
    sender.cancel()
    cancelled: asyncio.CancelledError | None = None
    while not sender.done():
        try:
            await asyncio.wait([sender])
        except asyncio.CancelledError as again:
            cancelled = again
    if not sender.cancelled():
        sender.exception()  # seen: either it was raised already, or an answer made it irrelevant
    if cancelled is not None:
        raise cancelled
