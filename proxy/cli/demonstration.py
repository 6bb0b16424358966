"""`ifmatch demo`: the bundled play, with the proxy assembled here."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TextIO

from proxy.access_log import AccessLog
from proxy.cli.foreground import url
from proxy.cli.serving import serving
from proxy.config import Settings, load
from proxy.demo.player import play


def demo(*, once: bool) -> int:
    """Play, and return 0 only if every step was answered as it must be."""
    with open(os.devnull, "w", encoding="utf-8") as nowhere:  # noqa: PTH123 - a device is no path

        @asynccontextmanager
        async def start_proxy(origin: str) -> AsyncIterator[str]:
            async with serving(_settings(origin), _log(nowhere)) as served:
                yield url(served.listen)

        return asyncio.run(play(once, sys.stdout, start_proxy))


def _settings(origin: str) -> Settings:
    return load(None, flags={"upstream": origin, "listen": "127.0.0.1:0", "admin": "127.0.0.1:0"}, environ={})


def _log(nowhere: TextIO) -> AccessLog:
    """Return an access log that nobody reads: the play tells its own story."""
    return AccessLog(nowhere)
