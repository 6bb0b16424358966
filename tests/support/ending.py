"""Whether a process ends, be it whose child it may."""

import os
import select

from tests.support.child import PATIENCE


def ended(pid: int) -> bool:
    """Wait for the end of a process; False when it does not come in time."""
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    with os.fdopen(descriptor):
        poll = select.poll()
        poll.register(descriptor, select.POLLIN)
        return bool(poll.poll(PATIENCE * 1000))
