"""halchemy's table: the client as released, which finds tags in the ETag field and in `_etag`, and sends them back.

What lives here: its eight cases.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from halchemy import Api, HalResource

from tests.seeds.rows import Seed, Table, Unplayable, either
from tests.seeds.stage import Stage

TABLE = Table()


@contextmanager
def connected(stage: Stage) -> Iterator[Api]:
    """Yield a client."""
    api = Api(base_url=stage.url)
    session = api._api  # noqa: SLF001 - halchemy has no door to its session, and none to close it
    session.trust_env = False
    with session:
        yield api


def customer(stage: Stage) -> str:
    """Make a customer with an address past everybody, and return its path."""
    path = f"/customers/{stage.fresh()}"
    stage.outsider.put(path, json={"name": "Ada"})
    stage.outsider.put(f"{path}/address", json={"city": "London"})
    return path


def product(stage: Stage) -> str:
    """Make a product past everybody, and return its path."""
    path = f"/products/{stage.fresh()}"
    stage.outsider.put(path, json={"name": "tea", "price": 3})
    return path


def status(answer: Any) -> int:
    """Return the status."""
    code: int = answer._halchemy.response.status_code  # noqa: SLF001 - where halchemy's documentation has it
    return code


def tag(answer: Any) -> str:
    """Return the tag of the ETag field. Raised when there is none: `Unplayable`."""
    shown: str | None = answer._halchemy.response.headers.get("ETag")  # noqa: SLF001 - likewise
    if shown is None:
        raise Unplayable("no ETag")
    return shown


def sent(answer: Any) -> str:
    """Return the If-Match of the request behind an answer."""
    value: str = answer._halchemy.request.headers.get("If-Match", "no If-Match")  # noqa: SLF001 - likewise
    return value


def problem(answer: Any) -> str:
    """Return the last part of the type of the problem document in an answer."""
    body = answer._halchemy.response.body  # noqa: SLF001 - likewise
    return str(body.get("type", "no problem document")).rpartition(":")[2]


def of_path(items: Iterator[HalResource] | list[HalResource], path: str) -> HalResource:
    """Return the item with that link."""
    return next(item for item in items if item["_links"]["self"]["href"] == path)


Items = dict[str, tuple[str, HalResource]]


def items(stage: Stage, api: Api) -> Items:
    """Return an item of a collection, one embedded in a list and one in a resource, each with its path."""
    holder, sold = customer(stage), product(stage)
    listed = api.using_endpoint("/customers").get().collection("_items")
    embedded = api.using_endpoint("/products").get().embedded("items")
    return {
        "collection": (holder, of_path(listed, holder)),
        "list": (sold, of_path(embedded, sold)),
        "resource": (f"{holder}/address", api.using_endpoint(holder).get().embedded("address")),
    }


def together(values: dict[str, str]) -> str:
    """Return the one value that all have, else each by its name."""
    found = set(values.values())
    return found.pop() if len(found) == 1 else ", ".join(f"{name}: {value}" for name, value in values.items())


@TABLE.row("H1", "GET, PUT / PATCH / DELETE through self", "If-Match = the tag of the answer before; 200 200 204")
def round_trip(stage: Stage) -> str:
    """The client sends back what it was shown, and all three methods are let through."""
    with connected(stage) as api:
        read = api.using_endpoint(customer(stage)).get()
        put = api.follow(read).to("self").put({"name": "Grace"})
        patched = api.follow(put).to("self").patch({"age": 36})
        deleted = api.follow(patched).to("self").delete()
    echoed = [sent(put), sent(patched), sent(deleted)] == [tag(read), tag(put), tag(patched)]
    match = either("If-Match = the tag of the answer before", holds=echoed, otherwise=sent(put))
    return f"{match}; {status(put)} {status(patched)} {status(deleted)}"


@TABLE.row("H2", "someone else wrote meanwhile", "412 precondition-failed, nothing forwarded")
def meanwhile(stage: Stage) -> str:
    """Who comes second is told so, and the API is not bothered."""
    path = customer(stage)
    with connected(stage) as api:
        mine, theirs = api.using_endpoint(path).get(), api.using_endpoint(path).get()
        assert status(api.follow(theirs).to("self").put({"name": "Grace"})) == 200
        refused = api.follow(mine).to("self").put({"name": "Edith"})
    writes = [request.content for request in stage.arrivals(path, "PUT")]
    nothing = either("nothing forwarded", holds=len(writes) == 1, otherwise=writes)
    return f"{status(refused)} {problem(refused)}, {nothing}"


@TABLE.row(
    "H3", "item of a collection, embedded item: PUT with the injected _etag", "200, _etag not forwarded; stale: 412"
)
def item_written(stage: Stage) -> str:
    """What was found in a list is guarded like what was read by itself."""
    with connected(stage) as api:
        found = items(stage, api)
        return together({name: _written_twice(stage, api, path, item) for name, (path, item) in found.items()})


def _written_twice(stage: Stage, api: Api, path: str, item: HalResource) -> str:
    def write(value: str) -> int:
        return status(api.follow(item).to("self").put(dict(item) | {"name": value}))

    first, second = write("first"), write("second")
    forwarded = [request.content for request in stage.arrivals(path)]
    dropped = either("_etag not forwarded", holds="_etag" not in "".join(forwarded), otherwise=forwarded)
    return f"{first}, {dropped}; stale: {second}"


@TABLE.row(
    "H4",
    "injected _etag equals the item's own GET tag, else it is left out",
    "equal; without link: left out; abridged: left out",
)
def item_tags(stage: Stage) -> str:
    """A tag in a list is the very tag of the item; an item that is shown in part has none."""
    with connected(stage) as api:
        found = items(stage, api)
        shown = {name: item.get("_etag", "no _etag") for name, (_, item) in found.items()}
        own = {name: tag(api.using_endpoint(path).get()) for name, (path, _) in found.items()}
        equal = together(
            {name: "equal" if shown[name] == own[name] else f"{shown[name]} != {own[name]}" for name in own}
        )
        sold, _ = found["list"]
        part = of_path(api.using_endpoint("/catalogue").get().embedded("items"), sold)
        (note,) = api.using_endpoint("/products").get()["_embedded"]["notes"]
    left = {"without link": note, "abridged": part}
    return "; ".join([equal, *(f"{name}: {item.get('_etag', 'left out')}" for name, item in left.items())])


@TABLE.row("H5", "header and _etag both present", "both agree; header wins: 200")
def both(stage: Stage) -> str:
    """A representation holds its own tag, and it is the one in the field; halchemy sends the field's."""
    with connected(stage) as api:
        read = api.using_endpoint(customer(stage)).get()
        agree = either("both agree", holds=read.get("_etag") == tag(read), otherwise=read.get("_etag", "no _etag"))
        read["_etag"] = '"something else"'
        put = api.follow(read).to("self").put({"name": "Grace"})
    return f"{agree}; {either('header wins', holds=sent(put) == tag(read), otherwise=sent(put))}: {status(put)}"


@TABLE.row("H6", "chained PATCH after a 200 with ETag", "200 with the ETag of GET, 200")
def chained(stage: Stage) -> str:
    """Who has just written goes on without reading again."""
    path = customer(stage)
    with connected(stage) as api:
        first = api.follow(api.using_endpoint(path).get()).to("self").patch({"age": 36})
        current = either(
            "the ETag of GET", holds=tag(first) == tag(api.using_endpoint(path).get()), otherwise=tag(first)
        )
        second = api.follow(first).to("self").patch({"age": 37})
    assert sent(second) == tag(first)
    return f"{status(first)} with {current}, {status(second)}"


@TABLE.row("H7", "PUT with no tag", "the route's policy: customer 428 precondition-required, product 200")
def untagged(stage: Stage) -> str:
    """What a write without a tag comes to is said in the configuration; neither raises."""
    with connected(stage) as api:
        refused = api.using_endpoint(customer(stage)).put({"name": "Grace"})
        passed = api.using_endpoint(product(stage)).put({"name": "tea"})
    return f"the route's policy: customer {status(refused)} {problem(refused)}, product {status(passed)}"


@TABLE.row("H8", "an If-Match that is not a tag at all (a value with a space)", "400 or 412, not forwarded; then 200")
def no_tag_at_all(stage: Stage) -> str:
    """It is refused, and nothing breaks."""
    path = customer(stage)
    with connected(stage) as api:
        read = of_path(api.using_endpoint("/customers").get().collection("_items"), path)
        read["_etag"] = "not a tag"
        refused = api.follow(read).to("self").put({"name": "Grace"})
        assert sent(refused) == "not a tag"
        forwarded = [request.method for request in stage.arrivals(path)]
        after = api.using_endpoint(path).get()
    told = either("400 or 412", holds=status(refused) in {400, 412}, otherwise=status(refused))
    return f"{told}, {either('not forwarded', holds=not forwarded, otherwise=forwarded)}; then {status(after)}"


HAL = Seed("halchemy", "tests.seeds.hal.origin", "hal.yaml", TABLE.rows)
