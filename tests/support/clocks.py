"""A wall clock that a test can move, for one program and those it starts.

What lives here: the environment that fakes the clock, by libfaketime, and moving it. The clocks that count since some
moment (monotonic, boot time) go on as they are.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.support.child import ChildFailed

_LIBRARY = "libfaketime.so.1"
_FOLDERS = ("/usr/lib", "/usr", "/usr/local")
"""What the folder of a machine's architecture, or `lib`, is in."""
_SHARED = Path("/dev/shm")  # noqa: S108 - where the C library puts shared memory; the name is not ours to choose
_LEFT = ("faketime_shm_", "sem.faketime_sem_")


class FakedClock:
    """A wall clock that was moved by `offset` seconds. A program sees it that is started with `environment`."""

    def __init__(self, folder: Path) -> None:
        self.offset = 0.0
        self._file = folder / "offset"
        self.jump(0.0)

    @property
    def environment(self) -> Mapping[str, str]:
        """What to start a program with.

        The C library comes second, before what the program is linked to: an allocator such as jemalloc asks for the
        time while libfaketime, which needs memory for it, is not ready, and the program would hang. Sleeping until a
        time of the monotonic clock, as Python's `time.sleep` does, fails with EINVAL (libfaketime 0.9.10); waiting for
        a descriptor, a lock or an event loop is as ever.
        """
        return {
            "LD_PRELOAD": f"{library()}:libc.so.6",
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
        }

    def jump(self, seconds: float) -> None:
        """Move the clock, back where negative. The next look at it shows that."""
        self.offset += seconds
        written = self._file.with_suffix(".new")
        written.write_text(f"{self.offset:+f}\n")
        written.replace(self._file)  # in one step: what is half written is no time at all


@contextmanager
def faked_clock() -> Iterator[FakedClock]:
    """Offer a clock. Raised when libfaketime is not installed: `ChildFailed`."""
    library()
    with TemporaryDirectory(prefix="ifmatch-") as folder:
        try:
            yield FakedClock(Path(folder))
        finally:
            _sweep()


def library() -> str:
    """Return where libfaketime is. Raised when it is not installed: `ChildFailed`."""
    found = [path for folder in _FOLDERS for path in sorted(Path(folder).glob(f"*/faketime/{_LIBRARY}"))]
    if not found:
        raise ChildFailed(f"{_LIBRARY} is missing; run: apt-get install -y faketime")
    return str(found[0])


def _sweep() -> None:
    """Remove the shared memory of programs that were killed: a later one with the same id would not start."""
    for left in (path for prefix in _LEFT for path in _SHARED.glob(f"{prefix}*")):
        pid = left.name.rpartition("_")[2]
        if pid.isdecimal() and not Path("/proc", pid).exists():
            with suppress(PermissionError):  # another user's
                left.unlink(missing_ok=True)
