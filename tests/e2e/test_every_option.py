"""All that a route may add at once, in several processes that share a store, before and after a reload."""

import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from tests.e2e.test_variants import vouch
from tests.support.child import PATIENCE, Child, python
from tests.support.processes import ProxyHandle, running_proxy
from tests.support.stores import running_redis

RULES = """
upstream: {upstream}
store: {store}
tag_key: a secret of the tests
workers: 2
routes:
  - path: /records
    etag_on_write: always
    unconditional_post: {post}
  - path: /records/{{id}}
    require: existing
    query: view
    accept_tags: tolerant
    etag: {{from: /stock, canonical: json, ignore: [/seen], aba: detect}}
    etag_on_write: always
    already_applied: true
    trust: 1h
    fence: Fence
    cors: [https://app.example]
    select: {{accept: application/json, fields: [X-Tenant]}}
    inject: {{field: _etag, items: ["$.items[*]"], self: /self, quotes: false}}
    problem:
      precondition_failed: {{body: {{message: "{{detail}}", reason: "{{reason}}"}}}}
"""


@pytest.fixture(scope="module")
def upstream() -> Iterator[str]:
    """An API that negotiates."""
    child = Child(python("-m", "uvicorn", "--port", "0", "tests.e2e.negotiating.main:app"))
    try:
        yield child.line(r"running on (http://\S+)")[1]
    finally:
        code = child.stop()
    assert code in {0, -signal.SIGTERM}, child.stderr


@pytest.fixture(params=["relay", "lock"])
def proxy(request: pytest.FixtureRequest, upstream: str, tmp_path: Path) -> Iterator[ProxyHandle]:
    """Run two workers, vouched for."""
    with running_redis() as store:
        path = tmp_path / "ifmatch.yaml"
        path.write_text(RULES.format(upstream=upstream, store=store.url, post=request.param), "utf-8")
        with running_proxy(str(path)) as running:
            vouch(path)
            yield running


def plays(url: str) -> None:
    """Create a record, write it with the tag of the 201, and be refused with that tag afterwards."""
    origin = {"Origin": "https://app.example"}
    with httpx.Client(base_url=url, timeout=PATIENCE, trust_env=False, headers=origin) as user:
        created = user.post("/records", params={"name": "a", "stock": 1})
        assert created.status_code == 201
        path, tag = created.headers["Location"], created.headers["ETag"]
        shown = user.get(path)
        assert (shown.headers["ETag"], shown.json()["_etag"]) == (tag, tag.strip('"'))
        assert shown.headers["Access-Control-Allow-Origin"] == "https://app.example"
        assert user.get(path, headers={"If-None-Match": tag}).status_code == 304
        view = user.get(path, params={"fields": "name"}).headers["ETag"]
        change = httpx.QueryParams(name="b", stock=1)  # the version stays as it is, and the write is counted
        assert user.put(path, params=change, headers={"If-Match": view.strip('"')}).status_code == 204
        for stale in (tag, view, view.strip('"')):
            refused = user.put(path, params=change, headers={"If-Match": stale})
            assert (refused.status_code, refused.json()["reason"]) == (412, "stale")
        assert user.put(path, params=change).status_code == 428
        assert user.delete(path, headers={"If-Match": user.get(path).headers["ETag"]}).status_code == 204
        assert user.delete(path, headers={"If-Match": tag}).status_code == 204


def test_workers_agree_on_every_option(proxy: ProxyHandle) -> None:
    """Whichever of them a connection meets; and so do those that come after a reload."""
    for _ in range(4):
        plays(proxy.url)
    proxy.child.signal(signal.SIGHUP)
    for _ in range(4):
        plays(proxy.url)
