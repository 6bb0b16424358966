"""Ed-Fi's table: its guideline on optimistic concurrency, and what its implementations do.

What lives here: its sixteen cases. Where a row speaks of the document, every member is compared.
"""

from typing import Any

import httpx

from tests.seeds.ed_fi.origin import DISTRICT, PROFILE, READER, ROOT
from tests.seeds.rows import Seed, Table, either
from tests.seeds.stage import Stage
from tests.seeds.talk import opaque, tag

TABLE = Table()
INVALID = '"InvalidETAG"'
STUDENTS = f"{ROOT}/students"
GRADES = f"{ROOT}/grades"
"""Of these the example demands If-Match."""
NAMES = {"firstName": "Ada", "lastSurname": "King"}

DOCUMENT = {
    "type": "urn:ed-fi:api:optimistic-lock-failed",
    "title": "Optimistic Lock Failed",
    "status": 412,
    "detail": "The item has been modified by another user.",
    "errors": [
        (
            "The resource item's etag value does not match what was specified in the 'If-Match' request header "
            "indicating that it has been modified by another client since it was last retrieved."
        )
    ],
}
"""The guideline's problem document, but for its correlationId."""


def send(
    client: httpx.Client, method: str, path: str, document: Any = None, *, who: str = DISTRICT, **fields: str
) -> httpx.Response:
    """Send a request as somebody; in names of fields `_` stands for `-`. A PUT without document changes the names."""
    named = {"Authorization": who} | {name.replace("_", "-"): value for name, value in fields.items()}
    content = NAMES if method == "PUT" and document is None else document
    return client.request(method, path, json=content, headers=named)


def item(stage: Stage, collection: str = STUDENTS) -> str:
    """Make an item past everybody, and return its path."""
    path = missing(stage, collection)
    made = send(stage.outsider, "POST", f"{path}/upsert", student(stage))
    assert made.status_code == 201
    return path


def missing(stage: Stage, collection: str = STUDENTS) -> str:
    """Return the path of an item that is not there."""
    return f"{collection}/{stage.fresh_uuid()}"


def student(stage: Stage) -> dict[str, Any]:
    """Return what a client sends of a new student."""
    return {"studentUniqueId": str(stage.fresh()), "firstName": "Augusta", "lastSurname": "Byron"}


def get(stage: Stage, path: str, **fields: str) -> httpx.Response:
    """Read."""
    return send(stage.client, "GET", path, **fields)


def refusal(answer: httpx.Response) -> str:
    """Return the status, and whether the content is the guideline's document."""
    if answer.headers.get("Content-Type") != "application/problem+json":
        return f"{answer.status_code} {answer.text}".strip()
    document = answer.json()
    known = bool(document.pop("correlationId", "")) and document == DOCUMENT
    return f"{answer.status_code} + {either('document', holds=known, otherwise=answer.text)}"


def forwarded(stage: Stage, path: str) -> str:
    """Return whether the API was sent a write for a path."""
    arrived = [request.method for request in stage.arrivals(path)]
    return either("nothing forwarded", holds=not arrived, otherwise=arrived)


def statuses(*answers: httpx.Response) -> str:
    """Return the statuses."""
    return " ".join(str(answer.status_code) for answer in answers)


@TABLE.row("E1", "unchanged GET, If-None-Match = the tag without quotes", "304")
def unchanged(stage: Stage) -> str:
    """Ed-Fi's tags have no quotes in requests."""
    path = item(stage)
    return statuses(get(stage, path, If_None_Match=opaque(get(stage, path))))


@TABLE.row("E2", "PUT, If-Match = unquoted tag", "204, another ETag, Location")
def update(stage: Stage) -> str:
    """A write is let through, with the tag of what it left."""
    path = item(stage)
    before = tag(get(stage, path))
    put = send(stage.client, "PUT", path, If_Match=before.strip('"'))
    another = either("another ETag", holds=tag(put) == tag(get(stage, path)) != before, otherwise=tag(put))
    location = either("Location", holds=put.headers.get("Location") == path, otherwise=put.headers)
    return f"{put.status_code}, {another}, {location}"


@TABLE.row("E3", f"PUT If-Match: {INVALID}", "412 + document")
def invalid_update(stage: Stage) -> str:
    """The refusal is in Ed-Fi's words."""
    return refusal(send(stage.client, "PUT", item(stage), If_Match=INVALID))


@TABLE.row("E4", f"PUT unknown id + {INVALID}", "404, nothing forwarded")
def update_of_nothing(stage: Stage) -> str:
    """It must not create; that there is nothing is told by the API, which is asked, not written to."""
    path = missing(stage)
    return f"{statuses(send(stage.client, 'PUT', path, If_Match=INVALID))}, {forwarded(stage, path)}"


@TABLE.row("E5", "PUT without If-Match", "204 and a new ETag")
def unconditional(stage: Stage) -> str:
    """Optimistic concurrency is for who opts in; the answer has the new tag all the same."""
    path = item(stage)
    before = tag(get(stage, path))
    put = send(stage.client, "PUT", path)
    new = either("a new ETag", holds=tag(put) == tag(get(stage, path)) != before, otherwise=tag(put))
    return f"{put.status_code} and {new}"


@TABLE.row("E6", "POST; DELETE with its ETag, unquoted", "201 with the ETag of what Location names; 204")
def creation(stage: Stage) -> str:
    """Who has created needs no GET before the next write."""
    post = send(stage.client, "POST", STUDENTS, student(stage))
    made = tag(post)
    path = post.headers["Location"]
    shown = tag(get(stage, path))
    named = either("the ETag of what Location names", holds=made == shown, otherwise=f"{made} and {shown}")
    deleted = send(stage.client, "DELETE", path, If_Match=made.strip('"'))
    return f"{post.status_code} with {named}; {deleted.status_code}"


@TABLE.row("E7", f"DELETE {INVALID}", "412 + document, still there")
def invalid_deletion(stage: Stage) -> str:
    """The same refusal."""
    path = item(stage)
    refused = refusal(send(stage.client, "DELETE", path, If_Match=INVALID))
    left = send(stage.outsider, "GET", path)
    return f"{refused}, {either('still there', holds=left.status_code == 200, otherwise=left.status_code)}"


@TABLE.row("E8", "PUT / DELETE If-Match: *, present | missing", "204 204 | 412 412")
def any_state(stage: Stage) -> str:
    """The asterisk stands for whatever is there."""
    path, nothing = item(stage), missing(stage)
    present = [send(stage.client, method, path, If_Match="*") for method in ("PUT", "DELETE")]
    absent = [send(stage.client, method, nothing, If_Match="*") for method in ("PUT", "DELETE")]
    return f"{statuses(*present)} | {statuses(*absent)}"


@TABLE.row("E9", 'GET If-None-Match: "T" | T | W/"T" | "x", W/"T" | *', "304 304 304 304 304")
def not_modified(stage: Stage) -> str:
    """All of these name the current state."""
    path = item(stage)
    named = opaque(get(stage, path))
    spelled = (f'"{named}"', named, f'W/"{named}"', f'"x", W/"{named}"', "*")
    return statuses(*(get(stage, path, If_None_Match=value) for value in spelled))


@TABLE.row("E10", 'GET If-None-Match: "x", W/"y" | "prefix,T,suffix" | another variant\'s | "*"', "200 200 200 200")
def modified(stage: Stage) -> str:
    """None of these does."""
    path = item(stage)
    named, other = opaque(get(stage, path)), tag(get(stage, path, Accept=PROFILE))
    spelled = ('"x", W/"y"', f'"prefix,{named},suffix"', other, '"*"')
    return statuses(*(get(stage, path, If_None_Match=value) for value in spelled))


@TABLE.row("E11", "POST If-None-Match: * new | existing (state mapped); PUT existing", "201 | 412; 412, unchanged")
def creation_only(stage: Stage) -> str:
    """Who means to create does not overwrite."""
    path = missing(stage)
    post = [send(stage.client, "POST", f"{path}/upsert", student(stage), If_None_Match="*") for _ in range(2)]
    put = send(stage.client, "PUT", path, If_None_Match="*")
    left = send(stage.outsider, "GET", path).json()["firstName"]
    unchanged = either("unchanged", holds=left == "Augusta", otherwise=left)
    return f"{statuses(post[0])} | {statuses(post[1])}; {statuses(put)}, {unchanged}"


@TABLE.row("E12", "_etag in the content of GET, in list items, in a write", "the tag, the tag in every item, dropped")
def in_content(stage: Stage) -> str:
    """What stands in the content is exactly the tag of the field, without its quotes, and never reaches the API."""
    path = item(stage)
    read = get(stage, path)
    own = either("the tag", holds=read.json().get("_etag") == opaque(read), otherwise=read.json().get("_etag"))
    listed = {f"{STUDENTS}/{one['id']}": one.get("_etag") for one in get(stage, STUDENTS).json()}
    differing = {where: shown for where, shown in listed.items() if shown != opaque(get(stage, where))}
    every = either("the tag in every item", holds=path in listed and not differing, otherwise=differing)
    send(stage.client, "PUT", path, read.json() | NAMES, If_Match=opaque(read))
    written = [request.content for request in stage.arrivals(path)]
    dropped = len(written) == 1 and "_etag" not in written[0]
    return f"{own}, {every}, {either('dropped', holds=dropped, otherwise=written)}"


@TABLE.row("E13", "a change to a part that the client did not send", "stale 412, fresh 204, the part kept")
def other_part(stage: Stage) -> str:
    """A tag stands for the whole resource, not for what a client knows of it."""
    path = item(stage)
    before = opaque(get(stage, path))
    send(stage.outsider, "POST", f"{path}/credits", 30)
    stale = send(stage.client, "PUT", path, If_Match=before)
    fresh = send(stage.client, "PUT", path, If_Match=opaque(get(stage, path)))
    left = send(stage.outsider, "GET", path).json()["credits"]
    kept = either("the part kept", holds=left == 30, otherwise=left)
    return f"stale {statuses(stale)}, fresh {statuses(fresh)}, {kept}"


@TABLE.row("E14", "?fields=: its tag as If-Match of the whole", "another tag, fresh 204, stale 412; as configured: 412")
def view(stage: Stage) -> str:
    """Where the route says so, who has read a part may write, unless anything has changed, be it out of their view."""

    def shown(path: str) -> httpx.Response:
        return get(stage, f"{path}?fields=firstName,lastSurname")

    path, strict = item(stage), item(stage, GRADES)
    another = either("another tag", holds=tag(shown(path)) != tag(get(stage, path)), otherwise=tag(shown(path)))
    fresh = send(stage.client, "PUT", path, If_Match=opaque(shown(path)))
    before = opaque(shown(path))
    send(stage.outsider, "POST", f"{path}/credits", 30)
    stale = send(stage.client, "PUT", path, If_Match=before)
    refused = send(stage.client, "PUT", strict, If_Match=opaque(shown(strict)))
    return f"{another}, fresh {statuses(fresh)}, stale {statuses(stale)}; as configured: {statuses(refused)}"


@TABLE.row("E15", "no permission at all | to write", "403 403, nothing forwarded | 403")
def forbidden(stage: Stage) -> str:
    """Who may not even read learns nothing of tags; who may read is told by the API that writing is not for them."""
    path = item(stage)
    stranger = [
        send(stage.client, method, path, who="Bearer stranger", If_Match=INVALID) for method in ("PUT", "DELETE")
    ]
    nothing = forwarded(stage, path)
    reader = send(stage.client, "PUT", path, who=READER, If_Match=opaque(get(stage, path, who=READER)))
    return f"{statuses(*stranger)}, {nothing} | {statuses(reader)}"


@TABLE.row("E16", "required and absent: PUT, DELETE", "400 400, nothing forwarded")
def required(stage: Stage) -> str:
    """The guideline's status, not 428."""
    path = item(stage, GRADES)
    refused = [send(stage.client, method, path) for method in ("PUT", "DELETE")]
    return f"{statuses(*refused)}, {forwarded(stage, path)}"


ED_FI = Seed("Ed-Fi", "tests.seeds.ed_fi.origin", "ed-fi.yaml", TABLE.rows)
