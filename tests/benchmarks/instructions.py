"""How much the data path does for a request, counted in calls instead of time: `python -m tests.benchmarks.instructions`.

Time on a busy machine says little about a small change; the number of Python and C functions called for a request is
the same on every machine. The gateway's own protocol objects are driven in this process over transports that only
collect, and the counts are compared with `instructions.json`; `--update` writes it anew. Counts depend on the Python
version: the file names the one it was made with, and under another one nothing is judged.
"""

import argparse
import asyncio
import contextlib
import json
import logging
import platform
import socket
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cors_gateway.config.load import load
from cors_gateway.observe.access_log import AccessLog
from cors_gateway.observe.background_writer import BackgroundWriter
from cors_gateway.observe.metrics import Metrics
from cors_gateway.proxy.gateway import Gateway
from cors_gateway.proxy.upstream import UpstreamConnection
from cors_gateway.snapshot import AccessLog as Form
from tests.benchmarks import messages
from tests.benchmarks.backend import JSON_BODY
from tests.benchmarks.servers import Program, gateway
from tests.benchmarks.site import MANY_ROUTES, Shape, Site

BASELINE = Path(__file__).with_name("instructions.json")
TOLERANCE = 0.05
WARM_UP = 50
REQUESTS = 200
PIECE = 64 * 1024

_RESPONSE = (
    "HTTP/1.1 200 OK\r\nServer: nginx/1.22.1\r\nDate: Sat, 22 Nov 2025 10:00:00 GMT\r\n"
    f"Content-Type: application/json\r\nContent-Length: {len(JSON_BODY)}\r\nConnection: keep-alive\r\n"
    "Access-Control-Allow-Origin: *\r\nCache-Control: private, max-age=0\r\n"
    f'ETag: "{messages.MARK}"\r\nX-Request-Id: {messages.MARK}\r\n\r\n{JSON_BODY}'
)
_LARGE_RESPONSE = f"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {PIECE * 160}\r\n\r\n"


class CollectingTransport(asyncio.Transport):
    """Takes what is written and never pushes back. Its socket is one end of a pair where nothing ever happens.

    It passes for TLS, so that nobody goes past it to that socket.
    """

    def __init__(self, quiet: socket.socket) -> None:
        super().__init__({"socket": quiet, "peername": ("127.0.0.1", 50000), "sslcontext": True})
        self.written: list[bytes] = []
        self.protocol: asyncio.BaseProtocol | None = None
        """Who reads, since somebody took over from the first."""

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def writelines(self, parts: Any) -> None:
        self.written.append(b"".join(parts))

    def get_write_buffer_size(self) -> int:
        return 0

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def pause_reading(self) -> None:
        pass

    def resume_reading(self) -> None:
        pass

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        pass

    def take(self) -> bytes:
        data = b"".join(self.written)
        self.written.clear()
        return data


class ForgetfulWriter(BackgroundWriter):
    """Takes lines and writes none."""

    def __init__(self) -> None:
        self.dropped = 0

    def put(self, data: bytes, lines: int = 1) -> None:
        pass


@dataclass(frozen=True, slots=True)
class Bench:
    """A gateway with one client and one idle connection to the backend, both on collecting transports."""

    connect: Callable[[], asyncio.Protocol]
    """Makes what serves another client."""
    client: asyncio.Protocol
    near: CollectingTransport
    backend: asyncio.Protocol
    far: CollectingTransport
    counts: Counter[str] = field(default_factory=Counter)

    def deliver(self, protocol: asyncio.BaseProtocol | None, data: bytes) -> None:
        """Hand over received bytes, counting the calls that this leads to."""
        self.count(_receiver(protocol), data)

    def count(self, act: Callable[..., Any], *arguments: object) -> Any:
        """Do it, counting the calls that this leads to."""
        counts = self.counts

        def count(_frame: object, event: str, _argument: object) -> None:
            counts[event] += 1

        sys.setprofile(count)
        try:
            return act(*arguments)
        finally:
            sys.setprofile(None)
            counts["c_call"] -= 1  # switching the profile off


Work = Callable[[Bench, int], None]
"""Does the n-th piece of work of a row."""


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.instructions", description=__doc__)
    parser.add_argument("--update", action="store_true", help=f"write {BASELINE.name}")
    options = parser.parse_args(arguments)
    logging.disable()  # that the backend does CORS itself is on purpose here
    counts = {name: count_calls(shape, work) for name, (shape, work) in ROWS.items()}
    if options.update:
        document = {"python": platform.python_version(), "calls": counts}
        BASELINE.write_text(json.dumps(document, indent=2) + "\n")
    baseline: dict[str, Any] = {"python": "-", "calls": {}}
    if BASELINE.exists():
        baseline = json.loads(BASELINE.read_text())
    is_comparable = baseline["python"].split(".")[:2] == list(platform.python_version_tuple()[:2])
    grown = [
        name
        for name, count in counts.items()
        if is_comparable and _is_grown(count, baseline["calls"].get(name))
    ]
    print(f"calls per request, Python {platform.python_version()} (before: {baseline['python']})")
    for name, count in counts.items():
        before = baseline["calls"].get(name, {"python": "-", "c": "-"})
        print(
            f"  {name:20}{count['python']:8} Python ({before['python']:>6}){count['c']:8} C ({before['c']:>6})"
            f"{'  more than before' if name in grown else ''}"
        )
    return 1 if grown else 0


def count_calls(shape: Shape, work: Work) -> dict[str, float]:
    """Python and C functions called per piece of work once it is warm."""
    with _bench(shape) as bench:
        for number in range(WARM_UP + REQUESTS):
            if number == WARM_UP:
                bench.counts.clear()
            work(bench, number)
        return {"python": bench.counts["call"] / REQUESTS, "c": bench.counts["c_call"] / REQUESTS}


def _is_grown(count: dict[str, float], before: dict[str, float] | None) -> bool:
    return before is not None and any(count[kind] > before[kind] * (1 + TOLERANCE) for kind in count)


@contextlib.contextmanager
def _bench(shape: Shape) -> Iterator[Bench]:
    loop = asyncio.new_event_loop()
    quiet, other = socket.socketpair()
    try:
        with tempfile.TemporaryDirectory() as folder:
            launch = gateway.configure(Program(Path(), ""), Site(18080, 18081, 18082, shape), Path(folder))
            loaded = load(launch.files[0], {})
        assert loaded.snapshot is not None, loaded.problems
        served = Gateway(loaded.snapshot, loop=loop, instance_id="calls", metrics=Metrics())
        if shape.access_log:
            served.log_to(AccessLog(loaded.snapshot.server.access_log or Form.JSON, ForgetfulWriter(), loop))
        connect = served.connection_factory(tls=False)
        client, near, far = connect(), CollectingTransport(quiet), CollectingTransport(quiet)
        client.connection_made(near)
        pool = served.active.pools["backend"]
        backend = UpstreamConnection(pool, pool.servers[0])
        backend.connection_made(far)
        pool.release(backend)
        yield Bench(connect, client, near, backend, far)
    finally:
        quiet.close()
        other.close()
        loop.close()


def _receiver(protocol: asyncio.BaseProtocol | None) -> Callable[[bytes], None]:
    """What a transport does with received bytes."""
    if isinstance(protocol, asyncio.Protocol):
        return protocol.data_received
    assert isinstance(protocol, asyncio.BufferedProtocol)

    def receive(data: bytes) -> None:
        memoryview(protocol.get_buffer(-1))[: len(data)] = data
        protocol.buffer_updated(len(data))

    return receive


def _preflight(*templates: str) -> Work:
    def work(bench: Bench, number: int) -> None:
        bench.deliver(bench.client, _numbered(templates[number % len(templates)], number))
        _expect(bench, b"HTTP/1.1 204 ")

    return work


def _exchange(*templates: str, response: str = _RESPONSE.replace(messages.MARK, "5d8c72a5edda8d6a")) -> Work:
    def work(bench: Bench, number: int) -> None:
        bench.deliver(bench.client, _numbered(templates[number % len(templates)], number))
        bench.deliver(bench.backend, _numbered(response, number))
        _expect(bench, b"HTTP/1.1 200 ")

    return work


def _new_connection(template: str) -> Work:
    """From accept to close, for one request that says it is the last."""
    response = _RESPONSE.replace(messages.MARK, "5d8c72a5edda8d6a")

    def work(bench: Bench, number: int) -> None:
        client: asyncio.Protocol = bench.count(bench.connect)
        bench.count(client.connection_made, bench.near)
        bench.deliver(client, _numbered(template, number))
        bench.deliver(bench.backend, response.encode("latin-1"))
        bench.count(client.connection_lost, None)
        _expect(bench, b"HTTP/1.1 200 ")

    return work


def _download(bench: Bench, number: int) -> None:
    """A piece of a large body that is read and written here."""
    if number % 160 == 0:
        bench.deliver(bench.client, messages.get("/api/large").encode())
        bench.deliver(bench.backend, _LARGE_RESPONSE.encode())
    bench.deliver(bench.far.protocol, bytes(PIECE))
    assert len(bench.near.take()) >= PIECE


def _numbered(template: str, number: int) -> bytes:
    return template.replace(messages.MARK, f"{number:012}").encode("latin-1")


def _expect(bench: Bench, start: bytes) -> None:
    answer = bench.near.take()
    bench.far.take()
    assert answer.startswith(start), answer
    assert b"\r\nAccess-Control-Allow-Origin: https://" in answer, answer


def _last(request: str) -> str:
    """The same, from a client that makes a new connection for each request."""
    return request.replace("\r\nConnection: keep-alive\r\n", "\r\nConnection: close\r\n")


_BODY = "x" * 1024
_LOGGED = Shape(access_log=True)
_MANY = Shape(many_routes=True, many_origins=True)
_SPREAD = messages.spread(_MANY, preflights=False)[: MANY_ROUTES // 4]

ROWS: dict[str, tuple[Shape, Work]] = {
    "preflight": (Shape(), _preflight(messages.preflight("/api/orders/1"))),
    "preflight-varying": (Shape(), _preflight(*messages.preflights_varying())),
    "get": (Shape(), _exchange(messages.get("/api/json"))),
    "get-varying": (Shape(), _exchange(messages.get_varying("/api/varying"), response=_RESPONSE)),
    "post": (Shape(), _exchange(messages.post("/api/json", _BODY))),
    "new-connection": (Shape(), _new_connection(_last(messages.get("/api/json")))),
    "new-varying": (Shape(), _new_connection(_last(messages.get_varying("/api/json")))),
    "download": (Shape(), _download),
    "log-preflight": (_LOGGED, _preflight(messages.preflight("/api/orders/1"))),
    "log-get": (_LOGGED, _exchange(messages.get("/api/json"))),
    "many-get": (_MANY, _exchange(messages.get("/api/json"))),
    "many-spread": (_MANY, _exchange(*_SPREAD)),
}

if __name__ == "__main__":
    sys.exit(main())
