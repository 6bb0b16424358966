"""The admin port: read-only answers about the proxy itself, for probes and people.

What lives here: a second, small server. It never reaches the origin server or the store, so that a blink of either does
not make a proxy that still serves look dead (DESIGN section 10), and it writes nothing to the access log.
"""

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

from aiohttp import web

from proxy.core.address import Address, TcpAddress, UnixAddress
from proxy.metrics import CONTENT_TYPE

METHODS: Final = ("GET", "HEAD")
METRICS: Final = "/metrics"

_UNHEARD: Final = logging.getLogger(f"{__name__}.unheard")
_UNHEARD.disabled = True  # aiohttp logs a traceback for every request that it cannot parse


class Admin:
    """Answers probes, from `start` to `close`.

    `ready` tells whether the proxy takes requests, `exposition` what it has counted.
    """

    def __init__(self, ready: Callable[[], bool], exposition: Callable[[], bytes]) -> None:
        self._ready = ready
        self._exposition = exposition
        self._started = False
        self._server: web.Server | None = None
        self._listening: asyncio.Server | None = None
        self._address: Address | None = None
        self._pages: dict[str, Callable[[], bool]] = {
            "/livez": lambda: True,
            "/healthz": lambda: True,
            "/readyz": ready,
            "/startupz": self._has_started,
        }

    async def start(self, address: Address) -> Address:
        """Begin to answer, and return the address that was bound. Raised when it cannot be had: OSError."""
        self._server = web.Server(self._answer, access_log=None, logger=_UNHEARD, lingering_time=0)
        self._listening = await _listen(self._server, address)
        self._address = address
        if isinstance(address, TcpAddress):
            self._address = TcpAddress(address.host, self._listening.sockets[0].getsockname()[1])
        return self._address

    async def close(self) -> None:
        """Stop answering. Does nothing before `start`."""
        if self._listening is None or self._server is None:
            return
        self._listening.close()
        self._server.pre_shutdown()
        await self._server.shutdown(1.0)
        if isinstance(self._address, UnixAddress):
            _unlink(self._address)

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        if request.method not in METHODS:
            return _page(405, "only GET and HEAD are answered here", Allow=", ".join(METHODS))
        path = request.raw_path.partition("?")[0]
        if path == METRICS:
            content = await asyncio.to_thread(self._exposition)  # with many routes it takes its time
            return web.Response(body=content, headers={"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"})
        page = self._pages.get(path)
        if page is None:
            return _page(404, f"there are {', '.join([*self._pages, METRICS])}")
        return _page(200, "ok") if page() else _page(503, "starting or draining")

    def _has_started(self) -> bool:
        """Tell whether the proxy has ever been ready: draining does not undo a start."""
        self._started = self._started or self._ready()
        return self._started


async def _listen(server: web.Server, address: Address) -> asyncio.Server:
    loop = asyncio.get_running_loop()
    if isinstance(address, UnixAddress):
        return await loop.create_unix_server(server, address.path)
    return await loop.create_server(server, address.host or None, address.port)


def _unlink(address: UnixAddress) -> None:
    Path(address.path).unlink(missing_ok=True)


def _page(status: int, text: str, **fields: str) -> web.Response:
    """Return a page of plain text, never to be stored; a method other than GET and HEAD ends its connection."""
    page = web.Response(status=status, text=f"{text}\n", headers={"Cache-Control": "no-store", **fields})
    if status == 405:  # noqa: PLR2004 - its content was not read
        page.force_close()
    return page
