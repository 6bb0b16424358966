"""The settings of a process that serves, read by another that leaves when it has read them.

What lives here: both sides of that. What must not: what a configuration means. The models and parsers that read one
take 16 MB, for a moment's work at the start and at a reload; and a file that takes long to read keeps no request
waiting. The settings come back as a pickle, as they go to workers.
"""

import json
import pickle
import subprocess
import sys
from collections.abc import Mapping

from proxy.cli import GOOD, USAGE
from proxy.cli.supervised import own_command
from proxy.config import ConfigurationError, Settings


def settings_elsewhere(config: str | None, flags: Mapping[str, str]) -> Settings | None:
    """Load a configuration in another process; None after that has listed its mistakes on standard error.

    Raised when there is no such process, or it dies: `errors.ConfigurationError`.
    """
    command = [*own_command("proxy.cli.reading"), json.dumps([config, dict(flags)])]
    try:
        # A session of its own: a signal for us and our kind is not for a reader, whose end would be taken for a fault.
        # The files that we were given are for it, too: a configuration may be /dev/stdin or, from a shell, /dev/fd/63.
        done = subprocess.run(  # noqa: S603 - this interpreter, with this package
            command, stdout=subprocess.PIPE, start_new_session=True, close_fds=False, check=False
        )
    except OSError as fault:
        raise ConfigurationError([f"the configuration cannot be read: no process for it: {fault.strerror}"]) from fault
    if done.returncode not in {GOOD, USAGE}:
        raise ConfigurationError([f"the configuration cannot be read: its reader ended with {done.returncode}"])
    settings: Settings | None = pickle.loads(done.stdout) if done.returncode == GOOD else None  # noqa: S301 - our own child wrote it
    return settings


def main() -> int:
    """Be the other process: the only argument is a file, or null, and the flags, as JSON."""
    from proxy.cli.telling import settings_or_mistakes

    config, flags = json.loads(sys.argv[1])
    settings = settings_or_mistakes(config, flags)
    if settings is None:
        return USAGE
    sys.stdout.buffer.write(pickle.dumps(settings))
    return GOOD


if __name__ == "__main__":
    sys.exit(main())
