"""Where the content of a request ends, and the messages that leave it in doubt."""

import pytest

from proxy.core.fields import Fields
from proxy.core.framing import check_framing, has_content
from proxy.errors import BadFraming

Line = tuple[str, str]
UPGRADE = ("Upgrade", "h2c")

HTTP_1_0, HTTP_1_1 = (1, 0), (1, 1)


@pytest.mark.parametrize(
    "lines",
    [
        [],
        [("Content-Length", "0")],
        [("content-length", "0042")],
        [("Content-Length", "9" * 18)],
        [("Transfer-Encoding", "chunked")],
        [("transfer-encoding", "Chunked")],
    ],
)
def test_framing_that_reads_one_way_is_admitted(lines: list[Line]) -> None:
    """One decimal Content-Length, or exactly `chunked`, or neither (row 27)."""
    check_framing(HTTP_1_1, Fields(lines))


BAD_FRAMING: list[list[Line]] = [
    [("Content-Length", "5"), ("Transfer-Encoding", "chunked")],
    [("Transfer-Encoding", "chunked"), ("Content-Length", "0")],
    [("Content-Length", "5"), ("Content-Length", "5")],
    [("Content-Length", "5"), ("content-length", "6")],
    *(
        [("Content-Length", value)]
        for value in ("5, 5", "5,5", "", "+5", "-5", "5.0", "0x5", "5 ", " 5", "\xb2", "5\0", "9" * 19, "0" * 5000)
    ),
    *([("Transfer-Encoding", value)] for value in (",chunked", "chunked,", "gzip, chunked", "chunked, chunked")),
    *(
        [("Transfer-Encoding", value)]
        for value in ("", "identity", "gzip", "xchunked", " chunked", "chunked\t", "\x0bchunked")
    ),
    *([("Transfer-Encoding", value)] for value in ('"chunked"', "chunked;a=b", "chun\u212aed")),
    [("Transfer-Encoding", "chunked"), ("Transfer-Encoding", "chunked")],
    [("Transfer-Encoding", "gzip"), ("Transfer-Encoding", "chunked")],
    [UPGRADE, ("Content-Length", "5")],
    [UPGRADE, ("Transfer-Encoding", "chunked")],
]


@pytest.mark.parametrize("lines", BAD_FRAMING)
def test_framing_that_reads_two_ways_is_refused(lines: list[Line]) -> None:
    """A message whose end two parties could see in two places is refused, an upgrade with content too (rows 27, 28)."""
    with pytest.raises(BadFraming):
        check_framing(HTTP_1_1, Fields(lines))


def test_http_1_0_has_no_transfer_encoding() -> None:
    """A party that follows HTTP/1.0 would not see the chunks (row 27)."""
    with pytest.raises(BadFraming):
        check_framing(HTTP_1_0, Fields([("Transfer-Encoding", "chunked")]))


@pytest.mark.parametrize("lines", [[UPGRADE], [UPGRADE, ("Content-Length", "0")], [("Connection", "Upgrade"), UPGRADE]])
def test_an_upgrade_without_content_is_admitted(lines: list[Line]) -> None:
    """The offer to upgrade is only declined: Upgrade is not forwarded (row 28)."""
    check_framing(HTTP_1_1, Fields(lines))


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], False),
        ([("Content-Length", "0")], False),
        ([("Content-Length", "000")], False),
        ([("Content-Length", "10")], True),
        ([("Transfer-Encoding", "chunked")], True),
    ],
)
def test_content_is_what_the_framing_announces(lines: list[Line], expected: bool) -> None:
    """A length other than 0, or chunks, announce content (RFC 9112 §6)."""
    assert has_content(Fields(lines)) is expected
