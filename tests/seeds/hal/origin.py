"""A HAL API without tags: customers with an address and orders, products, and lists of them.

What lives here: what the API does. Every answer to a PUT or PATCH is 200 and the new representation, as clients that
go on from an answer need it. `python -m tests.seeds.hal.origin` runs it.
"""

import json
import re
from typing import Any

from tests.seeds.serving import Request, Response, as_json, serve

HAL = "application/hal+json"

Resource = dict[str, Any]

LISTS = {
    "/customers": ("/customers/", "_items"),
    "/products": ("/products/", "_embedded"),
    "/catalogue": ("/products/", "_embedded"),
}
"""Each list: what is in it, and the member that holds the items.

Of those in the catalogue only the name is shown.
"""
NOTE: Resource = {"text": "Prices are in pounds."}
"""What is embedded without being a resource of its own."""


class Shop:
    """The resources by path, each with its own members; links and what is embedded are added when it is shown."""

    def __init__(self) -> None:
        self._resources: dict[str, Resource] = {}

    def __call__(self, request: Request) -> Response:
        """Answer."""
        if request.path in LISTS:
            return as_json(200, self._listed(request.path), HAL)
        if request.method in {"PUT", "PATCH"}:
            return self._write(request)
        if request.path not in self._resources:
            return as_json(404, {"message": "not found"})
        if request.method == "DELETE":
            del self._resources[request.path]
            return Response(204)
        return as_json(200, self._shown(request.path), HAL)

    def _write(self, request: Request) -> Response:
        sent = json.loads(request.content)
        own = {name: value for name, value in sent.items() if name not in {"_links", "_embedded"}}
        kept = self._resources.get(request.path, {}) if request.method == "PATCH" else {}
        self._resources[request.path] = kept | own
        return as_json(200, self._shown(request.path), HAL)

    def _shown(self, path: str) -> Resource:
        shown = {"_links": {"self": {"href": path}}} | self._resources[path]
        if re.fullmatch("/customers/[^/]+", path):
            shown["_links"]["orders"] = {"href": f"{path}/orders"}
            if (address := f"{path}/address") in self._resources:
                shown["_embedded"] = {"address": self._shown(address)}
        return shown

    def _listed(self, path: str) -> Resource:
        start, member = LISTS[path]
        paths = [one for one in self._resources if re.fullmatch(f"{start}[^/]+", one)]
        items = [self._abridged(one) if path == "/catalogue" else self._shown(one) for one in paths]
        holder = {"_embedded": {"items": items, "notes": [NOTE]}} if member == "_embedded" else {member: items}
        return {"_links": {"self": {"href": path}}} | holder

    def _abridged(self, path: str) -> Resource:
        return {"_links": {"self": {"href": path}}, "name": self._resources[path]["name"]}


if __name__ == "__main__":
    serve(Shop())
