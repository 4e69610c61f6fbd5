"""The real command from start to exit code."""

import http.client
import os
import signal
import socket
import stat
import time
from pathlib import Path

import pytest

from cors_gateway.server.signals import ECHO_SECONDS
from tests.server.backend import Backend
from tests.server.live import (
    DEADLINE,
    ask,
    command,
    configuration,
    gateway,
    is_open,
    preflight,
    worker_pids,
)


def test_it_serves_until_sigterm_and_exits_with_0(tmp_path: Path) -> None:
    with gateway(tmp_path, configuration()) as live:
        address = live.address()
        live.wait_for("ready", generation=1)

        assert preflight(address) == 204
        assert live.stop() == 0

    assert not is_open(address)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGQUIT], ids=lambda number: number.name)
def test_other_signals_are_as_good_as_sigterm(tmp_path: Path, number: signal.Signals) -> None:
    with gateway(tmp_path, configuration()) as live:
        live.wait_for("ready")
        live.send(number)

        assert live.exit_code() == 0


@pytest.mark.parametrize("workers", [1, 2])
def test_signals_that_mean_something_to_other_servers_end_nothing(tmp_path: Path, workers: int) -> None:
    with gateway(tmp_path, configuration(server={"workers": workers})) as live:
        address = live.address()
        live.wait_for("ready")
        pids = worker_pids(live.process.pid)
        for pid in (live.process.pid, *pids):
            for number in (signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM):
                os.kill(pid, number)

        assert [preflight(address) for _ in range(4)] == [204] * 4
        assert worker_pids(live.process.pid) == pids
        assert live.stop() == 0


def test_an_invalid_configuration_is_exit_code_1_and_names_file_and_line(tmp_path: Path) -> None:
    with gateway(tmp_path, configuration(origins="https://app.example.com/")) as live:
        problem = live.wait_for("config_problem")
        failure = live.wait_for("start_failed")

        assert live.exit_code() == 1

    assert (problem["file"], problem["code"]) == (f"{tmp_path}/gateway.yaml", "allow_origins.invalid")
    assert problem["line"] == 8
    assert "1 error" in failure["message"]


def test_a_missing_configuration_is_exit_code_1(tmp_path: Path) -> None:
    with command(tmp_path, "run", "-c", str(tmp_path / "nowhere")) as live:
        assert live.wait_for("config_problem")["code"] == "file.missing"
        assert live.exit_code() == 1


def test_an_address_in_use_is_exit_code_1_and_names_who_uses_it(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with gateway(tmp_path, configuration(server={"listen": [f"127.0.0.1:{port}"]})) as live:
            message = live.wait_for("start_failed")["message"]

            assert live.exit_code() == 1

    assert f"127.0.0.1:{port}" in message
    assert f"(pid {os.getpid()})" in message


def test_an_address_of_another_machine_is_exit_code_1(tmp_path: Path) -> None:
    with gateway(tmp_path, configuration(server={"listen": ["192.0.2.1:8080"]})) as live:
        assert "not an address of this machine" in live.wait_for("start_failed")["message"]
        assert live.exit_code() == 1


def test_it_listens_on_several_addresses_of_all_kinds(tmp_path: Path) -> None:
    path = tmp_path / "gw.sock"
    with gateway(
        tmp_path / "c", configuration(server={"listen": ["127.0.0.1:0", "[::1]:0", f"unix:{path}"]})
    ) as live:
        first = live.address()
        host, port = live.address()
        live.wait_for("ready")

        assert preflight(first) == 204
        assert preflight((host.strip("[]"), port)) == 204
        assert stat.S_ISSOCK(path.stat().st_mode)
        assert stat.S_IMODE(path.stat().st_mode) == 0o660
        assert live.stop() == 0

    assert not path.exists()


def test_a_request_in_progress_is_answered_after_sigterm(tmp_path: Path, backend: Backend) -> None:
    with gateway(tmp_path, configuration(upstream=backend.url)) as live:
        address = live.address()
        live.wait_for("ready")
        connection = http.client.HTTPConnection(*address, timeout=DEADLINE)
        connection.request("GET", "/slow")
        backend.wait_for_request()
        live.send(signal.SIGTERM)
        live.wait_for("drain")
        while is_open(address):
            time.sleep(0.01)
        backend.release()
        response = connection.getresponse()

        assert (response.status, response.read()) == (200, b"done")
        assert response.headers["Connection"] == "close"
        assert live.exit_code() == 0
        connection.close()


def test_a_second_signal_ends_at_once_with_exit_code_3(tmp_path: Path, backend: Backend) -> None:
    with gateway(tmp_path, configuration(upstream=backend.url)) as live:
        address = live.address()
        live.wait_for("ready")
        with socket.create_connection(address, DEADLINE) as client:
            client.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
            backend.wait_for_request()
            live.send(signal.SIGTERM)
            live.wait_for("drain")
            while is_open(address):
                time.sleep(0.01)
            time.sleep(ECHO_SECONDS)
            live.send(signal.SIGTERM)

            assert live.exit_code() == 3


def test_a_signal_that_arrives_twice_at_the_same_time_is_one(tmp_path: Path, backend: Backend) -> None:
    """timeout(1) sends it to the process and to the group."""
    with gateway(tmp_path, configuration(upstream=backend.url)) as live:
        address = live.address()
        live.wait_for("ready")
        connection = http.client.HTTPConnection(*address, timeout=DEADLINE)
        connection.request("GET", "/slow")
        backend.wait_for_request()
        for number in (signal.SIGSTOP, signal.SIGTERM, signal.SIGINT, signal.SIGCONT):
            live.send(number)
        live.wait_for("drain")
        backend.release()

        assert connection.getresponse().read() == b"done"
        assert live.exit_code() == 0
        connection.close()


def test_a_request_longer_than_the_grace_is_broken_off_with_exit_code_3(
    tmp_path: Path, backend: Backend
) -> None:
    text = configuration(upstream=backend.url, server={"shutdown": {"grace": "300ms"}})
    with gateway(tmp_path, text) as live:
        address = live.address()
        live.wait_for("ready")
        with socket.create_connection(address, DEADLINE) as client:
            client.sendall(b"GET /slow HTTP/1.1\r\nHost: x\r\n\r\n")
            backend.wait_for_request()

            assert live.stop() == 3


def test_during_the_drain_delay_it_is_not_ready_but_serves(tmp_path: Path) -> None:
    text = configuration(admin="127.0.0.1:0", server={"shutdown": {"drain_delay": "1m"}})
    with gateway(tmp_path, text) as live:
        admin = live.address("admin")
        address = live.address()
        live.wait_for("ready")

        assert ask(admin, "GET", "/readyz")[0] == 200
        live.send(signal.SIGTERM)
        live.wait_for("drain")
        assert ask(admin, "GET", "/readyz") == (503, b"draining\n")
        assert ask(admin, "GET", "/healthz")[0] == 200
        assert preflight(address) == 204


def test_sighup_while_draining_does_not_end_the_process(tmp_path: Path) -> None:
    text = configuration(admin="127.0.0.1:0", server={"shutdown": {"drain_delay": "1m"}})
    with gateway(tmp_path, text) as live:
        admin = live.address("admin")
        live.wait_for("ready")
        live.send(signal.SIGTERM)
        live.wait_for("drain")
        live.send(signal.SIGHUP)

        assert ask(admin, "POST", "/reload")[0] == 409
        assert ask(admin, "GET", "/healthz")[0] == 200


@pytest.mark.parametrize("workers", [1, 2])
def test_a_connection_that_waits_to_be_accepted_is_served_at_the_end(
    tmp_path: Path, backend: Backend, workers: int
) -> None:
    """Connected and sent, but perhaps not yet accepted when the signal comes."""
    backend.release()
    with gateway(tmp_path, configuration(upstream=backend.url, server={"workers": workers})) as live:
        address = live.address()
        live.wait_for("ready")
        clients = [socket.create_connection(address, DEADLINE) for _ in range(50)]
        for client in clients:
            client.sendall(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        live.send(signal.SIGTERM)
        answers = [client.recv(12) for client in clients]
        for client in clients:
            client.close()

        assert answers == [b"HTTP/1.1 200"] * 50
        assert live.exit_code() == 0
