"""`ifmatch probe`, from the command line to its exit code, before an origin server that follows a script."""

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from proxy.cli import main
from tests.cli.scripted_origin import JSON, Asked, Said, Script, scripted
from tests.support.child import ROOT, python

ROUTES = """
routes:
  - path: /free/{rest...}
    guard: "off"
  - path: /wiki/{id}
  - path: /seen/{id}
    etag:
      canonical: json
      ignore: [/seen_at, "/a ${X:-b}/*/c"]
  - path: /orders/{id}/cancel
    methods: [POST]
    state: /orders/{id}
"""


def volatile(number: int, asked: Asked) -> Said:
    """Answer with a member that is new each time, and one that is new in the second burst of three."""
    return Said(json.dumps({"id": 1, "query_ms": number / 8, "hour": int(number > 3)}).encode())


def steady(number: int, asked: Asked) -> Said:
    """Answer the same each time."""
    return Said(b'{"id": 1}')


def config(folder: Path, upstream: str, routes: str = ROUTES) -> str:
    """Write a configuration and return its name."""
    path = folder / "ifmatch.yaml"
    path.write_text(f"upstream: {upstream}\n{routes}", "utf-8")
    return str(path)


class Probed:
    """What a probe came to: exit code, lines by their first words, the proposed YAML, and what was asked for it."""

    def __init__(self, code: int, out: str, asked: list[Asked]) -> None:
        self.code = code
        self.asked = asked
        before, found, behind = out.partition("\nroutes:\n")
        written, _, after = behind.partition("\n\n")
        self.yaml = f"routes:\n{written.rstrip()}\n" if found else ""
        self.lines = [(line[:11].strip(), line[12:]) for line in f"{before}\n{after}".splitlines() if line]

    def said(self, word: str) -> list[str]:
        """Return what was said under a word."""
        return [text for named, text in self.lines if named == word]


Prober = Callable[..., Probed]


@pytest.fixture
def probe(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Prober:
    """What probes an origin server that follows a script."""

    def probed(script: Script, *arguments: str, url: str = "/wiki/a", routes: str = ROUTES) -> Probed:
        with scripted(script) as origin:
            code = main(["probe", config(tmp_path, origin.url, routes), url, "--pause", "0", *arguments])
        return Probed(code, capsys.readouterr().out.replace(origin.authority, "ORIGIN"), origin.asked)

    return probed


def test_what_is_stable_is_called_so(probe: Prober) -> None:
    """Exit 0, and nothing but the facts."""
    probed = probe(steady)
    assert probed.code == 0
    assert probed.lines == [
        ("route", "/wiki/{id}: guarded"),
        ("asks", "GET /wiki/a of ORIGIN, 3 times, and 3 more after 0 s"),
        ("answered", "200, application/json, 9 bytes, content coding none, Vary: none"),
        ("origin tag", "none"),
        ("stable", "6 answers, one tag"),
    ]


def test_what_is_volatile_is_named_and_proposed(probe: Prober) -> None:
    """Exit 1; what differs at once is told from what differs after the pause; both are ignored in what is proposed."""
    probed = probe(volatile)
    assert probed.code == 1
    assert probed.said("differs") == [
        "/query_ms: 0.125, 0.25, 0.375, ... (from one answer to the next)",
        "/hour: 0, 1 (only after the pause)",
    ]
    assert probed.said("unstable") == ["6 answers, 6 tags"]
    assert "somebody's write" in " ".join(probed.said("note"))
    assert probed.yaml == (
        "routes:\n"
        "  - path: /wiki/{id}\n"
        "    etag:\n"
        "      canonical: json\n"
        "      ignore:\n"
        "        - /query_ms\n"
        "        - /hour\n"
    )


@pytest.mark.parametrize("url", ["/wiki/a", "/elsewhere/a.b?x=1", "/seen/x", "/orders/7/cancel", "/orders/7"])
def test_what_is_proposed_holds(probe: Prober, tmp_path: Path, url: str) -> None:
    """Pasted as it is, `check` finds no fault with it, and the same resource is stable under it."""
    probed = probe(volatile, url=url)
    assert probed.code == 1
    assert main(["check", config(tmp_path, "http://127.0.0.1:9000", probed.yaml)]) == 0
    assert probe(volatile, url=url, routes=probed.yaml).said("stable") == ["6 answers, one tag"]


def test_where_only_the_spelling_differs_that_is_all_that_is_proposed(probe: Prober) -> None:
    """Another order of keys needs `canonical: json` and nothing to ignore."""
    spellings = (b'{"a": 1, "b": 2}', b'{"b":2,"a":1}')
    probed = probe(lambda number, _asked: Said(spellings[number % 2]))
    assert probed.code == 1
    assert probed.yaml == "routes:\n  - path: /wiki/{id}\n    etag:\n      canonical: json\n"


def test_what_is_ignored_already_stays_ignored(probe: Prober) -> None:
    """It is not told again, and comes first in what is proposed, a "${" in it guarded from substitution."""
    probed = probe(lambda number, _asked: Said(b'{"seen_at": %d, "n": %d}' % (number, number)), url="/seen/x")
    assert [said.partition(":")[0] for said in probed.said("differs")] == ["/n"]
    assert "- /seen_at\n        - /a b/*/c\n        - /n\n" in probed.yaml
    dollars = probe(lambda number, _asked: Said(b'{"${n}": %d}' % number))
    assert "- /$${n}\n" in dollars.yaml


def test_an_action_and_its_resource_are_proposed_together(probe: Prober) -> None:
    """Whichever of the two is probed, the resource is asked for, and both routes are given the same rules."""
    routes = "routes:\n  - {path: '/orders/{id}/cancel', state: '/orders/{id}'}\n  - path: /orders/{id}\n"
    for url in ("/orders/7/cancel", "/orders/7"):
        probed = probe(volatile, url=url, routes=routes)
        assert {asked.target for asked in probed.asked} == {"/orders/7"}
        assert probed.yaml.count("- /query_ms\n") == 2
        assert "    state: /orders/{id}\n" in probed.yaml


def test_the_rules_of_the_route_that_shows_a_resource_decide(probe: Prober) -> None:
    """An action is compared with the tag that readers have, whatever `etag` says on its own route."""
    routes = (
        "routes:\n  - {path: '/orders/{id}/cancel', state: '/orders/{id}'}\n"
        "  - path: /orders/{id}\n    etag: {canonical: json, ignore: [/query_ms, /hour]}\n"
    )
    probed = probe(volatile, url="/orders/7/cancel", routes=routes)
    assert (probed.code, probed.said("stable")) == (0, ["6 answers, one tag"])


def test_a_member_that_the_proxy_replaces_does_not_count(probe: Prober) -> None:
    """Where a route injects, an `_etag` of the origin server's is part of no tag, and so nothing to ignore."""
    routes = "routes:\n  - path: /wiki/{id}\n    etag: {canonical: json}\n    inject: {}\n"
    probed = probe(lambda number, _asked: Said(b'{"id": 1, "_etag": %d}' % number), routes=routes)
    assert (probed.code, probed.said("differs"), probed.said("stable")) == (0, [], ["6 answers, one tag"])


def test_what_is_not_json_cannot_be_ignored(probe: Prober) -> None:
    """It is said where it differs, that `ignore` does not help, and what does; nothing is proposed."""
    probed = probe(lambda number, _asked: Said(b"<p>took %d ms</p>" % number, fields={"Content-Type": "text/html"}))
    assert (probed.code, probed.yaml) == (1, "")
    assert probed.said("differs") == ["bytes 8 to 8: '1', '2', '3', ... (from one answer to the next)"]
    assert "text/html is none" in probed.said("no cure")[0]
    assert any("etag.from" in said for said in probed.said("what can"))


@pytest.mark.parametrize("arguments", [[], ["--times", "1"], ["--header", "Accept: text/plain"]])
@pytest.mark.parametrize("script", [steady, volatile])
def test_nothing_unsafe_is_sent_unless_it_is_asked_for(probe: Prober, script: Script, arguments: list[str]) -> None:
    """Without --write an origin server sees GET alone, and no content."""
    asked = probe(script, *arguments).asked
    assert asked
    assert {(request.method, request.content) for request in asked} == {("GET", b"")}


@pytest.mark.parametrize(
    ("status", "said", "code"),
    [
        (412, "enforced by the origin server itself (412)", 0),
        (204, "ignored by the origin server (204)", 0),
        (405, "unknown: the origin server answered 405: it takes no PUT here", 0),
        (401, "unknown: the origin server answered 401: give credentials", 0),
        (500, "unknown: the origin server answered 500", 0),
        (0, "unknown: ", 1),
    ],
)
def test_a_write_that_is_asked_for_shows_who_enforces(probe: Prober, status: int, said: str, code: int) -> None:
    """One PUT of what was read, with a tag that cannot be current, after it was said; never a second one."""

    def script(number: int, asked: Asked) -> Said:
        described = JSON | {"Content-Language": "en", "ETag": '"mine"'}
        return Said(b'{"id": 1}', fields=described) if asked.method == "GET" else Said(status=status)

    probed = probe(script, "--write", "--header", "Authorization: Bearer x")
    assert probed.code == code
    assert probed.said("If-Match")[0].startswith(said)
    (put,) = [asked for asked in probed.asked if asked.method == "PUT"]
    assert (put.target, put.content) == ("/wiki/a", b'{"id": 1}')
    assert put.fields["if-match"].startswith('"ifmatch-probe-')
    assert put.fields["if-match"] in probed.said("sends")[0]
    assert put.fields["content-type"] == "application/json"
    assert put.fields["content-language"] == "en"
    assert put.fields["authorization"] == "Bearer x"
    assert "if-none-match" not in put.fields


def test_what_cannot_be_read_is_not_written(probe: Prober) -> None:
    """There is nothing to write back."""
    probed = probe(lambda *_: Said(status=503), "--write")
    assert (probed.code, [asked.method for asked in probed.asked]) == (1, ["GET"])


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        (Said(status=404), "404: there is nothing here"),
        (Said(status=410), "410: there is nothing here"),
        (Said(status=401), "401: give credentials, as --header 'Authorization: ...'"),
        (Said(status=400), "400: the origin server refuses this request"),
        (Said(status=302, fields={"Location": "/in"}), "302 to /in: redirects are not followed"),
        (Said(status=405), "405: the resource cannot be read with GET"),
        (Said(status=503), "503: the origin server failed"),
        (Said(b"x", 206), "206: this is not a whole representation"),
        (Said(b"x", fields={"Content-Type": "text/event-stream"}), "200: an event stream has no end"),
        (Said(b'"seventeen bytes."'), "200: the content is larger than the route's limits.mint, so it gets no tag (16"),
    ],
)
def test_what_shows_no_state_is_told(probe: Prober, answer: Said, said: str) -> None:
    """Exit 1, and nothing more is asked."""
    routes = "routes:\n  - path: /wiki/{id}\n    limits:\n      mint: 16B\n"
    probed = probe(lambda *_: answer, routes=routes)
    assert (probed.code, len(probed.asked)) == (1, 1)
    assert probed.said("answered")[0].startswith(said)


def test_it_is_told_when_answers_could_be_read_before(probe: Prober) -> None:
    """A failure in between is not mistaken for a resource that cannot be read."""
    probed = probe(lambda number, _asked: Said(status=200 if number < 5 else 500))
    assert probed.said("answered") == ["500: the origin server failed (after 4 answers that could be read)"]


def test_an_origin_server_that_is_not_there(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 1, and one line names it."""
    assert main(["probe", config(tmp_path, "http://127.0.0.1:1"), "/wiki/a"]) == 1
    assert capsys.readouterr().out.endswith("unanswered  127.0.0.1:1: The origin server refused the connection.\n")


def test_an_answer_that_breaks_off(probe: Prober) -> None:
    """Exit 1, without a traceback."""
    probed = probe(lambda *_: Said(status=0))
    assert probed.code == 1
    assert probed.said("unanswered")[0].startswith("ORIGIN: ")


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["--header", "Accept"], "--header: 'Accept' is not 'Name: value'"),
        (["--header", "A b: c"], "is not 'Name: value'"),
        (["--header", "A: b\r\nC: d"], "is not 'Name: value'"),
        (["--times", "0"], "--times is 1 to 20"),
        (["--pause", "-1"], "--pause 0 to 3600"),
        (["--pause", "nan"], "--pause 0 to 3600"),
        (["--upstream", "nowhere"], "--upstream"),
    ],
)
def test_mistakes_of_usage(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str], fault: str
) -> None:
    """Exit 2 and one line on standard error; nothing is asked."""
    assert main(["probe", config(tmp_path, "http://127.0.0.1:1"), "/wiki/a", *arguments]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert fault in line


def test_a_bad_configuration(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Exit 2, and the mistakes as `check` lists them."""
    name = config(tmp_path, "http://127.0.0.1:1", "unmatched: gard\n")
    assert main(["probe", name, "/wiki/a"]) == 2
    assert f"{name}:2:12: unmatched" in capsys.readouterr().err


@pytest.mark.parametrize("url", ["/wiki/../a", "/wiki/a#b", "nothing"])
def test_a_target_that_the_proxy_refuses(probe: Prober, url: str) -> None:
    """Exit 1 with the sentence that a client would read, as `explain` has it."""
    probed = probe(steady, url=url)
    assert (probed.code, probed.asked) == (1, [])
    assert probed.said("refused")[0].startswith("The request target ")


@pytest.mark.parametrize(
    ("url", "target", "notes"),
    [
        ("http://example.org/wiki/a?x=1", "/wiki/a?x=1", 1),
        ("https://example.org?x", "/?x", 1),
        ("/wiki/a?x=1", "/wiki/a?x=1", 0),
    ],
)
def test_only_path_and_query_count(probe: Prober, url: str, target: str, notes: int) -> None:
    """A URL of another authority is asked of the upstream, which is said."""
    probed = probe(steady, url=url)
    assert {asked.target for asked in probed.asked} == {target}
    said = [note for note in probed.said("note") if note.startswith("only path and query of the URL count")]
    assert len(said) == notes


def test_it_asks_as_the_proxy_selects(probe: Prober) -> None:
    """With the client's fields, uncoded and past caches, without what selects nothing, which is said."""
    probed = probe(steady, "--header", "X-Tenant: é", "--header", "Range: bytes=0-1", "--header", "Host: api.example")
    fields = probed.asked[0].fields
    assert fields["x-tenant"].encode("latin-1").decode() == "é"
    assert fields["host"] == "api.example"
    assert fields["accept-encoding"] == "identity"
    assert fields["cache-control"] == "no-cache"
    assert "range" not in fields
    assert probed.said("note") == ["Range is not sent as given: a selection has its own, or none"]


def test_what_a_route_accepts_is_asked_for(probe: Prober) -> None:
    """`select.accept` decides what a write is compared with, so it decides here."""
    routes = "routes:\n  - path: /wiki/{id}\n    select:\n      accept: application/json\n"
    assert probe(steady, routes=routes).asked[0].fields["accept"] == "application/json"
    assert probe(steady).asked[0].fields["accept"] == "*/*"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("/wiki/a", "/wiki/{id}: guarded"),
        ("/free/a", '/free/{rest...}: not guarded (guard: "off")'),
        ("/orders/7/cancel", "POST /orders/{id}/cancel: guarded by /orders/7"),
        ("/other", "none, so nothing is guarded (unmatched: relay); compared under the default rules"),
    ],
)
def test_the_route_is_named(probe: Prober, url: str, said: str) -> None:
    """Whoever probes learns whether what they probe is guarded at all."""
    assert probe(steady, url=url).said("route") == [said]


def test_it_runs_as_a_process_of_its_own(tmp_path: Path) -> None:
    """`python -m proxy probe` waits out its pause, prints what was found, and exits 1."""
    with scripted(volatile) as origin:
        command = python("-m", "proxy", "probe", config(tmp_path, origin.url), "/wiki/a", "--pause", "0.01")
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")
    assert "      ignore:\n        - /query_ms\n        - /hour\n" in done.stdout
