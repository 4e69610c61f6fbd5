"""Gateways of one configuration on ports of their own, and the recipe's HAProxy before them."""

import contextlib
import csv
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from tests.server.live import DEADLINE, ORIGIN, Live, ask, gateway

RECIPE = Path(__file__).parents[2] / "config" / "recipes" / "haproxy" / "haproxy.cfg"
Address = tuple[str, int]

CONFIGURATION = """\
version: 1
server:
  listen: ["127.0.0.1:{port}"]
  trusted_proxies: [loopback]
  access_log: off
  shutdown: {{drain_delay: 500ms, grace: 10s}}
admin: 127.0.0.1:{admin}
policies:
  app: {{allow_origins: [{origin}], allow_methods: [GET, POST, PUT], allow_headers: [X-One], allow_credentials: true}}
  strict: {{allow_origins: [{origin}], on_disallowed_request: reject, public_origins: [https://own.example.com]}}
routes:
  - {{name: api, path: /api/, upstream: "{upstream}", cors: app}}
  - {{name: strict, path: /strict/, upstream: "{upstream}", cors: strict}}
  - {{name: lost, path: /lost/, upstream: "http://127.0.0.1:9", cors: app}}
"""


class Replica:
    """One gateway, which can be stopped and started again on the same ports."""

    def __init__(self, directory: Path, upstream: str) -> None:
        self.port, self.admin = free_ports(2)
        self._directory = directory
        self._upstream = upstream
        self._running = contextlib.ExitStack()
        self.live: Live | None = None

    @property
    def address(self) -> Address:
        return "127.0.0.1", self.port

    def start(self) -> None:
        """Returns when it is ready."""
        text = CONFIGURATION.format(port=self.port, admin=self.admin, upstream=self._upstream, origin=ORIGIN)
        self.live = self._running.enter_context(gateway(self._directory, text))
        self.live.wait_for("ready")

    def stop(self) -> int:
        """SIGTERM; returns the exit code."""
        assert self.live is not None
        code = self.live.stop()
        self.kill()
        return code

    def kill(self) -> None:
        """At once, if it is still there."""
        self._running.close()


@contextlib.contextmanager
def fleet(scratch: Path, size: int, upstream: str) -> Iterator[list[Replica]]:
    """So many replicas, ready."""
    replicas = [Replica(scratch / str(number), upstream) for number in range(size)]
    try:
        with ThreadPoolExecutor(size) as pool:
            list(pool.map(Replica.start, replicas))
        yield replicas
    finally:
        for replica in replicas:
            replica.kill()


@dataclass(frozen=True)
class Balancer:
    """A running HAProxy."""

    address: Address
    control: Path

    def wait_until_up(self, number: int) -> None:
        """Returns when HAProxy sends requests to the replica of this number."""
        end = time.monotonic() + DEADLINE
        states: dict[str, str] = {}
        while time.monotonic() < end:
            with socket.socket(socket.AF_UNIX) as control:
                control.connect(str(self.control))
                control.sendall(b"show stat\n")
                text = b"".join(iter(lambda: control.recv(65536), b"")).decode()
            states = {row["svname"]: row["status"] for row in csv.DictReader(text.lstrip("# ").splitlines())}
            if states[f"r{number}"] == "UP":
                return
            time.sleep(0.02)
        raise AssertionError(f"replica {number} is {states.get(f'r{number}')}")


@contextlib.contextmanager
def balanced(scratch: Path, replicas: list[Replica]) -> Iterator[Balancer]:
    """The recipe's HAProxy with these servers, asking ten times as often."""
    program = shutil.which("haproxy", path="/usr/sbin:/usr/local/sbin:/usr/bin")
    assert program, "haproxy is missing: .ci/packages installs it"
    (port,) = free_ports(1)
    kept = [line for line in RECIPE.read_text().splitlines() if not line.startswith("  server ")]
    servers = [
        f"  server r{number} 127.0.0.1:{one.port} port {one.admin}" for number, one in enumerate(replicas)
    ]
    text = "\n".join([*kept, *servers, ""])
    control = scratch / "haproxy.sock"
    changes = {
        "bind :80": f"bind 127.0.0.1:{port}",
        "inter 1s": "inter 100ms",
        "/run/haproxy/admin.sock": str(control),
    }
    for old, new in changes.items():
        assert old in text
        text = text.replace(old, new)
    file = scratch / "haproxy.cfg"
    file.write_text(text)
    process = subprocess.Popen([program, "-db", "-q", "-f", file])
    try:
        _wait_until_serving(("127.0.0.1", port), process)
        yield Balancer(("127.0.0.1", port), control)
    finally:
        process.kill()
        process.wait()


def free_ports(count: int) -> list[int]:
    """Ports on which nobody listens."""
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [sock.getsockname()[1] for sock in held]


def _wait_until_serving(address: Address, process: subprocess.Popen[bytes]) -> None:
    end = time.monotonic() + DEADLINE
    while time.monotonic() < end and process.poll() is None:
        with contextlib.suppress(OSError):
            # Asks no backend: HAProxy's own answer would be 503.
            if ask(address, "GET", "/elsewhere")[0] == 404:
                return
        time.sleep(0.05)
    raise AssertionError("HAProxy does not serve")
