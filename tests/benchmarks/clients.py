"""Clients that wrk cannot play: WebSocket peers, slow readers and writers, and thousands that only stay connected.

Run as `python -m tests.benchmarks.clients KIND PORT COUNT SECONDS`; prints one line of JSON. Plain sockets and epoll,
so that the generator costs little beside the proxy.
"""

import contextlib
import json
import select
import socket
import struct
import sys
import time
from collections.abc import Iterator

from tests.benchmarks.backend import LARGE_BYTES
from tests.benchmarks.messages import get, post, upgrade
from tests.benchmarks.outcome import percentiles
from tests.benchmarks.paced import paced
from tests.benchmarks.sink import CLIENT_FRAME, SERVER_FRAME

_SLOW_STEP = 16 * 1024
_SLOW_PAUSE = 0.05
_AT_ONCE = 100
_WAIT_SECONDS = 10.0
_RESET = struct.pack("ii", 1, 0)


def echo(port: int, count: int, seconds: float) -> dict[str, float]:
    """`count` WebSocket connections, each sending a frame when the one before came back."""
    with _connected(port, count) as peers:
        for peer in peers.values():
            peer.sendall(upgrade("/sink/echo").encode())
            if not _read_head(peer).startswith(b"HTTP/1.1 101"):
                raise SystemExit("no upgrade")
        return _exchange_frames(peers, seconds)


def slow(port: int, count: int, seconds: float) -> dict[str, float]:
    """Half of `count` read a large answer and half send a large request, 16 KiB at a time and 20 times a second."""
    body = b"x" * _SLOW_STEP
    with _connected(port, count, receive_buffer=_SLOW_STEP) as peers:
        readers, writers = list(peers.values())[::2], list(peers.values())[1::2]
        for reader in readers:
            reader.sendall(get("/api/large").encode())
        for writer in writers:
            head, _, _ = post("/sink/upload", "x").partition("\r\n\r\n")
            head = head.replace("Content-Length: 1", f"Content-Length: {LARGE_BYTES}")
            writer.sendall(head.encode() + b"\r\n\r\n")
        for peer in peers.values():
            peer.setblocking(False)
        moved = dict.fromkeys(peers, 0)
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for peer in readers:
                with contextlib.suppress(BlockingIOError):
                    moved[peer.fileno()] += len(peer.recv(_SLOW_STEP))
            for peer in writers:
                room = min(_SLOW_STEP, LARGE_BYTES - moved[peer.fileno()])
                with contextlib.suppress(BlockingIOError):
                    moved[peer.fileno()] += peer.send(body[:room])
            time.sleep(_SLOW_PAUSE)
        return {
            "stalled": sum(amount < _SLOW_STEP for amount in moved.values()),
            "bytes": sum(moved.values()),
        }


def idle(port: int, count: int, _seconds: float) -> dict[str, float]:
    """`count` connections that made one request each; they stay until a line arrives on standard input."""
    request = get("/api/json").encode()
    peers: list[socket.socket] = []
    latencies: list[float] = []
    began = time.monotonic()
    with contextlib.ExitStack() as stack:
        while len(peers) < count:
            batch = stack.enter_context(_connected(port, min(_AT_ONCE, count - len(peers)))).values()
            sent = time.monotonic()
            for peer in batch:
                peer.sendall(request)
            for peer in batch:
                _read_answer(peer)
                latencies.append(time.monotonic() - sent)
            peers.extend(batch)
        result = _result(latencies, time.monotonic() - began)
        print("connected", flush=True)
        sys.stdin.readline()
        closed = sum(not _is_open(peer) for peer in peers)
    return {**result, "errors": closed}


def _exchange_frames(peers: dict[int, socket.socket], seconds: float) -> dict[str, float]:
    latencies: list[float] = []
    awaited = dict.fromkeys(peers, len(SERVER_FRAME))
    poll = select.epoll()
    sent = {}
    for number, peer in peers.items():
        poll.register(number, select.EPOLLIN)
        sent[number] = time.perf_counter()
        peer.sendall(CLIENT_FRAME)
    began = time.perf_counter()
    now = began
    while now - began < seconds:
        for number, _ in poll.poll(1.0):
            received = len(peers[number].recv(4096))
            awaited[number] -= received
            if not received or awaited[number] < 0:
                raise SystemExit("connection lost or unexpected bytes")
            if awaited[number] == 0:
                now = time.perf_counter()
                latencies.append(now - sent[number])
                awaited[number], sent[number] = len(SERVER_FRAME), now
                peers[number].sendall(CLIENT_FRAME)
        now = time.perf_counter()
    return _result(latencies, now - began)


def _result(latencies: list[float], seconds: float) -> dict[str, float]:
    middle, late, longest = percentiles(latencies)
    return {
        "requests": len(latencies),
        "seconds": seconds,
        "p50": middle,
        "p99": late,
        "longest": longest,
        "errors": 0,
    }


@contextlib.contextmanager
def _connected(port: int, count: int, receive_buffer: int = 0) -> Iterator[dict[int, socket.socket]]:
    """Open sockets by descriptor; they are reset at the end, which leaves no ports waiting."""
    with contextlib.ExitStack() as stack:
        peers = {}
        for _ in range(count):
            peer = stack.enter_context(socket.socket())
            if receive_buffer:
                peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            peer.settimeout(_WAIT_SECONDS)
            peer.connect(("127.0.0.1", port))
            peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            peers[peer.fileno()] = peer
        yield peers


def _read_head(peer: socket.socket) -> bytes:
    """Byte by byte at its end: what follows the head belongs to somebody else."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        byte = peer.recv(1)
        if not byte:
            raise SystemExit("connection closed")
        head += byte
    return head


def _read_answer(peer: socket.socket) -> None:
    head = _read_head(peer).lower()
    length = int(head.partition(b"\r\ncontent-length:")[2].partition(b"\r\n")[0])
    if not head.startswith(b"http/1.1 200") or len(peer.recv(length, socket.MSG_WAITALL)) != length:
        raise SystemExit(f"wrong answer: {head[:12].decode()}")


def _is_open(peer: socket.socket) -> bool:
    peer.setblocking(False)
    try:
        return bool(peer.recv(1))
    except BlockingIOError:
        return True


KINDS = {"echo": echo, "slow": slow, "idle": idle, "paced": paced}

if __name__ == "__main__":
    kind, port, count, seconds = sys.argv[1:]
    print(json.dumps(KINDS[kind](int(port), int(count), float(seconds))), flush=True)
