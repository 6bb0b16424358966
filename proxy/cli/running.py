"""`ifmatch run`: serve until told to stop, finish what is in flight, leave.

What lives here: options, signals, and the lines for the person who started it. Exit 0 after a good end, 1 when a second
signal cut it short, 2 when the configuration or an address cannot be used.
"""

import argparse
import asyncio
import os
import signal
import sys

from proxy.cli.serving import Served, serving
from proxy.cli.telling import settings_or_mistakes
from proxy.config import ConfigurationError, Settings
from proxy.core.address import Address, UnixAddress
from proxy.telemetry import AccessLog, Style

_FLAGS = ("upstream", "listen", "admin")


def run(options: argparse.Namespace) -> int:
    """Run the proxy in the foreground."""
    flags = {name: value for name in _FLAGS if (value := getattr(options, name)) is not None}
    settings = settings_or_mistakes(options.config, flags)
    if settings is None:
        return 2
    style = None if options.log is None else Style(options.log)
    try:
        return asyncio.run(_until_stopped(settings, AccessLog(sys.stdout, style)))
    except ConfigurationError as fault:
        say(str(fault))
    except OSError as fault:
        say(f"cannot listen on {fault.strerror}")
    return 2


def say(text: str) -> None:
    """Tell the person who started the command."""
    print(f"ifmatch {text}", file=sys.stderr, flush=True)


def url(address: Address, *, tls: bool = False) -> str:
    """Return an address as something to open."""
    if isinstance(address, UnixAddress):
        return str(address)
    return f"{'https' if tls else 'http'}://{address}"


async def _until_stopped(settings: Settings, access_log: AccessLog) -> int:
    """Serve, drain on the first SIGTERM or SIGINT, leave at once on the second."""
    stopping, forced = asyncio.Event(), asyncio.Event()
    _on_signals(stopping, forced)
    drained = asyncio.ensure_future(_serve(settings, access_log, stopping))
    forcing = asyncio.ensure_future(forced.wait())
    await asyncio.wait({drained, forcing}, return_when=asyncio.FIRST_COMPLETED)
    forcing.cancel()
    if drained.done():
        drained.result()
        return 0
    say("stops at once: writes in flight may have been applied")
    os._exit(1)  # a write that is cut off has no better end than this process's


async def _serve(settings: Settings, access_log: AccessLog, stopping: asyncio.Event) -> None:
    async with serving(settings, access_log) as served:
        _announce(settings, served)
        await stopping.wait()
        say(f"drains: requests in flight have {settings.drain:g} s")


def _announce(settings: Settings, served: Served) -> None:
    say(f"listening on {url(served.listen, tls=settings.tls is not None)}, guarding {settings.upstream.authority}")
    if served.admin is not None:
        say(f"admin on {url(served.admin)}")
    say(f"rules from {settings.source}; store {settings.store}: locks are this process's own, so run one replica only")
    if not settings.tag_key:
        say("tag_key is not set: whoever can guess a content can check the guess against its tag")


def _on_signals(stopping: asyncio.Event, forced: asyncio.Event) -> None:
    def asked() -> None:
        (forced if stopping.is_set() else stopping).set()

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked)
