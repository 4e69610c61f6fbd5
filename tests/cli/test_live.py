"""Verbs together with a gateway that really runs."""

import contextlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from click.testing import CliRunner

from cors_gateway.cli import main
from tests.server.live import DEADLINE, ORIGIN, command, configuration, gateway, preflight, worker_pids


def test_a_gateway_configured_by_standard_input_serves_and_keeps_what_it_was_given(tmp_path: Path) -> None:
    """What was read cannot be read again: a reload finds nothing changed, rather than nothing at all."""
    given = tmp_path / "given"
    given.write_text(configuration(admin="127.0.0.1:0"))
    with given.open("rb") as stdin, command(tmp_path, "run", "-c", "-", stdin=stdin) as live:
        admin = "{}:{}".format(*live.address("admin"))
        traffic = live.address()
        live.wait_for("ready")
        reload = CliRunner().invoke(main, ["reload", "--url", admin])
        allowed = preflight(traffic)
        status = CliRunner().invoke(main, ["status", "--url", admin])
        document = json.loads(CliRunner().invoke(main, ["status", "--url", admin, "--format", "json"]).stdout)

        assert reload.exit_code == 0
        assert reload.stdout.startswith("nothing has changed: generation 1 is in force since ")
        assert reload.stdout.endswith(" s ago, the start\n")
        assert allowed == 204
        assert status.exit_code == 0
        assert status.stdout.startswith("ready: generation 1, up ")
        assert "Nothing is wrong." in status.stdout
        assert document["since_start"]["preflights"] == 1
        assert live.stop() == 0


@contextlib.contextmanager
def _watching(admin: str, *arguments: str) -> Iterator[Callable[[], str]]:
    """`cors-gateway watch` in a process; gives the next line of what it prints."""
    process = subprocess.Popen(
        [sys.executable, "-m", "cors_gateway", "watch", "--url", admin, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        text=True,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    with process, process.stdout, process.stderr:
        try:
            for line in process.stderr:  # when it says so, the gateway keeps what happens
                if line.startswith("watching"):
                    break
            yield process.stdout.readline
        finally:
            process.send_signal(signal.SIGINT)
            assert process.wait(DEADLINE) == 0


def test_what_any_worker_decides_can_be_watched_and_one_origin_diagnosed(tmp_path: Path) -> None:
    """Also by workers that were started in the place of others meanwhile."""
    with gateway(tmp_path, configuration(server={"workers": 2}, admin="127.0.0.1:0")) as live:
        admin = "{}:{}".format(*live.address("admin"))
        traffic = live.address()
        live.wait_for("watch")
        with _watching(admin, "--origin", ORIGIN, "--diagnose", "10m") as next_line:
            live.wait_for("diagnosis_began", origin=ORIGIN)
            first = preflight(traffic, "x-forgotten")
            line = next_line()
            for pid in worker_pids(live.process.pid):
                os.kill(pid, signal.SIGKILL)
            live.wait_for("worker_started")
            live.wait_for("worker_started")
            second = preflight(traffic, "x-forgotten")
            another = next_line()
        ended = CliRunner().invoke(main, ["watch", "--url", admin, "--diagnose", "1m"])

        assert (first, second) == (204, 204)
        for shown in (line, another):
            assert (
                f" 204 OPTIONS {traffic[0]}:{traffic[1]}/x on api from {ORIGIN} preflight refused:" in shown
            )
        assert ended.exit_code == 2
        assert live.stop() == 0
