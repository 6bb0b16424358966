"""Rows in which messages are small to send and large to take: F34."""

import gzip
from collections.abc import Mapping
from dataclasses import replace
from functools import cache

from tests.faults.growth import memory_bounded
from tests.faults.matrix import Act, Row
from tests.faults.principal import PATIENT
from tests.faults.rows_load import PROXIES, message
from tests.faults.solo import Solo
from tests.support.raw import Answer, RawClient

TAGS = ", ".join(f'"{number}"' for number in range(10_000))
CHUNK = b"1\r\nx\r\n"


@cache
def _bomb() -> bytes:
    """Return a tenth of a megabyte that becomes a hundred."""
    return gzip.compress(100 * 1024 * 1024 * b"0", 9)


def _bombs(solo: Solo) -> Mapping[str, tuple[bytes, set[int]]]:
    """Return what is sent, and what may be answered."""
    chunked, none = ("If-Match: *", "Transfer-Encoding: chunked"), "Content-Length: 0"
    lines = [f'If-Match: "{number}"' for number in range(90)]
    announced = f"Content-Length: {len(_bomb())}"
    return {
        "10,000 tags": (message(solo, f"If-Match: {TAGS}", none), {400}),
        "90 lines of tags": (message(solo, *lines, none), {400}),
        "a line of 1 MB": (message(solo, f"X: {1_000_000 * 'x'}", none), {400}),
        "1,000 lines": (message(solo, *(1_000 * ["X: y"]), none), {400}),
        "10,000 chunks": (message(solo, *chunked, content=10_000 * CHUNK + b"0\r\n\r\n"), {204}),
        "a chunk of 2^64": (message(solo, *chunked, content=b"1" + 16 * b"0" + b"\r\nx"), {400, 413}),
        "an extension of 1 MB": (
            message(solo, *chunked, content=b"1;" + 1_000_000 * b"x" + b"\r\nx\r\n0\r\n\r\n"),
            {204, 400},
        ),
        "10,000 trailers": (
            message(solo, *chunked, content=CHUNK + b"0\r\n" + 10_000 * b"X: y\r\n" + b"\r\n"),
            {204, 400},
        ),
        "a compressed bomb": (
            message(solo, "If-Match: *", "Content-Encoding: gzip", announced, content=_bomb()),
            {204},
        ),
    }


def bombs(act: Act) -> None:
    """Requests that are small to send and large to take, and a representation that is: refused, or simply passed on."""
    with memory_bounded(act):
        for number in range(PROXIES):
            solo = Solo(act, f"bomb-{number}")
            answers = [_told(solo.url(number), sent) for sent, _ in _bombs(solo).values()]
            for answer, (name, (_, expected)) in zip(answers, _bombs(solo).items(), strict=True):
                assert answer.status in expected, f"{name}: {answer}"
            assert solo.forwarded() == sum(answer.status == 204 for answer in answers)


def shown_bombs(act: Act) -> None:
    """JSON of a depth that no parser takes, and content that somebody has compressed: both are compared as they are."""
    solo = Solo(act, "shown")
    with memory_bounded(act):
        act.scene.origin.seed(solo.path, 200_000 * b"[", "application/json")
        assert solo.write(0, solo.tag(0)).status == 204
        act.scene.origin.seed(solo.path, _bomb())
        act.scene.origin.knobs(GET={"fields": [["Content-Encoding", "gzip"]], "times": 2})
        assert solo.write(1, solo.tag(1)).status == 204


def _told(url: str, sent: bytes) -> Answer:
    with RawClient(url) as client:
        client.send(sent)
        return client.answer()


ROWS = [
    Row(
        "F34",
        "bombs, giant lists, 10,000 chunks",
        "4xx, or passed on; memory bounded",
        bombs,
        setting=replace(PATIENT, route={**PATIENT.route, "etag": {"canonical": "json"}}),
        afterwards=shown_bombs,
    ),
]
