"""The running command when its surroundings fail it."""

import resource
import socket
from pathlib import Path

from tests.server.live import DEADLINE, configuration, gateway

PREFLIGHT = b"OPTIONS / HTTP/1.1\r\nHost: x\r\nOrigin: https://app.example.com\r\nAccess-Control-Request-Method: GET\r\n\r\n"


def _answer(client: socket.socket) -> bytes:
    """The status line, or nothing if the connection was closed."""
    try:
        client.sendall(PREFLIGHT)
        return client.recv(4096)[:12]
    except OSError:
        return b""


def test_without_open_files_left_connections_go_on_and_new_ones_are_served_later(tmp_path: Path) -> None:
    with gateway(tmp_path, configuration()) as live:
        address = live.address()
        live.wait_for("watch")
        resource.prlimit(live.process.pid, resource.RLIMIT_NOFILE, (64, 64))
        clients = [socket.create_connection(address, DEADLINE) for _ in range(100)]
        first = [_answer(client) for client in clients]
        served = [client for client, answer in zip(clients, first, strict=True) if answer]

        assert 10 < len(served) < 64
        assert {_answer(client) for client in served} == {b"HTTP/1.1 204"}
        for client in clients:
            client.close()
        while _try(address) != b"HTTP/1.1 204":
            pass
        assert live.stop() == 0


def _try(address: tuple[str, int]) -> bytes:
    with socket.create_connection(address, DEADLINE) as client:
        return _answer(client)
