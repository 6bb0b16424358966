"""A stand-in for the proxy: a few lines that guard a page well enough for the play, or fail in one chosen way.

It fulfils the contract of `StartProxy` and is no model of ifmatch: it knows GET, PUT and one If-Match.
"""

import asyncio
import hashlib
import json
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from enum import Enum, auto

import aiohttp
from aiohttp import web


class Fault(Enum):
    """What the stand-in does wrong."""

    NONE = auto()
    BUSY_ONCE = auto()
    """The first write of the counter is answered 503: right, and to be tried again."""
    ALWAYS_BUSY = auto()
    NO_TAGS = auto()
    TAGS_IN_VAIN = auto()
    """If-Match is never looked at."""
    NO_LOCK = auto()
    """If-Match is compared, and others may write before this write is forwarded."""
    NO_TAG_IN_REFUSAL = auto()
    OTHER_TAG_IN_REFUSAL = auto()
    NO_PROBLEM = auto()
    NO_JSON = auto()
    FORGETFUL = auto()
    """A write of the merged page is answered 204 and not forwarded."""
    MERGES = auto()
    """Whatever was on the page stays on it."""
    DOWN = auto()


class Standin:
    """A guard of one origin."""

    def __init__(self, origin: str, session: aiohttp.ClientSession, fault: Fault) -> None:
        self._origin = origin
        self._session = session
        self._fault = fault
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)
        self._busy = {Fault.BUSY_ONCE: 1, Fault.ALWAYS_BUSY: 10**6}.get(fault, 0)

    async def answer(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer one request."""
        if self._fault is Fault.DOWN:
            return web.Response(status=502)
        if request.method == "GET":
            return await self._observe(request.path)
        if request.path.startswith("/counter/") and self._busy:
            self._busy -= 1
            return web.Response(status=503, headers={"Retry-After": "0"})
        if self._fault is Fault.NO_LOCK:
            return await self._guard(request)
        async with self._locks[request.path]:
            return await self._guard(request)

    async def _observe(self, path: str) -> web.Response:
        content, tag = await self._select(path)
        fields = {} if self._fault is Fault.NO_TAGS else {"ETag": tag}
        media_type = "text/plain" if self._fault is Fault.NO_JSON else "application/json"
        return web.Response(body=content, content_type=media_type, headers=fields)

    async def _guard(self, request: web.BaseRequest) -> web.Response:
        content = await request.read()
        wanted = request.headers.get("If-Match")
        current, tag = await self._select(request.path)
        if wanted not in {None, tag} and self._fault is not Fault.TAGS_IN_VAIN:
            return self._refusal(tag)
        if self._fault is Fault.FORGETFUL and b"milk, bread" in content:
            return web.Response(status=204)
        if self._fault is Fault.MERGES and b"eggs, " in current:
            content = content.replace(b"eggs", json.loads(current)["text"].encode())
        async with self._session.put(self._origin + request.path, data=content) as answer:
            return web.Response(status=answer.status)

    def _refusal(self, tag: str) -> web.Response:
        fields = {} if self._fault is Fault.NO_TAG_IN_REFUSAL else {"ETag": tag}
        if self._fault is Fault.OTHER_TAG_IN_REFUSAL:
            fields = {"ETag": '"other"'}
        if self._fault is Fault.NO_PROBLEM:
            return web.Response(status=412, text="stale", headers=fields)
        problem = json.dumps({"title": "The page has changed"})
        return web.Response(status=412, text=problem, content_type="application/problem+json", headers=fields)

    async def _select(self, path: str) -> tuple[bytes, str]:
        async with self._session.get(self._origin + path) as answer:
            content = await answer.read()
        return content, f'"{hashlib.sha256(content).hexdigest()[:22]}"'


@asynccontextmanager
async def guarding(origin: str, fault: Fault) -> AsyncIterator[str]:
    """Run a stand-in on a free loopback port; yield its URL."""
    async with aiohttp.ClientSession() as session:
        session._retry_connection = False  # noqa: SLF001 - a write is forwarded once
        runner = web.ServerRunner(web.Server(Standin(origin, session, fault).answer))
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            yield f"http://127.0.0.1:{runner.addresses[0][1]}"
        finally:
            await runner.cleanup()


def sound(origin: str) -> AbstractAsyncContextManager[str]:
    """Start a stand-in without a fault."""
    return guarding(origin, Fault.NONE)
