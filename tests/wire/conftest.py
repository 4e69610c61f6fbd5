"""What the fault and fuzz tests share: one gateway for a module, and an upstream of its own for every test."""

import contextlib
import socket
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest

from tests.wire.gateway_process import GatewayProcess, running_gateway
from tests.wire.raw_backend import EarlyScript, RawBackend, Script, bound_socket, echo

UPSTREAMS = 80

RELEASE_DEADLINE = 30.0  # seconds

ORIGIN = "https://app.example"

# Seconds after which the gateway gives up:
STALL = 1.5  # on an upstream that is silent or stuck
REQUEST_HEAD = 3.0
REQUEST_BODY = 2.0  # on the next bytes of a body
KEEP_ALIVE = 3.0

PAIR = "pair"


@dataclass(frozen=True, slots=True)
class Place:
    """A host the gateway serves, and the socket of the backend behind it."""

    gateway: GatewayProcess
    host: str
    sock: socket.socket

    @property
    def address(self) -> tuple[str, int]:
        return self.gateway.address

    def request(self, line: str = "GET /", fields: str = "", body: bytes = b"") -> bytes:
        """A request to this host; `fields` are complete lines, and a body brings its Content-Length."""
        length = f"Content-Length: {len(body)}\r\n" if body else ""
        return f"{line} HTTP/1.1\r\nHost: {self.host}\r\n{fields}{length}\r\n".encode("latin-1") + body

    @contextlib.asynccontextmanager
    async def backend(
        self, script: Script = echo, early_script: EarlyScript = lambda _: None
    ) -> AsyncIterator[RawBackend]:
        """The backend behind this host, listening; whatever reaches it has to be well-formed."""
        async with RawBackend(self.sock, script, early_script) as backend:
            yield backend
        assert backend.faults == []


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Place]]:
    """A gateway with many hosts, each with an upstream that is not listening yet."""
    with contextlib.ExitStack() as stack:
        sockets = {f"place{number}.test": stack.enter_context(bound_socket()) for number in range(UPSTREAMS)}
        directory = tmp_path_factory.mktemp("gateway")
        gateway = stack.enter_context(running_gateway(directory, _configuration(sockets)))
        sockets_before = gateway.open_sockets()
        yield [Place(gateway, host, sock) for host, sock in sockets.items()]
        _wait_until_released(gateway, sockets_before)


@pytest.fixture
def place(places: list[Place]) -> Place:
    """A host no other test uses, so that no connection or verdict about a server is left over from one."""
    return places.pop()


@pytest.fixture
def pair(places: list[Place]) -> tuple[Place, RawBackend]:
    """A host with two servers, of which only one will listen, and that one."""
    closed, open_ = places[0], places[1]
    return Place(closed.gateway, f"{PAIR}.test", closed.sock), RawBackend(open_.sock)


def _wait_until_released(gateway: GatewayProcess, expected: int) -> None:
    """Connections that are over must not be kept, whatever ended them."""
    deadline = time.monotonic() + RELEASE_DEADLINE
    while (left := gateway.open_sockets()) > expected:
        assert time.monotonic() < deadline, f"{left - expected} sockets were not released"
        time.sleep(0.1)


def _configuration(sockets: dict[str, socket.socket]) -> dict[str, object]:
    stall = _duration(STALL)
    timeouts = {"connect": "2s", "response_head": stall, "idle": stall}
    hosts = {host: [sock] for host, sock in sockets.items()}
    hosts[f"{PAIR}.test"] = list(sockets.values())[:2]
    return {
        "server": {
            "timeouts": {
                "request_head": _duration(REQUEST_HEAD),
                "request_body": _duration(REQUEST_BODY),
                "keep_alive": _duration(KEEP_ALIVE),
                "send": "3s",
            }
        },
        "upstreams": {
            host.partition(".")[0]: {
                "servers": ["http://{}:{}".format(*sock.getsockname()) for sock in listeners],
                "timeouts": timeouts,
                "keep_alive": {"idle": "30s"},
            }
            for host, listeners in hosts.items()
        },
        "policies": {
            "open": {"allow_origins": [ORIGIN], "allow_methods": ["GET", "PUT"], "allow_credentials": True}
        },
        "routes": [
            {
                "name": host.partition(".")[0],
                "host": host,
                "path": "/",
                "upstream": host.partition(".")[0],
                "cors": "open",
            }
            for host in hosts
        ],
    }


def _duration(seconds: float) -> str:
    return f"{int(seconds * 1000)}ms"
