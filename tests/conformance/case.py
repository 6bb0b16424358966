"""What a case is: an origin server, requests, and what must come of each, as the files of this folder spell it.

What lives here: one class a mapping, with the meaning of each key. What must not: how a file is read (`reading`), what
the origin server then does (`origin`), how a case is played (`playing`).
"""

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

DOCUMENT = "/doc/1"
"""The target of a request that names none; the origin server has it unless told otherwise."""

SAFE = frozenset({"GET", "HEAD"})

Lines = dict[str, str | tuple[str, ...]]
"""Field lines by name; several values are several lines."""


class Entry(BaseModel):
    """A mapping of known keys only. Nothing is coerced."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Variant(Entry):
    """One representation among several: shown to a request whose selecting field holds `value`."""

    value: str
    content: str
    fields: Lines = {}


class Representation(Entry):
    """What the origin server has at a target.

    `type` is its Content-Type, null for none. `ranges`: a part is served where one is asked for. With `by`, the name of
    a request field, it has `variants` instead of `content`: the first is shown to a request that asks for none of them,
    and every answer says `Vary`.
    """

    content: str = "one"
    type: str | None = "text/plain"
    fields: Lines = {}
    ranges: bool = False
    by: str | None = None
    variants: tuple[Variant, ...] = ()


class Answer(Entry):
    """How the origin server answers a method, whatever it has. `then`: what it has from then on, null for nothing.

    `failure`: it does not answer in time, hangs up without an answer, or breaks its content off.
    """

    status: int = 200
    type: str | None = "text/plain"
    fields: Lines = {}
    content: str = ""
    failure: Literal["timeout", "dropped", "truncated"] | None = None
    then: dict[str, Representation | None] = {}


class Given(Entry):
    """The origin server and the proxy's configuration.

    `route` or `routes`: keys as in a configuration; a path of `/doc/{id}` is understood, and `routes: []` guards
    nothing. `holds`: what the origin server has, besides `/doc/1` and `/doc/other`; null takes one of those away.
    `answers`: by method, what it says regardless. `stores`: what becomes of content that is put there.
    """

    route: dict[str, Any] = {}
    routes: tuple[dict[str, Any], ...] | None = None
    holds: dict[str, Representation | None] = {}
    answers: dict[str, Answer] = {}
    stores: Literal["as sent", "in upper case"] = "as sent"


class Request(Entry):
    """A request. Without `content`, one that may have some has `new`, as text/plain; null is none at all."""

    method: str = "GET"
    target: str = DOCUMENT
    fields: Lines = {}
    content: str | None = "new"

    @property
    def body(self) -> str | None:
        """The content that is sent."""
        return self.content if "content" in self.model_fields_set or self.method not in _BARE else None


_BARE = SAFE | {"DELETE", "OPTIONS", "TRACE"}


class Seen(Entry):
    """What the origin server saw of a kind of request: so many, each like this.

    `fields` have that value, `differing` another one, and `absent` are not there.
    """

    times: int = 1
    method: str | None = None
    target: str | None = None
    fields: dict[str, str] = {}
    differing: dict[str, str] = {}
    absent: tuple[str, ...] = ()
    content: str | None = None


class Expected(Entry):
    """What must come of a request.

    Of the response: its `status`; `fields` with exactly that value, `matching` a pattern as a whole, `differing` from a
    value, `absent`; its `content`; members of its `problem` document. Of the origin server: `forwarded`, the requests
    that are no GET or HEAD (`once`: as the client sent it, without its preconditions); `asked`, those that are;
    `leaves`, the content that it has afterwards. `keep`: names for fields of the response, for later steps.
    """

    status: int
    fields: dict[str, str] = {}
    matching: dict[str, str] = {}
    differing: dict[str, str] = {}
    absent: tuple[str, ...] = ()
    content: str | None = None
    problem: dict[str, Any] = {}
    forwarded: Literal["nothing", "once"] | Seen | None = None
    asked: Literal["nothing", "once", "twice"] | Seen | None = None
    leaves: dict[str, str | None] = {}
    keep: dict[str, str] = {}


class Step(Entry):
    """One request of a case. `meanwhile`: what the origin server has by then; `answers` take the place of the given."""

    meanwhile: dict[str, Representation | None] = {}
    answers: dict[str, Answer] | None = None
    request: Request = Request()
    expect: Expected

    @model_validator(mode="after")
    def _tells_what_was_forwarded(self) -> Self:
        if self.request.method not in SAFE and self.expect.forwarded is None:
            raise ValueError(f"a {self.request.method} needs expect.forwarded: nothing, once, or what was seen")
        return self


class Case(Entry):
    """A fact, and how it shows. `rfc` is its section; `rules` are those of rules.yaml that it speaks for."""

    id: str = Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")
    rfc: str
    rules: tuple[str, ...] = Field(min_length=1)
    says: str = Field(pattern=r"\.$")
    given: Given = Given()
    request: Request = Request()
    expect: Expected | None = None
    steps: tuple[Step, ...] = ()

    @model_validator(mode="after")
    def _has_one_form(self) -> Self:
        if (self.expect is None) == (not self.steps):
            raise ValueError("a case has either request and expect, or steps")
        if self.steps and "request" in self.model_fields_set:
            raise ValueError("a case with steps has its requests in them")
        return self

    @model_validator(mode="after")
    def _steps_are_whole(self) -> Self:
        assert len(self.played) >= 1  # makes the step of a case that has one form only, and so checks it
        return self

    @property
    def played(self) -> tuple[Step, ...]:
        """The steps, one where the case is of one request."""
        return self.steps if self.expect is None else (Step(request=self.request, expect=self.expect),)

    @property
    def prefix(self) -> str:
        """What every path of the case begins with at the proxy, so that cases share one and never meet."""
        return f"/{self.id}"

    def routes(self) -> list[dict[str, Any]]:
        """Return the routes of the configuration."""
        given = (self.given.route,) if self.given.routes is None else self.given.routes
        return [self._route(number, route) for number, route in enumerate(given)]

    def _route(self, number: int, route: dict[str, Any]) -> dict[str, Any]:
        placed = {"name": f"{self.id}-{number}", "path": "/doc/{id}", **route}
        return placed | {key: self.prefix + placed[key] for key in ("path", "state") if placed.get(key)}
