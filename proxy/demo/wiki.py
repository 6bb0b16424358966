"""The wiki of the demonstration: pages and counters on SQLite, with no entity tag and no precondition anywhere.

What lives here: what each method means for each target, as plain values. No socket and no HTTP syntax; that is
`proxy.demo.origin`. It loses updates on purpose: it is the kind of API that ifmatch is for.
"""

import json
import sqlite3
import time
import uuid
from dataclasses import dataclass
from threading import Lock
from urllib.parse import quote, unquote, urlsplit

LATENCY = 0.005
"""How long a write takes before it is applied, in seconds: long enough for races to show."""

SCHEMA = """
CREATE TABLE IF NOT EXISTS document (
    collection TEXT NOT NULL, name TEXT NOT NULL, content TEXT NOT NULL, PRIMARY KEY (collection, name)
) WITHOUT ROWID
"""
SHAPES: dict[str, dict[str, type]] = {"wiki": {"title": str, "text": str}, "counter": {"value": int}}
"""The members of a document in each collection, all required."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A status, a JSON document (none for None) and fields."""

    status: int
    document: object = None
    fields: tuple[tuple[str, str], ...] = ()


def _refusal(status: int, sentence: str, *fields: tuple[str, str]) -> Answer:
    return Answer(status, {"error": sentence}, fields)


def _target(collection: str, name: str) -> str:
    return f"/{collection}/{quote(name, safe='')}"


def _checked(collection: str, content: bytes) -> str:
    """Return the document as the JSON to keep. Raised when it is not what the collection holds: `ValueError`."""
    shape = SHAPES[collection]
    document = json.loads(content)
    # bool is an int to isinstance, and no count to anybody
    if not isinstance(document, dict) or {name: type(value) for name, value in document.items()} != shape:
        members = ", ".join(f'"{name}": {kind.__name__}' for name, kind in shape.items())
        raise ValueError(f"expected an object {{{members}}}")
    kept = json.dumps(document, ensure_ascii=False)
    kept.encode()  # a lone surrogate is JSON, and no text
    return kept


class Wiki:
    """Pages and counters, safe to use from many threads.

    Each statement runs alone under one lock: a request is atomic. Two requests are not, and nothing here helps the
    client who reads, thinks and writes. `database` is a path or `:memory:`; `latency` is in seconds.
    """

    def __init__(self, database: str = ":memory:", latency: float = LATENCY) -> None:
        self._latency = latency
        self._lock = Lock()
        self._connection = sqlite3.connect(database, check_same_thread=False, isolation_level=None)
        self._connection.execute(SCHEMA)

    def close(self) -> None:
        """Close the database."""
        with self._lock:
            self._connection.close()

    def answer(self, method: str, target: str, content: bytes) -> Answer:
        """Return what the wiki says to one request."""
        try:
            segments = [unquote(segment, errors="strict") for segment in urlsplit(target).path.split("/")[1:]]
            return self._resource(method, segments, content)
        except (ValueError, RecursionError) as mistake:  # the two ways in which json and unquote say no
            return _refusal(400, str(mistake))

    def _resource(self, method: str, segments: list[str], content: bytes) -> Answer:
        match segments:
            case ["wiki"]:
                return self._pages(method, content)
            case [collection, name] if collection in SHAPES and name:
                return self._document(method, collection, name, content)
        return _refusal(404, "try /wiki, /wiki/{id} or /counter/{name}")

    def _pages(self, method: str, content: bytes) -> Answer:
        match method:
            case "GET" | "HEAD":
                return self._list()
            case "POST":
                return self._put("wiki", uuid.uuid4().hex[:8], _checked("wiki", content))
        return _refusal(405, "a list is read, or added to", ("Allow", "GET, HEAD, POST"))

    def _document(self, method: str, collection: str, name: str, content: bytes) -> Answer:
        match method:
            case "GET" | "HEAD":
                return self._get(collection, name)
            case "PUT":
                return self._put(collection, name, _checked(collection, content))
            case "DELETE":
                return self._delete(collection, name)
        return _refusal(405, "a document is read, replaced or deleted", ("Allow", "GET, HEAD, PUT, DELETE"))

    def _list(self) -> Answer:
        rows = self._run("SELECT name, content FROM document WHERE collection = 'wiki' ORDER BY name")[0]
        return Answer(200, {"pages": [{"id": name, "title": json.loads(content)["title"]} for name, content in rows]})

    def _get(self, collection: str, name: str) -> Answer:
        rows = self._run("SELECT content FROM document WHERE collection = ? AND name = ?", collection, name)[0]
        return Answer(200, json.loads(rows[0][0])) if rows else _refusal(404, "there is no such document")

    def _put(self, collection: str, name: str, kept: str) -> Answer:
        time.sleep(self._latency)
        key = (collection, name)
        with self._lock:  # one hold for both statements: a DELETE in between would make the 204 a lie
            created = self._connection.execute("INSERT OR IGNORE INTO document VALUES (?, ?, ?)", (*key, kept)).rowcount
            self._connection.execute("UPDATE document SET content = ? WHERE (collection, name) = (?, ?)", (kept, *key))
        if created:
            return Answer(201, json.loads(kept), (("Location", _target(collection, name)),))
        return Answer(204)

    def _delete(self, collection: str, name: str) -> Answer:
        time.sleep(self._latency)
        deleted = self._run("DELETE FROM document WHERE collection = ? AND name = ?", collection, name)[1]
        return Answer(204) if deleted else _refusal(404, "there is no such document")

    def _run(self, statement: str, *values: str) -> tuple[list[tuple[str, ...]], int]:
        """Return the rows of one statement and how many it changed."""
        with self._lock:
            cursor = self._connection.execute(statement, values)
            return cursor.fetchall(), cursor.rowcount
