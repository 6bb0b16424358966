"""The wiki's table: what its own test suite demands of PUT and GET with entity tags.

What lives here: its seven cases.
"""

import json
import re

import httpx

from tests.seeds.rows import Seed, Table, either
from tests.seeds.stage import Stage
from tests.seeds.talk import tag

TABLE = Table()
TEXT = {"Content-Type": "text/plain"}


def put(client: httpx.Client, path: str, text: str, **fields: str) -> httpx.Response:
    """Write a page; in names of fields `_` stands for `-`."""
    named = {name.replace("_", "-"): value for name, value in fields.items()}
    return client.put(path, content=text, headers=TEXT | named)


def page(stage: Stage) -> str:
    """Make a page past everybody, and return its path."""
    path = f"/wikis/{stage.fresh_uuid()}"
    assert put(stage.outsider, path, "first").status_code == 204
    return path


def said(answer: httpx.Response) -> str:
    """Return the status and, where there is one, the document."""
    return f"{answer.status_code} {json.dumps(answer.json())}" if answer.content else str(answer.status_code)


@TABLE.row("W1", "GET unknown id", "404", alone="nothing is there, and ifmatch has the API say so")
def unknown(stage: Stage) -> str:
    """A page that is not there has no tag, and stays what it is: not found."""
    return str(stage.client.get(f"/wikis/{stage.fresh_uuid()}").status_code)


@TABLE.row("W2", "PUT new id without If-Match; once more", "204 + Location; 428")
def creation(stage: Stage) -> str:
    """The requirement applies to an existing page only."""
    path = f"/wikis/{stage.fresh_uuid()}"
    created = put(stage.client, path, "first")
    location = either("Location", holds=created.headers.get("Location") == path, otherwise=created.headers)
    return f"{created.status_code} + {location}; {put(stage.client, path, 'second').status_code}"


@TABLE.row("W3", "GET", "200, content, strong ETag")
def reading(stage: Stage) -> str:
    """A page has a strong tag."""
    answer = stage.client.get(page(stage))
    shown = tag(answer)
    content = either("content", holds=answer.text == "first", otherwise=answer.text)
    strong = either("strong ETag", holds=bool(re.fullmatch(r'"[!#-~]+"', shown)), otherwise=shown)
    return f"{answer.status_code}, {content}, {strong}"


@TABLE.row(
    "W4",
    "PUT good tag; the same tag again with other content",
    '204; 412 {"message": "Wiki has been updated in the meantime"}',
)
def updating(stage: Stage) -> str:
    """A tag is good for one change."""
    path = page(stage)
    shown = tag(stage.client.get(path))
    first = put(stage.client, path, "second", If_Match=shown)
    return f"{first.status_code}; {said(put(stage.client, path, 'third', If_Match=shown))}"


@TABLE.row("W5", "PUT without tag on an existing page", '428 {"message": "If-Match header is required"}')
def blind(stage: Stage) -> str:
    """The refusal is in the API's own words."""
    return said(put(stage.client, page(stage), "blind"))


@TABLE.row(
    "W6",
    "rewriting identical content, then the old tag",
    "204, 412 with aba: detect; 204, 204 with a content hash",
)
def returning(stage: Stage) -> str:
    """Content that was written again has another tag, as in the original; a content hash is the same one, legally."""

    def played(client: httpx.Client) -> str:
        path = f"/wikis/{stage.fresh_uuid()}"
        put(client, path, "first")
        shown = tag(client.get(path))
        rewritten = put(client, path, "first", If_Match=shown)
        return f"{rewritten.status_code}, {put(client, path, 'second', If_Match=shown).status_code}"

    counted = played(stage.client)
    with stage.edited("aba: detect", "aba: allow") as hashed:
        return f"{counted} with aba: detect; {played(hashed)} with a content hash"


@TABLE.row("W7", "If-None-Match: * on an existing page", "412, unchanged")
def creation_again(stage: Stage) -> str:
    """Who means to create does not overwrite."""
    path = page(stage)
    refused = put(stage.client, path, "second", If_None_Match="*")
    left = stage.outsider.get(path).text
    return f"{refused.status_code}, {either('unchanged', holds=left == 'first', otherwise=left)}"


WIKI = Seed("wiki", "tests.seeds.wiki.origin", "wiki.yaml", TABLE.rows)
