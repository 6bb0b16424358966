"""Answers of an origin server as a client sees them where a route injects: `core` alone, without a network."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from proxy.config.json_path import JsonPath
from proxy.core.canonical import CanonicalJson
from proxy.core.fields import Fields
from proxy.core.injecting import injected
from proxy.core.injection import Injection
from proxy.core.matching import Routes
from proxy.core.message import Request, Response
from proxy.core.minting import Minter, Validator
from proxy.core.route import Route
from proxy.core.tag_rules import TagRules
from proxy.core.target import parse
from proxy.core.template import Template

JSON_RULES = TagRules(CanonicalJson())
JSON_TYPE = ("Content-Type", "application/json")

ITEM = Route("item", Template.parse("/items/{id}"), rules=JSON_RULES, inject=Injection())
LIST = Route("list", Template.parse("/items"), rules=JSON_RULES, inject=Injection(items=(JsonPath("$.items[*]"),)))


def linked(path: object, **members: Any) -> dict[str, Any]:
    """Return an item that links to itself."""
    return {**members, "_links": {"self": {"href": path}}}


@dataclass(frozen=True)
class Seen:
    """An answer as the client sees it."""

    response: Response
    validator: Validator

    @property
    def tag(self) -> str:
        return str(self.validator.tag)

    @property
    def json(self) -> Any:
        return json.loads(self.response.content)


@dataclass(frozen=True)
class Site:
    """Routes and a secret."""

    routes: Sequence[Route] = (ITEM, LIST)
    minter: Minter = field(default_factory=lambda: Minter("secret"))

    def get(
        self,
        path: str,
        content: object,
        *lines: tuple[str, str],
        asked: Sequence[tuple[str, str]] = (("Host", "api.example"),),
    ) -> Seen:
        """Return what a client sees of content, JSON unless it is bytes, for which the origin server sent `lines`."""
        routes = Routes(self.routes)
        request = Request("GET", parse(path, None), Fields(asked))
        match = routes.match("GET", request.target)
        assert match is not None
        sent = content if isinstance(content, bytes) else json.dumps(content).encode()
        typed = lines if any(name == "Content-Type" for name, _ in lines) else (JSON_TYPE, *lines)
        answer = injected(request, match, Response(200, Fields(typed), sent), routes, self.minter)
        validator = self.minter.mint(match.tag_key, answer.basis, match.route.rules, document=answer.document)
        assert validator == self.minter.mint(match.tag_key, answer.basis, match.route.rules)
        return Seen(answer.shown(validator), validator)
