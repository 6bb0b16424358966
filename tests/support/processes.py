"""The processes of an end-to-end test: the test origin and the proxy, each on free loopback ports.

What lives here: starting them, what a test asks of them, stopping them. Every handle can be used from any thread.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from http import HTTPStatus
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.support.child import PATIENCE, Child, ChildFailed, python
from tests.support.ledger import LONGEST_WAIT, Record, Stage
from tests.support.resources import Write

ADDRESS = r"""((?:https?://|unix:)[^\s"',]+)"""
PROXY = python("-m", "proxy")
FREE_PORT = "127.0.0.1:0"


class OriginHandle:
    """The test origin (`tests.support.origin`) as a test sees it."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self.url = child.line(f"listening on {ADDRESS}")[1]
        self.authority = urlsplit(self.url).netloc

    def knobs(self, **settings: object) -> None:
        """Turn knobs: `knobs(PUT={"drop_after_apply": True, "times": 1}, etag="strong")`; see `knobs.Knob`, `Modes`."""
        self._ask("POST", "/__knobs", json.dumps(settings).encode())

    def log(self, method: str | None = None, target: str | None = None) -> list[Record]:
        """Return the requests seen since the last reset, in order of arrival."""
        records = [_record(**entry) for entry in json.loads(self._ask("GET", "/__log"))]
        return [record for record in records if method in {None, record.method} and target in {None, record.target}]

    def writes(self, target: str | None = None) -> list[Write]:
        """Return W: the writes applied since the last reset, in that order."""
        writes = [Write(**entry) for entry in json.loads(self._ask("GET", "/__writes"))]
        return [write for write in writes if target in {None, write.target}]

    def seed(self, path: str, content: bytes | None, media_type: str = "text/plain") -> None:
        """Put content there, or nothing for None, without a trace in the logs: also a change behind the proxy."""
        self._ask("DELETE" if content is None else "PUT", f"/__state{path}", content, media_type)

    def peek(self, path: str) -> bytes | None:
        """Return what is there, without a trace in the logs."""
        status, content = self._exchange("GET", f"/__state{path}")
        return content if status == HTTPStatus.OK else None

    def until(self, stage: Stage, *, method: str | None = None, target: str | None = None, count: int = 1) -> None:
        """Wait until `count` requests since the last reset have come that far; see `ledger.Stage`."""
        asked = {"stage": stage, "count": count, "method": method, "target": target}
        query = urlencode({name: value for name, value in asked.items() if value is not None})
        self._ask("GET", f"/__await?{query}")

    def release(self) -> None:
        """Let the requests that are held now go on."""
        self._ask("POST", "/__release")

    def reset(self) -> None:
        """Forget resources, logs and knobs, and let held requests go."""
        self._ask("POST", "/__reset")

    def _ask(self, method: str, target: str, content: bytes | None = None, media_type: str = "") -> bytes:
        status, said = self._exchange(method, target, content, media_type)
        if status >= HTTPStatus.BAD_REQUEST:
            raise ChildFailed(f"the test origin answers {method} {target} with {status}: {said.decode()}")
        return said

    def _exchange(
        self, method: str, target: str, content: bytes | None = None, media_type: str = ""
    ) -> tuple[int, bytes]:
        fields = {"Content-Type": media_type} if media_type else {}
        with closing(HTTPConnection(self.authority, timeout=LONGEST_WAIT + PATIENCE)) as connection:
            connection.request(method, target, content, fields)
            answer = connection.getresponse()
            return answer.status, answer.read()


class ProxyHandle:
    """The proxy as a test sees it. `admin_url` is None where the admin port is off."""

    def __init__(self, child: Child, *, admin: bool) -> None:
        self.child = child
        self.url = child.line(f"ifmatch listening on {ADDRESS}")[1]
        self.admin_url = child.line(f"admin on {ADDRESS}")[1] if admin else None

    @property
    def stderr(self) -> list[str]:
        """The lines written to stderr so far; all of them once the proxy has ended."""
        return self.child.stderr


def _record(**entry: Any) -> Record:
    fields = tuple((name, value) for name, value in entry.pop("fields"))
    stages = [Stage(stage) for stage in entry.pop("stages")]
    return Record(fields=fields, stages=stages, **entry)


@contextmanager
def _ending(child: Child) -> Iterator[None]:
    """Stop the program on leaving, and insist that it ends well, unless it was killed on purpose."""
    try:
        yield
    except BaseException as error:
        child.stop()
        error.add_note("\n".join([f"stderr of {' '.join(child.command)}:", *child.stderr[-50:]]))
        raise
    code = child.stop()
    if code and not child.killed:
        raise child.failure(f"ended with {code}")


@contextmanager
def running_origin() -> Iterator[OriginHandle]:
    """Run the test origin."""
    child = Child(python("-m", "tests.support.origin", "--port", "0"))
    with _ending(child):
        yield OriginHandle(child)


@contextmanager
def running_proxy(
    *arguments: str,
    config: str | None = None,
    listen: str | None = FREE_PORT,
    admin: str | None = FREE_PORT,
    environment: Mapping[str, str] | None = None,
    program: Sequence[str] = PROXY,
) -> Iterator[ProxyHandle]:
    """Run `ifmatch run` with these arguments, and with `config` (YAML) in a file.

    `listen` and `admin` go in by the environment, which is stronger than the file and weaker than a flag; None leaves
    them alone, and without `admin` no admin port is waited for. On leaving the proxy is asked to end by SIGTERM.
    Raised when it does not start, or does not exit with 0: `ChildFailed`.
    """
    with TemporaryDirectory(prefix="ifmatch-") as folder:
        path = Path(folder, "ifmatch.yaml")
        path.write_text(config or "", "utf-8")
        command = [*program, "run", *([str(path)] if config is not None else []), *arguments]
        addresses = {"IFMATCH_LISTEN": listen, "IFMATCH_ADMIN": admin}
        given = {name: address for name, address in addresses.items() if address is not None}
        child = Child(command, given | dict(environment or {}))
        with _ending(child):
            yield ProxyHandle(child, admin=admin is not None)
