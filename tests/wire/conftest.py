"""What the fault and fuzz tests share: one gateway for a module, and an upstream of its own for every test."""

import contextlib
import socket
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass

import pytest

from tests.wire.gateway_process import GatewayProcess, running_gateway
from tests.wire.raw_backend import EarlyScript, RawBackend, Script, bound_socket, echo

UPSTREAMS = 80

ORIGIN = "https://app.example"

STALL = 1.5  # seconds after which the gateway gives up on a silent or stuck upstream


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
        yield [Place(gateway, host, sock) for host, sock in sockets.items()]


@pytest.fixture
def place(places: list[Place]) -> Place:
    """A host no other test uses, so that no connection or verdict about a server is left over from one."""
    return places.pop()


def _configuration(sockets: dict[str, socket.socket]) -> dict[str, object]:
    timeouts = {"connect": "2s", "response_head": f"{int(STALL * 1000)}ms", "idle": f"{int(STALL * 1000)}ms"}
    return {
        "server": {
            "timeouts": {"request_head": "10s", "request_body": "10s", "keep_alive": "30s", "send": "3s"}
        },
        "upstreams": {
            host.partition(".")[0]: {
                "servers": ["http://{}:{}".format(*sock.getsockname())],
                "timeouts": timeouts,
                "keep_alive": {"idle": "30s"},
            }
            for host, sock in sockets.items()
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
            for host in sockets
        ],
    }
