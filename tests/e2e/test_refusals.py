"""Refusals in the words of two APIs, as their clients read them: the wiki's and Ed-Fi's, byte by byte."""

import json
from collections.abc import Iterator

import httpx
import pytest

from tests.support.child import PATIENCE
from tests.support.processes import OriginHandle, running_origin, running_proxy

ERROR = (
    "The resource item's etag value does not match what was specified in the 'If-Match' request header "
    "indicating that it has been modified by another client since it was last retrieved."
)
CORRELATION_ID = "b2f7c6a0-0f2e-4a59-8d5b-8f4c3f0d9f11"
ED_FI = {
    "type": "urn:ed-fi:api:optimistic-lock-failed",
    "title": "Optimistic Lock Failed",
    "status": 412,
    "detail": "The item has been modified by another user.",
    "errors": [ERROR],
    "correlationId": CORRELATION_ID,
}
CONFIG = f"""
routes:
  - path: /wikis/{{id}}
    require: existing
    problem:
      precondition_required:
        content_type: application/json
        body: {{message: "If-Match header is required"}}
      precondition_failed:
        content_type: application/json
        body: {{message: "Wiki has been updated in the meantime"}}
  - path: /ed-fi/students/{{id}}
    problem:
      precondition_failed:
        body:
          type: urn:ed-fi:api:optimistic-lock-failed
          title: Optimistic Lock Failed
          status: 412
          detail: The item has been modified by another user.
          errors: ["{ERROR}"]
          correlationId: "{{correlation_id}}"
      malformed_precondition:
        content_type: text/plain; charset=utf-8
        body: "{{status}}: {{detail}} ({{reason}})"
"""


@pytest.fixture(scope="module")
def origin() -> Iterator[OriginHandle]:
    """Run an origin server of plain resources."""
    with running_origin() as running:
        running.seed("/wikis/1", b"as it was")
        running.seed("/ed-fi/students/1", b"{}", "application/json")
        yield running


@pytest.fixture(scope="module")
def client(origin: OriginHandle) -> Iterator[httpx.Client]:
    """A client of the proxy in front of it."""
    with (
        running_proxy("--upstream", origin.url, config=CONFIG) as proxy,
        httpx.Client(base_url=proxy.url, timeout=PATIENCE, trust_env=False) as connected,
    ):
        yield connected


@pytest.mark.parametrize(
    ("headers", "status", "content"),
    [
        ({}, 428, b'{"message":"If-Match header is required"}'),
        ({"If-Match": '"old"'}, 412, b'{"message":"Wiki has been updated in the meantime"}'),
    ],
)
def test_the_wiki_says_what_it_always_said(
    client: httpx.Client, origin: OriginHandle, headers: dict[str, str], status: int, content: bytes
) -> None:
    """Its clients find the very bytes that the wiki itself would have sent, and nothing was written."""
    answer = client.put("/wikis/1", content="new", headers=headers)
    assert (answer.status_code, answer.content) == (status, content)
    assert answer.headers["Content-Type"] == "application/json"
    assert origin.peek("/wikis/1") == b"as it was"


@pytest.mark.parametrize("method", ["PUT", "DELETE"])
def test_ed_fi_says_what_its_guideline_says(client: httpx.Client, method: str) -> None:
    """The document has these members in this order and no others; the id is the one that the client sent."""
    sent = {"If-Match": '"InvalidETAG"', "X-Correlation-Id": CORRELATION_ID}
    answer = client.request(method, "/ed-fi/students/1", headers=sent)
    assert answer.status_code == 412
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert json.dumps(answer.json()) == json.dumps(ED_FI)
    assert answer.headers["ETag"] == client.get("/ed-fi/students/1").headers["ETag"]


def test_an_id_is_made_up_where_none_was_sent(client: httpx.Client) -> None:
    """Each refusal can be found in the log."""
    answers = [client.delete("/ed-fi/students/1", headers={"If-Match": '"x"'}).json() for _ in range(2)]
    first, second = (answer["correlationId"] for answer in answers)
    assert first != second
    assert len(first) == len(second) == 16


def test_a_text_is_sent_as_it_stands(client: httpx.Client) -> None:
    """With the media type that the route says."""
    answer = client.delete("/ed-fi/students/1", headers={"If-Match": '"x'})
    assert (answer.status_code, answer.headers["Content-Type"]) == (400, "text/plain; charset=utf-8")
    assert answer.text.startswith("400: If-Match is malformed: ")
    assert answer.text.endswith(" (malformed-precondition)")
