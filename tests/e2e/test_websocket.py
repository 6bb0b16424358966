"""WebSocket through the running proxy, to an origin server that speaks it."""

import json
import signal
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.clients import ask
from tests.support.processes import ProxyHandle, running_proxy
from tests.support.websocket import CLOSE
from tests.support.websocket_origin import PATIENCE, PING, PONG, WebSocket, WebSocketOrigin, websocket_origin

CONFIG = """
upstream: {upstream}
routes:
  - path: /wiki/{{id}}
  - path: /act/{{id}}
    methods: [PUT]
"""
PUT = b"PUT /wiki/1 HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\nnew"


@pytest.fixture(scope="module")
def running() -> Iterator[tuple[WebSocketOrigin, ProxyHandle]]:
    """Run an origin server that speaks WebSocket, and the proxy before it."""
    with websocket_origin() as origin, running_proxy(config=CONFIG.format(upstream=origin.url)) as proxy:
        yield origin, proxy


@pytest.fixture
def origin(running: tuple[WebSocketOrigin, ProxyHandle]) -> WebSocketOrigin:
    """The origin server, of which nothing was asked yet."""
    origin, _ = running
    origin.requests.clear()
    origin.ended.clear()
    return origin


@pytest.fixture
def proxy(running: tuple[WebSocketOrigin, ProxyHandle]) -> ProxyHandle:
    """The proxy."""
    return running[1]


def logged(proxy: ProxyHandle, path: str) -> dict[str, Any]:
    """Wait for the line of the access log that tells of the tunnel of that path, and see that there is one."""
    proxy.child.line(f'"path": "{path}".* "upstream_status": 101')
    lines = [json.loads(each) for each in proxy.child.stdout if f'"{path}"' in each]
    assert len(lines) == 1
    assert isinstance(lines[0], dict)
    return lines[0]


def test_frames_pass_both_ways(origin: WebSocketOrigin, proxy: ProxyHandle) -> None:
    """Small and large, data and control, until both sides have said goodbye: counted once, logged once."""
    with WebSocket(proxy.url, "/ws/echo", "Origin: http://x", "Sec-WebSocket-Protocol: chat") as client:
        assert client.status == 101
        for content in (b"", b"hello", b"\x00" * 125, b"a" * 126, bytes(range(256)) * 300):
            client.send(content)
            assert client.receive() == (2, content)
        client.send(b"there?", PING)
        assert client.receive() == (PONG, b"there?")
        client.send(b"\x03\xe8", CLOSE)
        assert client.receive() == (CLOSE, b"\x03\xe8")
        assert client.stream.read() == b""
    line = logged(proxy, "/ws/echo")
    assert (line["status"], line["method"]) == (101, "GET")
    assert line["bytes_in"] > line["bytes_out"] > 256 * 300
    assert "cut_short" not in line
    assert "\r\nOrigin: http://x\r\n" in origin.requests[0]


@pytest.mark.parametrize("path", ["/wiki/1", "/WIKI/1/", "/act/1"])
def test_a_guarded_path_has_no_tunnel(origin: WebSocketOrigin, proxy: ProxyHandle, path: str) -> None:
    """Nor has one of which another method is guarded: the offer never reaches the origin server."""
    with WebSocket(proxy.url, path, behind=PUT) as client:
        assert client.status == 200
        assert client.stream.read() == b"plain"
    assert len(origin.requests) == 1
    assert "upgrade" not in origin.requests[0].lower()


@pytest.mark.parametrize(
    ("path", "status"), [("/ws/refused", 426), ("/ws/plain", 200), ("/ws/unproven", 502), ("/other", 101)]
)
def test_without_an_acceptance_nothing_passes(
    origin: WebSocketOrigin, proxy: ProxyHandle, path: str, status: int
) -> None:
    """A write behind an offer that is declined, or accepted without proof, is no request: nobody sees it."""
    with WebSocket(proxy.url, path, behind=PUT) as client:
        assert client.status == status
        if status == 101:
            return  # the control: this one is a WebSocket, so it got what was sent behind the offer
        client.stream.read()
    assert len(origin.requests) == 1
    answer = ask(proxy.url, "GET", "/wiki/1")
    assert (answer.status, answer.content) == (200, b"plain")


def test_an_origin_server_that_dies_in_a_tunnel(origin: WebSocketOrigin, proxy: ProxyHandle) -> None:
    """Its client's connection breaks as well, and the next request is served."""
    with WebSocket(proxy.url, "/ws/dies") as client:
        client.send(b"hello")
        assert client.receive() == (2, b"hello")
        client.send(b"die")
        with pytest.raises(ConnectionResetError):
            client.stream.read()
    assert logged(proxy, "/ws/dies")["cut_short"] == "upstream-unanswered"
    assert ask(proxy.url, "GET", "/wiki/1").status == 200


def test_a_client_that_dies_in_a_tunnel(origin: WebSocketOrigin, proxy: ProxyHandle) -> None:
    """The origin server's connection ends, and the next request is served."""
    client = WebSocket(proxy.url, "/ws/left")
    client.send(b"hello")
    assert client.receive() == (2, b"hello")
    client.reset()
    assert origin.ended.wait(PATIENCE)
    assert logged(proxy, "/ws/left")["cut_short"] == "client-gone"
    assert ask(proxy.url, "GET", "/wiki/1").status == 200


def test_a_tunnel_ends_with_the_proxy(origin: WebSocketOrigin) -> None:
    """SIGTERM does not wait for it when nothing else is left to finish: a good end. Each tunnel is counted once."""
    with running_proxy(config=CONFIG.format(upstream=origin.url)) as proxy:
        with WebSocket(proxy.url, "/ws/first") as first:
            first.send(b"\x03\xe8", CLOSE)
            assert first.stream.read()
        logged(proxy, "/ws/first")
        assert proxy.admin_url is not None
        page = ask(proxy.admin_url, "GET", "/metrics").content.decode()
        assert 'ifmatch_requests_total{code="101",method="GET",route="unmatched",verdict="none"} 1.0' in page
        with WebSocket(proxy.url, "/ws/last") as last:
            last.send(b"hello")
            assert last.receive() == (2, b"hello")
            proxy.child.signal(signal.SIGTERM)
            assert proxy.child.wait() == 0
            with pytest.raises(ConnectionResetError):
                last.stream.read()
        assert logged(proxy, "/ws/last")["cut_short"] == "shutting-down"
