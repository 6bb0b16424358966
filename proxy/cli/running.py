"""`ifmatch run`: serve until told to stop, finish what is in flight, leave.

What lives here: options, signals, and the lines for the person who started it. Exit 0 after a good end, 1 when a second
signal cut it short, 2 when the configuration or an address cannot be used.
"""

import argparse
import asyncio
import os
import signal
import sys
from dataclasses import replace

from proxy.cli.serving import CutOffError, Served, serving
from proxy.cli.telling import settings_or_mistakes
from proxy.config import ConfigurationError, Settings
from proxy.core.address import Address, UnixAddress
from proxy.telemetry import AccessLog, Style

_FLAGS = ("upstream", "listen", "admin")


def run(options: argparse.Namespace) -> int:
    """Run the proxy in the foreground."""
    process = Process(options)
    try:
        return process.run()
    except ConfigurationError as fault:
        say(str(fault))
    except OSError as fault:
        say(f"cannot listen on {fault.strerror}")
    except CutOffError:
        say("cut off what was still in flight: writes may have been applied")
        return 1
    return 2


def say(text: str) -> None:
    """Tell the person who started the command."""
    print(f"ifmatch {text}", file=sys.stderr, flush=True)


def url(address: Address, *, tls: bool = False) -> str:
    """Return an address as something to open."""
    if isinstance(address, UnixAddress):
        return str(address)
    return f"{'https' if tls else 'http'}://{address}"


class Process:
    """One run of the command: SIGTERM or SIGINT drains, a second one ends at once, SIGHUP reads the routes again."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._config: str | None = options.config
        self._flags = {name: value for name in _FLAGS if (value := getattr(options, name)) is not None}
        self._access_log = AccessLog(sys.stdout, None if options.log is None else Style(options.log))

    def run(self) -> int:
        """Serve to the end. Raised when an address cannot be had: `OSError`; for TLS: `ConfigurationError`."""
        settings = settings_or_mistakes(self._config, self._flags)
        return 2 if settings is None else asyncio.run(self._until_stopped(settings))

    async def _until_stopped(self, settings: Settings) -> int:
        stopping, forced = asyncio.Event(), asyncio.Event()
        _on_signals(stopping, forced)
        drained = asyncio.ensure_future(self._serve(settings, stopping))
        forcing = asyncio.ensure_future(forced.wait())
        await asyncio.wait({drained, forcing}, return_when=asyncio.FIRST_COMPLETED)
        forcing.cancel()
        if drained.done():
            drained.result()
            return 0
        say("stops at once: writes in flight may have been applied")
        os._exit(1)  # a write that is cut off has no better end than this process's

    async def _serve(self, settings: Settings, stopping: asyncio.Event) -> None:
        async with serving(settings, self._access_log) as served:
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._reload, settings, served)
            _announce(settings, served)
            await stopping.wait()
            say(f"drains: requests in flight have {settings.drain:g} s")

    def _reload(self, settings: Settings, served: Served) -> None:
        """Take the routes of the file as it is now, or keep the old ones and say why."""
        if self._config is None:
            say("has no file to reload")
            return
        read = settings_or_mistakes(self._config, self._flags)
        if read is None:
            say(f"keeps its old routes: {self._config} has mistakes")
            return
        served.gateway.adopt(read.routes)
        say(f"reloaded the routes of {self._config}: {len(read.routes.routes)}")
        if replace(read, routes=settings.routes) != settings:
            say("other keys of the file have changed: they take effect when it is started again")


def _announce(settings: Settings, served: Served) -> None:
    say(f"listening on {url(served.listen, tls=settings.tls is not None)}, guarding {settings.upstream.authority}")
    if served.admin is not None:
        say(f"admin on {url(served.admin)}")
    say(f"rules from {settings.source}; store {settings.store}: locks are this process's own, so run one replica only")
    if not settings.routes.guard_something:
        say("guards nothing: no route enforces, and unmatched is not guard")
    if not settings.tag_key:
        say("tag_key is not set: whoever can guess a content can check the guess against its tag")


def _on_signals(stopping: asyncio.Event, forced: asyncio.Event) -> None:
    def asked() -> None:
        (forced if stopping.is_set() else stopping).set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked)
