"""An Ed-Fi-shaped API without its tags: /data/v3/ed-fi/{resource} and /data/v3/ed-fi/{resource}/{id}.

What lives here: what the API does. An item holds members that its clients never send: the date of its last change, and
credits, which are changed by themselves. `python -m tests.seeds.ed_fi.origin` runs it.
"""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any, Final
from uuid import uuid4

from tests.seeds.serving import Request, Response, as_json, serve

ROOT = "/data/v3/ed-fi"
PROFILE = "application/vnd.ed-fi.student.names.readable+json"
"""The media type of a profile: the names alone."""
DISTRICT, READER = "Bearer district", "Bearer reader"
"""Who may do everything, and who may read; nobody else may do anything."""

_KEY: Final = "studentUniqueId"
_EPOCH: Final = datetime(2026, 1, 1, tzinfo=UTC)

Item = dict[str, Any]


def _refused(status: int, kind: str, detail: str) -> Response:
    document = {"type": f"urn:ed-fi:api:{kind}", "status": status, "detail": detail}
    return as_json(status, document, "application/problem+json")


class School:
    """The items by path."""

    def __init__(self) -> None:
        self._items: dict[str, Item] = {}
        self._changes = 0

    def __call__(self, request: Request) -> Response:
        """Answer."""
        who = request.fields.get("authorization")
        if who != DISTRICT and (who != READER or request.method not in {"GET", "HEAD"}):
            return _refused(403, "security:authorization", "Access to the resource could not be authorized.")
        if re.fullmatch(f"{ROOT}/[^/]+", request.path):
            return self._of_list(request)
        if action := re.fullmatch(f"({ROOT}/[^/]+/[^/]+)/(upsert|credits)", request.path):
            path, named = action.groups()
            return self._upsert(path, request) if named == "upsert" else self._credit(path, request)
        return self._of_item(request)

    def _of_list(self, request: Request) -> Response:
        if request.method == "POST":
            known = (path for path, item in self._items.items() if item[_KEY] == json.loads(request.content)[_KEY])
            return self._upsert(next(known, f"{request.path}/{uuid4()}"), request)
        items = [item for path, item in self._items.items() if path.startswith(f"{request.path}/")]
        return as_json(200, items, Vary="Accept")

    def _of_item(self, request: Request) -> Response:
        if request.path not in self._items:
            return _refused(404, "not-found", "The specified resource item could not be found.")
        if request.method == "PUT":
            return self._store(request.path, json.loads(request.content), 204)
        if request.method == "DELETE":
            del self._items[request.path]
            return Response(204)
        return _shown(self._items[request.path], request)

    def _upsert(self, path: str, request: Request) -> Response:
        return self._store(path, json.loads(request.content), 200 if path in self._items else 201)

    def _credit(self, path: str, request: Request) -> Response:
        return self._store(path, {"credits": json.loads(request.content)}, 204)

    def _store(self, path: str, members: Item, status: int) -> Response:
        self._changes += 1
        changed = (_EPOCH + timedelta(seconds=self._changes)).isoformat()
        kept = self._items.get(path) or _new(path)
        self._items[path] = kept | members | {"_lastModifiedDate": changed}
        return Response(status, fields={"Location": path})


def _new(path: str) -> Item:
    return {"id": path.rpartition("/")[2], "credits": 0}


def _shown(item: Item, request: Request) -> Response:
    """Return what was asked for of an item: a profile, some of its members, or all."""
    if request.fields.get("accept") == PROFILE:
        return as_json(200, {name: item[name] for name in ("firstName", "lastSurname")}, PROFILE, Vary="Accept")
    wanted = request.query["fields"].split(",") if "fields" in request.query else list(item)
    return as_json(200, {name: item[name] for name in wanted}, Vary="Accept")


if __name__ == "__main__":
    serve(School())
