"""`python -m tests.soak.workers [DIRECTORY]`: what worker processes cost in memory, as proportional set sizes.

Pages that processes share count in parts, so that the sizes of a tree add up, and one more worker costs what the tree
grows by. After the start, after requests, and with a long list of origins before and after a reload. Loopback only, a
minute. DIRECTORY is another checkout to weigh, with its byte code compiled.
"""

import contextlib
import os
import socket
import socketserver
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from tests.server.live import DEADLINE, ORIGIN, Live, children, configuration, gateway

REQUESTS = 10_000
CONNECTIONS = 16
ORIGINS = 100_000
SETTLE = 1.0
"""Seconds for the gateway to get to rest before it is weighed."""
MIB = 1 << 20

_REQUEST = (
    b"GET /items/%d HTTP/1.1\r\nHost: memory.test\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64)\r\n"
    b"Accept: application/json\r\nOrigin: " + ORIGIN.encode() + b"\r\n\r\n"
)


def main() -> None:
    """Measure and print."""
    if len(sys.argv) > 1:
        os.environ["PYTHONPATH"] = sys.argv[1]
        os.chdir(sys.argv[1])
    with tempfile.TemporaryDirectory(prefix="workers-") as scratch, _backend() as url:
        _plain(Path(scratch), url)
        _with_origins(Path(scratch), url)


def _plain(scratch: Path, url: str) -> None:
    at_rest: dict[int, int] = {}
    after: dict[int, int] = {}
    for workers in (1, 2, 3):
        text = configuration(server={"workers": workers}, upstream=url)
        with _running(scratch / f"{workers}", text) as (live, address):
            at_rest[workers] = _show(f"{workers} worker(s), at rest", live)
            for _ in range(CONNECTIONS):
                _ask(address, REQUESTS // CONNECTIONS)
            after[workers] = _show(f"{workers} worker(s), after {REQUESTS:,} requests", live)
    print(f"{'one more worker, at rest':<44}{(at_rest[3] - at_rest[2]) / MIB:7.1f} MiB")
    print(f"{f'one more worker, after {REQUESTS:,} requests':<44}{(after[3] - after[2]) / MIB:7.1f} MiB")


def _with_origins(scratch: Path, url: str) -> None:
    names = [f"https://customer-{number:06}.example.com" for number in range(ORIGINS)]
    for workers in (1, 2):
        server = {"workers": workers}
        few = configuration(server=server, upstream=url)
        many = configuration(server=server, upstream=url, origins=", ".join(names))
        with _running(scratch / f"{workers}-many", many) as (live, _):
            _show(f"{workers} worker(s), {ORIGINS:,} origins at the start", live)
        with _running(scratch / f"{workers}-few", few) as (live, _):
            live.write(many)
            live.wait_for("reload_ok")
            _show(f"{workers} worker(s), {ORIGINS:,} origins by a reload", live)


@contextlib.contextmanager
def _running(directory: Path, text: str) -> Iterator[tuple[Live, tuple[str, int]]]:
    with gateway(directory, text) as live:
        address = live.address()
        live.wait_for("watch")
        yield live, address
        live.stop()


class _Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 64


class _Answers(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        while self.request.recv(1 << 16):
            self.request.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")


@contextlib.contextmanager
def _backend() -> Iterator[str]:
    with _Server(("127.0.0.1", 0), _Answers) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()


def _ask(address: tuple[str, int], times: int) -> None:
    """Requests over one connection."""
    with socket.create_connection(address, DEADLINE) as connection:
        for number in range(times):
            connection.sendall(_REQUEST % number)
            while not connection.recv(1 << 16).endswith(b"done"):
                pass


def _show(what: str, live: Live) -> int:
    """Print the sizes in a tree of processes: the parent, what its workers are forked from, the workers."""
    time.sleep(SETTLE)
    pids = [live.process.pid]
    for pid in pids:
        pids += children(pid)
    sizes = [_proportional(pid) for pid in pids]
    parts = " + ".join(f"{size / MIB:.1f}" for size in sizes)
    print(f"{what:<44}{sum(sizes) / MIB:7.1f} MiB = {parts}", flush=True)
    return sum(sizes)


def _proportional(pid: int) -> int:
    for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0


if __name__ == "__main__":
    main()
