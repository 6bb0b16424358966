"""`ifmatch run`: serve until told to stop, finish what is in flight, leave.

What lives here: options, the lines for the person who started it, and reading the file again. What must not: signals
(`foreground`), processes (`supervising`). Exit 0 after a good end, 1 when something was cut off, 2 when the
configuration, the store or an address cannot be used.
"""

import argparse
import asyncio
import signal
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

from proxy.access_log import AccessLog, Style
from proxy.admin import Admin
from proxy.cli import FAILURE, GOOD, USAGE, looping
from proxy.cli.agreeing import fleet_rules
from proxy.cli.foreground import OneByOne, say, until_stopped, url
from proxy.cli.limits import raise_files
from proxy.cli.orders import Orders
from proxy.cli.reading import settings_elsewhere
from proxy.cli.serving import CutOffError, Served, serving
from proxy.cli.supervising import Front, supervise
from proxy.config import ConfigurationError, Settings
from proxy.core.address import Address
from proxy.metrics import Gathered, prepare_directory

_FLAGS = ("upstream", "listen", "admin", "store", "workers")


def run(options: argparse.Namespace) -> int:
    """Run the proxy in the foreground."""
    raise_files()
    process = Process(options)
    try:
        return process.run()
    except ConfigurationError as fault:
        say(str(fault))
    except OSError as fault:
        say(f"cannot listen on {fault.strerror}")
    except CutOffError:
        say("cut off what was still in flight: writes may have been applied")
        return FAILURE
    return USAGE


class Process:
    """One run of the command."""

    def __init__(self, options: argparse.Namespace) -> None:
        self._config: str | None = options.config
        self._flags = {name: value for name in _FLAGS if (value := getattr(options, name)) is not None}
        self._style = None if options.log is None else Style(options.log)
        self._settings: Settings | None = None

    def run(self) -> int:
        """Serve to the end. Raised when an address cannot be had: `OSError`; for TLS: `ConfigurationError`."""
        settings = self._settings = settings_elsewhere(self._config, self._flags)
        if settings is None:
            return USAGE
        if settings.workers > 1:
            return looping.run(self._supervise(settings))
        looping.run(until_stopped(partial(self._serve, settings)))
        return GOOD

    async def _serve(self, settings: Settings, stopping: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        log = AccessLog(sys.stdout, self._style, loop.call_soon)
        async with serving(settings, log, say=say) as served:
            loop.add_signal_handler(signal.SIGHUP, OneByOne(partial(self._adopt, served)).begin)
            looping.settle_down()
            announce(settings, served.listen, served.admin)
            await stopping.wait()
            say(f"drains: requests in flight have {settings.drain:g} s")

    async def _supervise(self, settings: Settings) -> int:
        with self._counting() as counts:
            gathered = Gathered(counts)
            front = Front(
                announce=partial(announce, settings),
                reload=self._read_again,
                reloaded=self._reloaded,
                departed=gathered.forget_process,
                admin=lambda ready: Admin(ready, gathered.exposition),
            )
            return await supervise(Orders(settings, self._style, counts=counts), settings.workers, front)

    @contextmanager
    def _counting(self) -> Iterator[Path]:
        """Make a folder in which all workers count. Raised when there can be none: `ConfigurationError`."""
        with ExitStack() as folder:
            try:
                counts = folder.enter_context(prepare_directory())
            except OSError as fault:
                raise ConfigurationError([f"workers: no folder for what they count: {fault}"]) from fault
            yield counts

    async def _adopt(self, served: Served) -> None:
        read = await self._read_again()
        if read is not None:
            served.gateway.adopt(read.routes)
            self._reloaded(read)

    async def _read_again(self) -> Settings | None:
        """Return the settings of the file as it is now; None, having said why, where the old ones are kept."""
        settings = self._settings
        if self._config is None or settings is None:
            say("has no file to reload")
            return None
        try:
            read = await asyncio.to_thread(settings_elsewhere, self._config, self._flags)
        except ConfigurationError as fault:
            say(f"keeps its old routes: {fault}")
            return None
        if read is None:
            say(f"keeps its old routes: {self._config} has mistakes")
            return None
        if settings.store.shared and fleet_rules(settings, read.routes) != fleet_rules(settings, settings.routes):
            say("keeps its old routes: replicas that share a store change their rules together; restart all of them")
            return None
        return read

    def _reloaded(self, read: Settings) -> None:
        say(f"reloaded the routes of {self._config}: {len(read.routes.routes)}")
        if self._settings is not None and replace(read, routes=self._settings.routes) != self._settings:
            say("other keys of the file have changed: they take effect when it is started again")


def announce(settings: Settings, listen: Address, admin: Address | None) -> None:
    """Say where it serves, by which rules, and what whoever started it may not be aware of."""
    workers = f" with {settings.workers} workers" if settings.workers > 1 else ""
    where = url(listen, tls=settings.tls is not None)
    say(f"listening on {where}{workers}, guarding {settings.upstream.authority}")
    if admin is not None:
        say(f"admin on {url(admin)}")
    sharing = "shared with all replicas" if settings.store.shared else "this process's own, so run one replica only"
    say(f"rules from {settings.source}; store {settings.store}: locks are {sharing}")
    if not settings.routes.guard_something:
        say("guards nothing: no route enforces, and unmatched is not guard")
    if not settings.tag_key:
        say("tag_key is not set: whoever can guess a content can check the guess against its tag")
