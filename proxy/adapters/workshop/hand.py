"""A process that does work for a bench, which started it; nobody else does.

What lives here: the process from within. It takes one piece of work after the other, and ends with its bench: at once,
also in the middle of work, and however that ended. Signals to end are left to who it works for.
"""

import gc
import os
import select
import signal
import socket
import sys
import threading
from typing import Final

from proxy.adapters.workshop.line import Line, Work, read
from proxy.core import tagging, uninjecting  # noqa: F401 - loaded before the first work comes

_LINE: Final = 0
"""The standard input is the line to the bench."""

YIELDING: Final = 10
"""By how much nicer a hand is than whom it works for: on a core that both want it gets a tenth, and waits first."""


def main() -> int:
    """Work until the bench is gone."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    os.nice(YIELDING)
    gc.disable()  # a document is many objects and no cycle: looking for one, again and again, is half of the time
    gc.freeze()
    end = socket.socket(fileno=_LINE)
    threading.Thread(target=_end_with, args=(end.fileno(),), daemon=True).start()
    line = Line(end)
    try:
        line.ready()
        while True:
            serve(line)
            gc.collect()
    except (EOFError, OSError):
        return 0


def serve(line: Line) -> None:
    """Do one piece of work. What it raises is raised where it was asked for.

    Raised when the bench is gone: EOFError, OSError.
    """
    asked, content = line.receive()
    result, fault = None, None
    try:
        work: Work = read(asked)
        result = work(content)
    except Exception as raised:  # noqa: BLE001 - whatever it is
        fault = raised
    line.send((result, fault))


def _end_with(descriptor: int) -> None:
    """End this process as soon as the other end of the line is closed."""
    closed = select.poll()
    closed.register(descriptor, 0)  # that a line was cut is told unasked
    closed.poll()
    os._exit(0)


if __name__ == "__main__":
    sys.exit(main())
