"""What keys mean together."""

from pathlib import Path

import pytest

from proxy.config.combinations import combined
from proxy.config.mistakes import KeyPath
from proxy.config.validation import validate
from proxy.config.yaml_source import Value, parse

HERE = Path("nowhere")


def found(text: str, folder: Path = HERE) -> dict[KeyPath, str]:
    """Return what is wrong in a document of good values, by path."""
    tree = parse(text, "f")
    values: dict[str, Value] = {"upstream": "http://o:9000", **tree.values}
    validated = validate(values, tree.spots, set())
    assert validated.mistakes == []
    return {mistake.path: mistake.message for mistake in combined(validated.document, folder)}


def in_route(lines: str) -> dict[KeyPath, str]:
    """Return what is wrong in the keys of one route, by the path inside it."""
    return {path[2:]: message for path, message in found(f"routes: [{{path: '/a/{{id}}', {lines}}}]").items()}


@pytest.mark.parametrize(
    ("keys", "shortest"),
    [
        ("lock: {write: 34999ms}", "35s"),
        ("lock: {write: 35s}", None),
        ("lock: {write: 20s}, timeouts: {perform: 5s, settle: 10s}", None),
        ("lock: {write: 20s}, timeouts: {perform: 5s, settle: 10001ms}", "20.001s"),
        ("timeouts: {perform: 1h, settle: 1h}", None),
    ],
)
def test_a_write_lease_outlasts_the_write(keys: str, shortest: str | None) -> None:
    """Invariant I3, refused with the smallest that is allowed; a lease that is not set follows the time-outs."""
    told = {path: message.split("; ")[1].split(" (")[0] for path, message in in_route(keys).items()}
    assert told == ({} if shortest is None else {("lock", "write"): f"expected at least {shortest}"})


def test_the_write_lease_is_told_whole() -> None:
    """The sentence says what was found, the least allowed, and why."""
    assert in_route("lock: {write: 20s}") == {
        (
            "lock",
            "write",
        ): "found 20s; expected at least 35s (timeouts.perform + timeouts.settle + 5s), or no value at all"
    }


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        (
            "lock: {read: 4s}",
            {("lock", "read"): "found 4s; expected at least timeouts.select (5s), or no value at all"},
        ),
        ("lock: {read: 5s}", {}),
        ("timeouts: {select: 15s}", {}),
        (
            "timeouts: {settle: 4s}",
            {("timeouts", "settle"): "timeouts.settle is 4s; expected at least timeouts.select, 5s"},
        ),
        (
            "timeouts: {select: 21s}",
            {("timeouts", "select"): "timeouts.settle is 20s; expected at least timeouts.select, 21s"},
        ),
        ("timeouts: {settle: 5s}", {}),
        (
            "etag: {ignore: [/a]}",
            {("etag", "ignore"): "pointers name parts of JSON; this key needs etag.canonical: json"},
        ),
        ("etag: {ignore: [/a], canonical: json}", {}),
        ("etag: {ignore: []}", {}),
        (
            "inject: {}, guard: 'off'",
            {("inject",): 'this does nothing where guard is "off"; leave it out, or guard the route'},
        ),
        (
            "inject: {quotes: false}",
            {
                ("inject", "quotes"): (
                    "a tag that is told without quotes comes back so; this key needs accept_tags: [unquoted]"
                )
            },
        ),
        ("inject: {quotes: false}, accept_tags: [unquoted]", {}),
        ("inject: {quotes: false}, accept_tags: tolerant", {}),
        ("inject: {}", {}),
        (
            "inject: {self: /href}",
            {("inject", "self"): "this is where items link to themselves; this key needs inject.items"},
        ),
        ("inject: {self: /href, items: ['$[*]']}", {}),
        ("inject: {self: /_links/self/href}", {}),
        (
            "etag: {from: /_etag}, inject: {}",
            {("etag", "from"): "inject.field takes the place of /_etag; give one of them another name"},
        ),
        (
            "etag: {from: /a~1b/0}, inject: {field: a/b}",
            {("etag", "from"): "inject.field takes the place of /a~1b/0; give one of them another name"},
        ),
        ("etag: {from: /_etag}, inject: {field: tag}", {}),
        ("etag: {from: Etag}, inject: {field: Etag}", {}),
        (
            "missing_status: 400, problem: {precondition_required: {body: {}}}",
            dict.fromkeys(
                (("missing_status",), ("problem", "precondition_required")),
                "no write is refused for want of a precondition; this key needs require: existing or always",
            ),
        ),
        ("missing_status: 400, require: existing", {}),
        ("missing_status: 428, problem: {precondition_failed: {body: {}}}", {}),
        ("state: '/b/{id}'", {}),
        ("state: /b", {}),
        ("trust: 1s, state: '/b/{id}', fence: X-Fence", {}),
        ("guard: 'off', trust: 0s, fence: null, require: none, etag: {canonical: none}, query: ignore", {}),
        (
            (
                "guard: 'off', require: always, missing_status: 400, absent_status: 404, query: view, "
                "etag: {canonical: json}, etag_on_write: always"
            ),
            dict.fromkeys(
                ((key,) for key in ("require", "missing_status", "absent_status", "query", "etag", "etag_on_write")),
                'this does nothing where guard is "off"; leave it out, or guard the route',
            ),
        ),
        (
            "guard: 'off', unconditional_post: lock",
            {("unconditional_post",): 'this does nothing where guard is "off"; leave it out, or guard the route'},
        ),
        (
            "guard: 'off', trust: 1s, fence: X-Fence",
            dict.fromkeys(
                (("trust",), ("fence",)), 'this does nothing where guard is "off"; leave it out, or guard the route'
            ),
        ),
    ],
)
def test_keys_of_a_route_fit_together(keys: str, told: dict[KeyPath, str]) -> None:
    """What cannot work is told at the key that was written."""
    assert in_route(keys) == told


def test_state_uses_what_path_captures() -> None:
    """The sentence names the variable that is missing."""
    ((path, message),) = in_route("state: '/b/{other}'").items()
    assert path == ("state",)
    assert "{other}" in message


ROUTE = "  - {{path: '{}', methods: {}, guard: '{}'}}\n"


@pytest.mark.parametrize(
    ("first", "second", "reached"),
    [
        (("/a/{id}", "null", "enforce"), ("/a/{name}", "null", "enforce"), False),
        (("/a/{id}", "null", "enforce"), ("/a/{id}", "[PUT]", "enforce"), False),
        (("/a/{id}", "[PUT, PATCH]", "enforce"), ("/a/{id}", "[PUT]", "enforce"), False),
        (("/a/{id}", "[GET]", "enforce"), ("/a/{id}", "[HEAD]", "enforce"), False),
        (("/a/{id}", "null", "enforce"), ("/A/{id}/", "null", "enforce"), False),
        (("/{rest...}", "null", "enforce"), ("/a/{id}", "null", "enforce"), False),
        (("/{rest...}", "null", "enforce"), ("/a/{x...}", "null", "enforce"), False),
        (("/{x}/{y}", "null", "enforce"), ("/a/{id}", "null", "enforce"), False),
        (("/a", "null", "off"), ("/a", "null", "enforce"), False),
        (("/a", "null", "off"), ("/A", "null", "enforce"), True),
        (("/a/{id}", "[PUT]", "enforce"), ("/a/{id}", "null", "enforce"), True),
        (("/a/{id}", "[PUT]", "enforce"), ("/a/{id}", "[PUT, PATCH]", "enforce"), True),
        (("/a/{id}", "[HEAD]", "enforce"), ("/a/{id}", "[GET]", "enforce"), True),
        (("/a/b", "null", "enforce"), ("/a/{id}", "null", "enforce"), True),
        (("/a/{id}", "null", "enforce"), ("/a/{rest...}", "null", "enforce"), True),
        (("/a/{id}", "null", "enforce"), ("/a/{id}/b", "null", "enforce"), True),
        (("/a/{id}/b", "null", "enforce"), ("/a/{id}", "null", "enforce"), True),
        (("/a/{rest...}", "null", "enforce"), ("/b", "null", "enforce"), True),
    ],
)
def test_a_route_that_nothing_reaches_is_told(
    first: tuple[str, str, str],
    second: tuple[str, str, str],
    reached: bool,
) -> None:
    """An earlier route that takes every request of a later one is told, and no other."""
    told = found("routes:\n" + ROUTE.format(*first) + ROUTE.format(*second))
    unreached = {("routes", 1, "path"): f"no request gets here: routes[0] ({first[0]}) takes them all"}
    assert told == ({} if reached else unreached)


def test_names_are_unique() -> None:
    """Also against a name that was made up from methods and path."""
    told = found("routes: [{path: /a, name: x}, {path: /b, name: x}, {path: /c, name: /d}, {path: /d}]")
    assert told == {
        ("routes", 1, "name"): 'routes[0] is already called "x"',
        ("routes", 3, "path"): 'routes[2] is already called "/d"',
    }


@pytest.mark.parametrize(
    ("lines", "path"),
    [
        ("listen: :1\nadmin: :1", ("admin",)),
        ("listen: unix:/a\nadmin: unix:/a", ("admin",)),
        ("listen: :0\nadmin: :0", None),
        ("listen: :1\nadmin: :2", None),
        ("listen: o:9000", ("upstream",)),
        ("admin: null", None),
    ],
)
def test_addresses_are_told_apart(lines: str, path: KeyPath | None) -> None:
    """Two listeners do not share a port, and the proxy does not forward to itself."""
    assert list(found(lines)) == ([] if path is None else [path])


@pytest.mark.parametrize(
    ("lines", "told"),
    [
        ("workers: 1", False),
        ("workers: 2", True),
        ("workers: 2\nstore: memory://", True),
        ("workers: 2\nstore: redis://h", False),
        ("workers: 2\nstore: unix:/run/redis.sock\nlisten: unix:/run/a\non_store_failure: local", False),
        ("on_store_failure: local", False),
    ],
)
def test_processes_share_a_store(lines: str, told: bool) -> None:
    """Two that keep their locks to themselves would lose updates; the sentence names what to write."""
    sentence = (
        "2 processes would not know of each other's writers in memory://; "
        "name a store that they share, such as store: redis://127.0.0.1:6379"
    )
    assert found(lines) == ({("workers",): sentence} if told else {})


def test_the_files_of_the_store_can_be_read(tmp_path: Path) -> None:
    """As those of the listener; the sentence names the part of the address, the file and no password."""
    (tmp_path / "a.pem").write_bytes(b"")
    text = "store: rediss://:secret@h?ca={0}&certificate={0}&key={1}"
    assert found(text.format("a.pem", "a.pem"), tmp_path) == {}
    ((path, message),) = found(text.format("a.pem", "none.pem"), tmp_path).items()
    assert path == ("store",)
    assert message.startswith(f'key: the file "{str(tmp_path)[:50]}')
    assert message.endswith("cannot be read: No such file or directory")
    assert "secret" not in message


def test_tls_files_can_be_read(tmp_path: Path) -> None:
    """Both are opened, relative to the folder of the configuration; each that cannot be is told."""
    (tmp_path / "a.pem").write_bytes(b"")
    (tmp_path / "folder").mkdir()
    text = "tls: {certificate: a.pem, key: %s}"
    assert found(text % "a.pem", tmp_path) == {}
    assert found(text % (tmp_path / "a.pem"), HERE).keys() == {("tls", "certificate")}
    assert found(text % "none.pem", tmp_path).keys() == {("tls", "key")}
    assert "Is a directory" in found(text % "folder", tmp_path)["tls", "key"]


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("{body: words}", True),
        ("{body: words, content_type: text/plain}", False),
        ("{body: '{{}}', content_type: application/problem+json}", False),
        ("{body: {message: words}}", False),
        ("{body: {message: words}, content_type: text/plain}", False),
    ],
)
def test_text_is_not_sent_as_json_by_oversight(line: str, told: bool) -> None:
    """A body that is a text says what it is; who says that it is JSON has written JSON."""
    lines = f"routes:\n  - path: /a\n    require: always\n    problem:\n      precondition_required: {line}"
    path = ("routes", 0, "problem", "precondition_required", "body")
    sentence = (
        "this text would be sent as application/problem+json; "
        "say what it is beside it, such as content_type: text/plain; or write a mapping"
    )
    assert found(lines) == ({path: sentence} if told else {})


def test_words_for_refusals_that_never_come() -> None:
    """Where nothing is guarded nothing is refused."""
    lines = 'routes: [{path: /a, guard: "off", problem: {}}]'
    assert list(found(lines)) == [("routes", 0, "problem")]


def test_sharing_by_itself_takes_a_guard() -> None:
    """Where nothing is guarded requests are passed on as they are; that a route does nothing may be said twice."""
    assert list(found('routes: [{path: /a, guard: "off", cors: ["*"]}]')) == [("routes", 0, "cors")]
    assert found('routes: [{path: /a, guard: "off", cors: "off"}, {path: /b, guard: "off", cors: auto}]') == {}
