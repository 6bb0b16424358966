"""A client of the wiki: it asks, shows what was said, and insists on the answer that the play needs.

What lives here: one HTTP exchange. It knows If-Match as any client does and nothing of the proxy's inside.
"""

import json
from collections.abc import Collection
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import aiohttp

from proxy.demo.narration import Narrator

DONE = frozenset({200, 201, 204})
"""The statuses of a write that was applied."""
PATIENCE = 30.0
"""How long an exchange may take, in seconds."""


class Unexpected(Exception):
    """A step of the play was not answered as it must be; the text names the step."""


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer: its status, entity tag, the seconds of Retry-After (0 without) and its JSON (None without)."""

    status: int
    tag: str | None
    retry_after: int
    document: Any

    @property
    def title(self) -> str | None:
        """The title of the problem, where the answer is one (RFC 9457)."""
        refused = self.status >= HTTPStatus.BAD_REQUEST and isinstance(self.document, dict)
        return self.document.get("title") if refused else None


def open_session() -> aiohttp.ClientSession:
    """Return a client session in which a request is sent once.

    aiohttp sends a PUT again when the connection ends before the answer. With If-Match the second would be refused
    though the first was applied, and the visitor would apply it again: a count too many.
    """
    session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE))
    session._retry_connection = False  # noqa: SLF001 - there is no public switch
    return session


class Visitor:
    """Someone who reads and writes at `base`; told by `narrator`, or in silence without one."""

    def __init__(self, name: str, base: str, session: aiohttp.ClientSession, narrator: Narrator | None = None) -> None:
        self.name = name
        self._base = base
        self._session = session
        self._narrator = narrator

    async def get(self, target: str) -> Reply:
        """Read a JSON object. Raised when something else, or nothing, is answered: `Unexpected`."""
        reply = await self._ask("GET", target, None, None, {200})
        if not isinstance(reply.document, dict):
            raise Unexpected(f"{self.name}'s GET {target}: the answer is no JSON object")
        return reply

    async def put(
        self, target: str, document: object, *, if_match: str | None = None, expected: Collection[int] = DONE
    ) -> Reply:
        """Write a JSON document. Raised when the status is none of those expected, or no answer came: `Unexpected`."""
        # the origin writes JSON as json.dumps does, so a page reads back byte for byte as it was put
        content = json.dumps(document, ensure_ascii=False).encode()
        return await self._ask("PUT", target, content, if_match, expected)

    async def _ask(
        self, method: str, target: str, content: bytes | None, if_match: str | None, expected: Collection[int]
    ) -> Reply:
        step = f"{self.name}'s {method} {target}"
        if self._narrator:
            self._narrator.request(self.name, f"{method} {target}", if_match)
        try:
            reply = await self._exchange(method, target, content, if_match)
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise Unexpected(f"{step}: no usable answer ({type(error).__name__}: {error})") from error
        if self._narrator:
            self._narrator.answer(reply.status, reply.tag, reply.title)
        if reply.status not in expected:
            raise Unexpected(f"{step}: expected {' or '.join(map(str, sorted(expected)))}, got {reply.status}")
        return reply

    async def _exchange(self, method: str, target: str, content: bytes | None, if_match: str | None) -> Reply:
        fields = {"If-Match": if_match} if if_match else {}
        if content is not None:
            fields["Content-Type"] = "application/json"
        url = self._base + target
        async with self._session.request(method, url, data=content, headers=fields, allow_redirects=False) as answer:
            said = await answer.read()
            after = answer.headers.get("Retry-After", "")
            return Reply(
                status=answer.status,
                tag=answer.headers.get("ETag"),
                retry_after=int(after) if after.isdecimal() else 0,
                document=json.loads(said) if answer.content_type.endswith("json") and said else None,
            )
