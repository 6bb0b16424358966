"""The origin server of the end-to-end tests: any path holds bytes; it logs every request and every write it applies.

What lives here: connections, the course of one request past the knobs, and the control paths, which are not logged:

    POST /__knobs     settings as `tests.support.knobs` has them      POST /__release   let held requests go on
    GET  /__log       the request log                                 GET  /__writes    the write log W
    GET  /__state/p   what path p holds, 404 for nothing              POST /__reset     begin anew
    PUT, DELETE /__state/p   change it outside of W                   GET  /__await?stage=&method=&target=&count=

`python -m tests.support.origin --port 0` prints its URL and runs until it is terminated.
"""

import argparse
import contextlib
import json
import signal
from collections.abc import Callable
from dataclasses import asdict, replace
from itertools import count
from socketserver import StreamRequestHandler, ThreadingTCPServer
from threading import Event, Thread
from urllib.parse import parse_qsl, urlsplit

from tests.support.exhibits import exhibit
from tests.support.knobs import Knob, Knobs
from tests.support.ledger import Ledger, Record, Stage
from tests.support.resources import Resource, Resources, one_spelling
from tests.support.wire import Answer, Content, Head, read_content, read_head, whole, written

STATE = "/__state"


class Site:
    """All that a reset replaces. A request under way keeps the site in which it began."""

    def __init__(self) -> None:
        self.resources = Resources()
        self.ledger = Ledger()
        self.knobs = Knobs()

    def apply(self, record: Record, head: Head, content: Content, knob: Knob, ended: Event) -> Answer:
        """Do what the request asks."""
        if shown := exhibit(head, content, ended):
            return shown
        if self.knobs.modes.alike:
            head = replace(head, target=one_spelling(head.path))
        match head.method:
            case "GET" | "HEAD":
                return self.resources.read(head.path, self.knobs.modes, stale=knob.stale)
            case "OPTIONS":
                return whole(204, b"", ("Allow", "GET, HEAD, PUT, PATCH, POST, DELETE, OPTIONS"))
        return self.resources.write(record.number, head, content, self.knobs.modes)


class _Server(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True  # a held request does not keep the process
    request_queue_size = 512

    def __init__(self, port: int) -> None:
        super().__init__(("127.0.0.1", port), _Connection)
        self.site = Site()
        self.ended = Event()
        self.connections = count(1)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Connection(StreamRequestHandler):
    server: _Server
    disable_nagle_algorithm = True

    def handle(self) -> None:
        number = next(self.server.connections)
        with contextlib.suppress(ConnectionError):  # a proxy may give up; the log says how far its request came
            while (head := read_head(self.rfile)) and self._exchange(number, head) and head.keeps_alive:
                pass

    def _exchange(self, number: int, head: Head) -> bool:
        """Serve one request; return whether the connection can carry another."""
        if head.path in CONTROLS or head.path.startswith(STATE):
            return self._send(head, self._control(head, read_content(self.rfile, head)))
        site = self.server.site
        record = site.ledger.open(head, number)
        if "100-continue" in (head.get("expect") or "").lower():
            self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        content = read_content(self.rfile, head)
        site.ledger.receive(record, content)
        return content.complete and self._perform(site, record, head, content)

    def _perform(self, site: Site, record: Record, head: Head, content: Content) -> bool:
        knob = site.knobs.take(head.method)
        self._pause(site, record, knob.delay_before_apply, hold=knob.hold_before_apply)
        if knob.drop_before_apply:
            return self._drop(site, record)
        if knob.status is None:
            answer = site.apply(record, head, content, knob, self.server.ended)
            site.ledger.mark(record, Stage.APPLIED)
        else:
            answer = whole(knob.status, b"so told", ("Content-Type", "text/plain"))
        self._pause(site, record, knob.delay_after_apply, hold=knob.hold_after_apply)
        if knob.drop_after_apply:
            return self._drop(site, record)
        answer = _adorned(answer, knob)
        site.ledger.mark(record, Stage.ANSWERED, answer.status)
        return self._send(head, answer, truncated=knob.truncate)

    def _pause(self, site: Site, record: Record, seconds: float, *, hold: bool) -> None:
        if seconds:
            self.server.ended.wait(seconds)
        if hold:
            site.ledger.hold(record)

    def _drop(self, site: Site, record: Record) -> bool:
        site.ledger.mark(record, Stage.DROPPED)
        return False

    def _send(self, head: Head, answer: Answer, *, truncated: bool = False) -> bool:
        for part in written(answer, head_only=head.method == "HEAD", truncated=truncated):
            self.wfile.write(part)
        return not truncated

    def _control(self, head: Head, content: Content) -> Answer:
        try:
            if head.path.startswith(STATE):
                return _state(self.server.site, head, content)
            return CONTROLS[head.path](self.server, head, content)
        except (TypeError, ValueError) as mistake:  # a knob that does not exist
            return whole(400, str(mistake).encode())


def _adorned(answer: Answer, knob: Knob) -> Answer:
    """Return the answer with the knob's status, and with its fields in place of those of the same names."""
    names = {name.lower() for name, _ in knob.fields}
    kept = [line for line in answer.fields if line[0].lower() not in names]
    return replace(answer, status=knob.status_after_apply or answer.status, fields=(*kept, *knob.fields))


def _json(document: object) -> Answer:
    return whole(200, json.dumps(document).encode(), ("Content-Type", "application/json"))


def _state(site: Site, head: Head, content: Content) -> Answer:
    path = head.path.removeprefix(STATE)
    if head.method == "GET":
        resource = site.resources.peek(path)
        return whole(200, resource.content) if resource else whole(404)
    given = Resource(content.data, head.get("content-type") or "text/plain") if head.method == "PUT" else None
    site.resources.seed(path, given)
    return whole(204)


def _knobs(server: _Server, _head: Head, content: Content) -> Answer:
    server.site.knobs.turn(json.loads(content.data))
    return whole(204)


def _log(server: _Server, _head: Head, _content: Content) -> Answer:
    return _json(server.site.ledger.as_json())


def _writes(server: _Server, _head: Head, _content: Content) -> Answer:
    return _json([asdict(write) for write in server.site.resources.writes()])


def _reset(server: _Server, _head: Head, _content: Content) -> Answer:
    left, server.site = server.site, Site()
    left.ledger.release()
    return whole(204)


def _release(server: _Server, _head: Head, _content: Content) -> Answer:
    server.site.ledger.release()
    return whole(204)


def _await(server: _Server, head: Head, _content: Content) -> Answer:
    asked = dict(parse_qsl(urlsplit(head.target).query))
    stage, method, target = Stage(asked["stage"]), asked.get("method"), asked.get("target")

    def satisfied(record: Record) -> bool:
        return stage in record.stages and method in {None, record.method} and target in {None, record.target}

    return whole(204 if server.site.ledger.wait(satisfied, int(asked["count"])) else 408)


CONTROLS: dict[str, Callable[[_Server, Head, Content], Answer]] = {
    "/__knobs": _knobs,
    "/__log": _log,
    "/__writes": _writes,
    "/__reset": _reset,
    "/__release": _release,
    "/__await": _await,
}


def main() -> int:
    """Run until terminated, having printed the URL."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.origin")
    parser.add_argument("--port", type=int, default=0)
    ended = Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: ended.set())
    with _Server(parser.parse_args().port) as server:
        Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        print(f"test origin listening on {server.url}", flush=True)  # noqa: T201 - whoever started us reads it
        ended.wait()
        server.ended.set()
        server.shutdown()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
