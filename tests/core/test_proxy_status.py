"""What this intermediary says of an answer that it made, or passes on (RFC 9209)."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from proxy.core.fields import Fields
from proxy.core.message import Response
from proxy.core.proxy_status import of_ours, of_theirs


@given(st.text())
@example('a "quoted" \\ sentence')
def test_proxy_status_is_one_item(details: str) -> None:
    """Whatever the sentence, it is a String of RFC 8941 §3.3.3 that ends where it should."""
    value = of_ours(details, "http_request_error")
    match = re.fullmatch(r'ifmatch; error=http_request_error; details="((?:[ !#-\[\]-~]|\\["\\])*)"', value)
    assert match is not None
    assert re.sub(r"\\(.)", r"\1", match[1]) == re.sub(r"[^ -~]", "?", details)


def test_proxy_status_without_an_error_type() -> None:
    """Where no type of the registry fits, none is invented."""
    assert of_ours("so it is") == 'ifmatch; details="so it is"'


@pytest.mark.parametrize(("status", "marked"), [(412, True), (428, True), (503, True), (200, False), (409, False)])
def test_a_status_that_could_be_taken_for_ours_is_marked(status: int, marked: bool) -> None:
    """Whoever reads `received-status` knows that the origin server saw the request and said so itself."""
    value = of_theirs(Response(status, Fields()), None).get("proxy-status")
    assert value == (f"ifmatch; received-status={status}" if marked else None)


def test_a_note_is_told() -> None:
    """An answer to a selection says that the request itself was not forwarded."""
    value = of_theirs(Response(403, Fields()), "not forwarded").get("proxy-status")
    assert value == 'ifmatch; details="not forwarded"'
