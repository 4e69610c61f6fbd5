"""Several worker processes, as the real command runs them."""

import http.client
import json
import os
import signal
from pathlib import Path

import pytest

from tests.server.backend import Backend
from tests.server.live import (
    DEADLINE,
    ask,
    children,
    configuration,
    gateway,
    is_open,
    preflight,
    seen,
    worker_pids,
)


def _two_workers(**more: object) -> str:
    return configuration(server={"workers": 2}, **more)  # type: ignore[arg-type]


def _wait_for_end(pid: int) -> None:
    while Path(f"/proc/{pid}").exists() and "zombie" not in Path(f"/proc/{pid}/status").read_text():
        pass


def test_a_killed_worker_is_replaced_and_the_other_goes_on(tmp_path: Path) -> None:
    with gateway(tmp_path, _two_workers()) as live:
        address = live.address()
        live.wait_for("ready")
        before = worker_pids(live.process.pid)
        os.kill(before[0], signal.SIGKILL)

        assert live.wait_for("worker_died", worker_pid=before[0])["cause"] == "SIGKILL"
        assert preflight(address) == 204
        started = live.wait_for("worker_started")
        assert preflight(address) == 204
        after = worker_pids(live.process.pid)
        assert (len(before), len(after)) == (2, 2)
        assert started["worker_pid"] in after
        assert live.stop() == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP], ids=["SIGINT", "SIGHUP"])
def test_a_signal_to_all_processes_during_the_start_is_the_parents_business(
    tmp_path: Path, number: signal.Signals
) -> None:
    with gateway(tmp_path, _two_workers()) as live:
        live.wait_for("start")
        while not (forked_from := children(live.process.pid)):
            pass
        os.kill(forked_from[0], number)  # it imports as yet

        live.wait_for("ready")
        assert live.stop() == 0


def test_all_workers_reload_and_a_replaced_one_starts_with_the_new_configuration(tmp_path: Path) -> None:
    with gateway(tmp_path, _two_workers()) as live:
        address = live.address()
        live.wait_for("watch")
        live.write(_two_workers(headers="x-two"))
        live.wait_for("reload_ok")
        assert [preflight(address, "x-two") for _ in range(20)] == [204] * 20

        for pid in worker_pids(live.process.pid):
            os.kill(pid, signal.SIGKILL)
        live.wait_for("worker_started")
        live.wait_for("worker_started")
        assert [preflight(address, "x-two") for _ in range(20)] == [204] * 20


def test_a_reload_hands_new_sockets_to_running_workers(tmp_path: Path) -> None:
    path = tmp_path / "gw.sock"
    with gateway(tmp_path / "c", _two_workers()) as live:
        address = live.address()
        live.wait_for("watch")
        before = worker_pids(live.process.pid)
        live.write(configuration(server={"workers": 2, "listen": ["[::1]:0", f"unix:{path}"]}))
        host, port = live.address()
        live.wait_for("reload_ok")

        assert preflight((host.strip("[]"), port)) == 204
        assert not is_open(address)
        assert path.is_socket()
        assert worker_pids(live.process.pid) == before


def test_requests_in_progress_finish_in_every_worker(tmp_path: Path, backend: Backend) -> None:
    with gateway(tmp_path, _two_workers(upstream=backend.url)) as live:
        address = live.address()
        live.wait_for("ready")
        clients = [http.client.HTTPConnection(*address, timeout=DEADLINE) for _ in range(8)]
        for client in clients:
            client.request("GET", "/slow")
            backend.wait_for_request()
        live.send(signal.SIGTERM)
        live.wait_for("drain")
        backend.release()

        assert [client.getresponse().read() for client in clients] == [b"done"] * 8
        assert live.exit_code() == 0
        for client in clients:
            client.close()


def test_workers_wind_up_when_the_parent_is_killed(tmp_path: Path, backend: Backend) -> None:
    with gateway(tmp_path, _two_workers(upstream=backend.url)) as live:
        address = live.address()
        live.wait_for("ready")
        workers = worker_pids(live.process.pid)
        client = http.client.HTTPConnection(*address, timeout=DEADLINE)
        client.request("GET", "/slow")
        backend.wait_for_request()
        live.send(signal.SIGKILL)
        live.wait_for("orphaned")
        backend.release()

        assert client.getresponse().read() == b"done"
        client.close()
        for pid in workers:
            _wait_for_end(pid)
        assert not is_open(address)


def test_signals_to_the_whole_process_group_are_left_to_the_parent(tmp_path: Path, backend: Backend) -> None:
    """A terminal sends SIGINT, and systemd SIGTERM, to workers as well."""
    with gateway(tmp_path, _two_workers(upstream=backend.url)) as live:
        address = live.address()
        live.wait_for("ready")
        client = http.client.HTTPConnection(*address, timeout=DEADLINE)
        client.request("GET", "/slow")
        backend.wait_for_request()
        for pid in worker_pids(live.process.pid):
            os.kill(pid, signal.SIGINT)
            os.kill(pid, signal.SIGTERM)
        live.send(signal.SIGTERM)
        live.wait_for("drain")
        backend.release()

        assert client.getresponse().read() == b"done"
        client.close()
        assert live.exit_code() == 0


def test_without_a_worker_that_answers_it_is_not_ready_and_says_so_at_once(tmp_path: Path) -> None:
    with gateway(tmp_path, _two_workers(admin="127.0.0.1:0")) as live:
        admin = live.address("admin")
        live.wait_for("ready")
        pids = worker_pids(live.process.pid)
        for pid in pids:
            os.kill(pid, signal.SIGSTOP)
        _wait_for_answer(admin, (503, b"no worker serves\n"))
        status, body = ask(admin, "GET", "/status")
        assert (status, [worker["serving"] for worker in json.loads(body)["workers"]]) == (
            200,
            [False, False],
        )
        assert ask(admin, "GET", "/metrics")[0] == 200
        for pid in pids:
            os.kill(pid, signal.SIGCONT)

        _wait_for_answer(admin, (200, b"ready\n"))
        assert worker_pids(live.process.pid) == pids
        assert live.stop() == 0


def _wait_for_answer(admin: tuple[str, int], expected: tuple[int, bytes]) -> None:
    seen(lambda: ask(admin, "GET", "/readyz"), lambda answer: answer == expected)


def test_workers_killed_again_and_again_are_replaced_as_often(tmp_path: Path) -> None:
    with gateway(tmp_path, _two_workers()) as live:
        address = live.address()
        live.wait_for("ready")
        for _ in range(4):
            for pid in worker_pids(live.process.pid):
                os.kill(pid, signal.SIGKILL)
            live.wait_for("worker_started")
            live.wait_for("worker_started")

        assert preflight(address) == 204
        assert live.stop() == 0


def test_readiness_and_reload_are_answered_by_the_parent(tmp_path: Path) -> None:
    with gateway(tmp_path, _two_workers(admin="127.0.0.1:0")) as live:
        admin = live.address("admin")
        live.wait_for("ready")

        assert ask(admin, "GET", "/readyz") == (200, b"ready\n")
        live.write(_two_workers(admin="127.0.0.1:0", headers="x-two"))
        status, body = ask(admin, "POST", "/reload")
        assert status == 200
        assert b'"generation": 2' in body
