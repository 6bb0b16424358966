"""The origin server over HTTP/1.1: requests go out byte for byte, and what left this process is always known.

A general HTTP client may repeat a write, hide an interim response or mend a target; none of that can be had when the
answer must say whether a write was sent. The rooms, from the bytes up:

    head        the head of a response, read by llhttp in its strict mode
    content     where a response ends (RFC 9112 §6.3)
    response    one response as it arrives: interim heads, final head, content
    request     the head of a request as bytes
    connection  one transport: bytes in, bytes out, back-pressure
    parting     what the end of a connection says of the response on it
    addresses   what the origin server's name stands for, asked for once in a while
    opening     TCP, Unix and TLS connections, or `NotSent`
    sending     request content on its way out
    exchange    one request and its final head on one connection
    places      how many connections may be in use at once
    pool        connections that wait for the next safe request
    reply       the port's `Reply`
    scout       a selection that nobody awaits, and the port's `Scout`
    watch       deadlines that pass unnoticed nearly always
    tunnel      an offer to speak WebSocket, and the port's `Tunnel`
    client      the port's `Upstream`: which connection, how often, until when

Nothing here follows a redirect, keeps a cookie, decodes a content coding or knows what a request is about.
"""

from proxy.adapters.upstream.client import HttpUpstream

__all__ = ["HttpUpstream"]
