"""Requests and responses as values."""

import dataclasses

import pytest

from proxy.core.fields import Fields
from proxy.core.message import Request, Response
from proxy.core.target import parse

TARGET = parse("/wiki/1", None)


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS"])
def test_methods_that_ask_for_no_change_are_safe(method: str) -> None:
    """GET, HEAD and OPTIONS are safe (RFC 9110 §9.2.1)."""
    assert Request(method, TARGET, Fields()).safe


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "POST", "MOVE", "COPY", "PROPPATCH", "QUERY", "X", "get"])
def test_every_other_method_is_unsafe(method: str) -> None:
    """A method that is not known to be safe, WebDAV's and unknown ones included, is guarded as a write (row 18)."""
    assert not Request(method, TARGET, Fields()).safe


def test_other_fields_make_another_request() -> None:
    """The request that was received is never changed by what is derived from it."""
    received = Request("PUT", TARGET, Fields([("If-Match", '"1"')]))
    derived = received.with_fields(Fields([("Accept", "*/*")]))
    assert received.fields.lines == (("If-Match", '"1"'),)
    assert derived == Request("PUT", TARGET, Fields([("Accept", "*/*")]))


@pytest.mark.parametrize("value", [Request("GET", TARGET, Fields()), Response(200, Fields())])
def test_messages_cannot_be_changed(value: Request | Response) -> None:
    """Assigning to an attribute of a message raises."""
    with pytest.raises(dataclasses.FrozenInstanceError):
        value.fields = Fields()  # type: ignore[misc]


@pytest.mark.parametrize(
    ("status", "successful"),
    [(199, False), (200, True), (204, True), (299, True), (300, False), (304, False), (404, False), (500, False)],
)
def test_successful_is_2xx(status: int, successful: bool) -> None:
    """Exactly the statuses 200 to 299 are successful (RFC 9110 §15.3)."""
    assert Response(status, Fields()).successful is successful


def test_a_response_has_no_content_unless_it_is_given() -> None:
    """A response head alone carries no bytes."""
    assert Response(204, Fields()).content == b""
