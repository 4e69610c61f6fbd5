"""A client that asks at a steady pace, whatever the proxy does: for latencies of a proxy that is not saturated, and for the
longest pause that one makes.

Requests leave at their times over a few kept connections in turn. One whose connection is busy waits there, and its
latency counts the waiting: a pause is felt by all requests that fall into it. A connection that the proxy closed before
a byte of the answer came is replaced and the request sent again, as browsers do.
"""

import collections
import contextlib
import re
import select
import socket
import sys
import time

from tests.benchmarks.messages import get
from tests.benchmarks.outcome import percentiles

CONNECTIONS = 10

_REQUEST = get("/api/json").encode()
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_LONGEST_SECONDS = 60.0
_LAST_ANSWERS_SECONDS = 10.0
_RETRY_SECONDS = 0.001


def paced(port: int, rate: int, _seconds: float) -> dict[str, float]:
    """`rate` requests a second until a line arrives on standard input. What is never answered is an error."""
    peers = [_Peer(port) for _ in range(CONNECTIONS)]
    print("connected", flush=True)
    began = now = time.monotonic()
    sent = 0
    until = began + _LONGEST_SECONDS
    asking = True
    while now < until and (asking or any(peer.waiting for peer in peers)):
        if asking and now >= began + sent / rate:
            peers[sent % CONNECTIONS].ask(now)
            sent += 1
        for peer in peers:
            peer.retry(now)
        pause = max(0.0, began + sent / rate - now) if asking else _RETRY_SECONDS
        if any(peer.waiting and peer.socket is None for peer in peers):
            pause = min(pause, _RETRY_SECONDS)
        # select, not epoll: it waits for microseconds.
        sources = [peer for peer in peers if peer.socket is not None]
        ready, _, _ = select.select([*sources, *([sys.stdin] if asking else [])], [], [], pause)
        now = time.monotonic()
        for source in ready:
            if isinstance(source, _Peer):
                source.receive(now)
            else:
                asking, until = False, now + _LAST_ANSWERS_SECONDS
    taken = [latency for peer in peers for latency in peer.latencies]
    middle, late, longest = percentiles(taken)
    return {
        "requests": len(taken),
        "seconds": now - began,
        "p50": middle,
        "p99": late,
        "longest": longest,
        "errors": sum(peer.errors + len(peer.waiting) for peer in peers),
    }


class _Peer:
    """One connection and what waits for it; the first in line is under way."""

    def __init__(self, port: int) -> None:
        self.waiting: collections.deque[float] = collections.deque()
        self.latencies: list[float] = []
        self.errors = 0
        self.socket: socket.socket | None = None
        self._port = port
        self._received = b""
        self._connect()

    def fileno(self) -> int:
        assert self.socket is not None
        return self.socket.fileno()

    def ask(self, now: float) -> None:
        self.waiting.append(now)
        if len(self.waiting) == 1:
            self._send()

    def retry(self, now: float) -> None:
        """Connect again where that failed before."""
        if self.socket is None and self.waiting:
            self._connect()
            self._send()

    def receive(self, now: float) -> None:
        assert self.socket is not None
        try:
            data = self.socket.recv(65536)
        except OSError:
            data = b""
        if not data:
            self._replace()
            return
        self._received += data
        head, end, body = self._received.partition(b"\r\n\r\n")
        length = _LENGTH.search(head) if end else None
        if not end or (length and len(body) < int(length.group(1))):
            return
        self._received = b""
        if head.startswith(b"HTTP/1.1 200") and length and self.waiting:
            self.latencies.append(now - self.waiting.popleft())
            self._send()
        else:
            self._fail()

    def _replace(self) -> None:
        """The proxy closed: only what was answered in part is lost."""
        if self._received:
            self._fail()
            return
        self._close()
        if self.waiting:
            self._connect()
            self._send()

    def _fail(self) -> None:
        self.errors += 1
        if self.waiting:
            self.waiting.popleft()
        self._close()

    def _close(self) -> None:
        self._received = b""
        if self.socket is not None:
            self.socket.close()
            self.socket = None

    def _connect(self) -> None:
        with contextlib.suppress(OSError):
            self.socket = socket.create_connection(("127.0.0.1", self._port), 1.0)
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def _send(self) -> None:
        if self.waiting and self.socket is not None:
            try:
                self.socket.sendall(_REQUEST)
            except OSError:
                self._close()
