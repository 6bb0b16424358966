"""One exchange of a visitor's."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from proxy.demo.visitor import Reply, Unexpected, Visitor, open_session

Answering = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def visiting(answering: Answering) -> AsyncIterator[Visitor]:
    """Run a server that answers so, and yield a visitor to it."""
    server = await asyncio.get_running_loop().create_server(web.Server(answering), "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, open_session() as session:
        yield Visitor("Alice", url, session)


async def test_a_write_is_sent_once() -> None:
    """When the connection ends before the answer, the visitor says so and does not send the write again."""
    seen: list[str] = []

    async def hang_up(request: web.BaseRequest) -> web.Response:
        seen.append(request.method)
        assert request.transport
        request.transport.close()
        return web.Response()

    async with visiting(hang_up) as alice:
        with pytest.raises(Unexpected, match=r"^Alice's PUT /a: no usable answer \(ServerDisconnectedError"):
            await alice.put("/a", {})
    assert seen == ["PUT"]


async def test_what_is_written_and_what_is_learnt() -> None:
    """A PUT carries JSON and If-Match; the reply holds status, tag, Retry-After and the title of a problem."""
    seen: list[tuple[str | None, str | None, bytes]] = []

    async def refuse(request: web.BaseRequest) -> web.Response:
        seen.append((request.headers.get("If-Match"), request.headers.get("Content-Type"), await request.read()))
        fields = {"ETag": '"b"', "Retry-After": "7", "Content-Type": "application/problem+json"}
        return web.Response(status=412, body=b'{"title": "Stale"}', headers=fields)

    async with visiting(refuse) as alice:
        reply = await alice.put("/a", {"text": "\u00e9"}, if_match='"a"', expected={412})
    assert seen == [('"a"', "application/json", '{"text": "\u00e9"}'.encode())]
    assert reply == Reply(412, '"b"', 7, {"title": "Stale"})
    assert reply.title == "Stale"


async def test_a_redirect_is_an_answer() -> None:
    """A redirect is not followed: the play asked this resource, and is told what it said."""

    async def redirect(request: web.BaseRequest) -> web.Response:
        return web.Response(status=307, headers={"Location": "/b"})

    async with visiting(redirect) as alice:
        with pytest.raises(Unexpected, match=r"^Alice's GET /a: expected 200, got 307$"):
            await alice.get("/a")


async def test_broken_json_is_no_answer() -> None:
    """Content that claims to be JSON and is not ends the step with its name."""

    async def mumble(request: web.BaseRequest) -> web.Response:
        return web.Response(text="{", content_type="application/json")

    async with visiting(mumble) as alice:
        with pytest.raises(Unexpected, match=r"^Alice's GET /a: no usable answer \(JSONDecodeError"):
            await alice.get("/a")
