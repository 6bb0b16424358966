"""What tags in content cost: `make bench-injection`.

A list of items is tagged as it would be for a GET, top and items, nothing cached; and in the same run the same document
is read and written by the standard library, which is the least that anybody who puts something into it has to do.
Nothing but the transformation is measured: no HTTP, no origin server. The best of some rounds counts.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from proxy.config.json_path import JsonPath
from proxy.core.canonical import CanonicalJson
from proxy.core.fields import Fields
from proxy.core.injecting import injected
from proxy.core.injection import Injection
from proxy.core.matching import Routes
from proxy.core.message import Request, Response
from proxy.core.minting import Minter
from proxy.core.route import Route
from proxy.core.tag_rules import TagRules
from proxy.core.target import parse
from proxy.core.template import Template

RULES: Final = TagRules(CanonicalJson())
ROUTES: Final = Routes(
    [
        Route("item", Template.parse("/items/{id}"), rules=RULES, inject=Injection()),
        Route("list", Template.parse("/items"), rules=RULES, inject=Injection(items=(JsonPath("$.items[*]"),))),
    ]
)
MINTER: Final = Minter("bench")
REQUEST: Final = Request("GET", parse("/items", None), Fields([("Host", "api.example")]))


@dataclass(frozen=True)
class Cost:
    """Seconds for a whole list."""

    items: int
    size: int
    plain: float
    tagged: float


def document(items: int, text: int) -> bytes:
    """Return a list of items with a text of that many characters in each."""
    listed = [
        {"id": number, "price": number / 8, "text": "x" * text, "_links": {"self": {"href": f"/items/{number}"}}}
        for number in range(items)
    ]
    return json.dumps({"items": listed}).encode()


def tagged(content: bytes) -> bytes:
    """Return the content as a client sees it."""
    match = ROUTES.match("GET", REQUEST.target)
    assert match is not None
    response = Response(200, Fields([("Content-Type", "application/json")]), content)
    answer = injected(REQUEST, match, response, ROUTES, MINTER)
    return answer.shown(MINTER.mint(match.tag_key, answer.basis, RULES, document=answer.document)).content


def measured(items: int, text: int, rounds: int) -> Cost:
    """Return what a list costs."""
    content = document(items, text)
    assert len({item["_etag"] for item in json.loads(tagged(content))["items"]}) == items
    plain = best(rounds, lambda: json.dumps(json.loads(content)).encode())
    return Cost(items, len(content), plain, best(rounds, lambda: tagged(content)))


def best(rounds: int, run: Callable[[], object]) -> float:
    """Return the seconds of the fastest round."""
    return min(timed(run) for _ in range(rounds))


def timed(run: Callable[[], object]) -> float:
    """Return the seconds of one."""
    began = time.perf_counter()
    run()
    return time.perf_counter() - began


def told(cost: Cost) -> str:
    """Return the line of the table."""
    each = 1e6 * (cost.tagged - cost.plain) / cost.items
    cells = [f"{cost.items}", f"{cost.size / 1024:.0f}", f"{1e3 * cost.plain:.2f}", f"{1e3 * cost.tagged:.2f}"]
    return "| " + " | ".join([*cells, f"{each:.1f}", f"{cost.tagged / cost.plain:.1f}"]) + " |\n"


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, and print a table in Markdown."""
    parser = argparse.ArgumentParser(prog="python -m bench.injection", description="Measure tags in JSON content.")
    parser.add_argument("--items", type=int, nargs="+", default=[10, 100, 1000], help="how many are in the list")
    parser.add_argument("--text", type=int, nargs="+", default=[20, 2000], help="characters of text in each")
    parser.add_argument("--rounds", type=int, default=20, help="how often each is measured")
    options = parser.parse_args(arguments)
    head = "| items | KiB | read and written ms | tagged ms | more per item µs | times |\n"
    sys.stdout.write(head + "| --- " * 6 + "|\n")
    for items in options.items:
        for text in options.text:
            sys.stdout.write(told(measured(items, text, options.rounds)))
            sys.stdout.flush()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
