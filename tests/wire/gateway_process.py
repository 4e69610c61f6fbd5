"""The real gateway as a subprocess: configuration written, readiness awaited, exit and stderr checked."""

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

START_DEADLINE = 30.0  # seconds; the machine may be busy
STOP_DEADLINE = 20.0

_READY = re.compile(r"\bready\b")
_promised: set[int] = set()


class GatewayError(Exception):
    """The process did not start, did not stop, or wrote a traceback."""


@dataclass(slots=True)
class GatewayProcess:
    """A running gateway."""

    process: subprocess.Popen[bytes]
    address: tuple[str, int]
    directory: Path

    @property
    def log(self) -> str:
        """What it wrote to standard output and standard error so far."""
        return (self.directory / "gateway.log").read_text("utf-8", "replace")

    def watch_memory(self) -> Callable[[], int]:
        """A function that returns by how many bytes resident memory has grown since now, at its highest."""
        pid = self.process.pid
        Path(f"/proc/{pid}/clear_refs").write_text("5")  # forget the highest so far
        before = _memory(pid, "VmRSS")
        return lambda: _memory(pid, "VmHWM") - before

    def open_sockets(self) -> int:
        """Different sockets that the process and its workers hold."""
        pids = [self.process.pid]
        for pid in pids:
            pids += _children(pid)
        return len({name for pid in pids for name in _descriptors(pid) if name.startswith("socket:")})

    def stop(self) -> int:
        """SIGTERM, and the exit code. Raises GatewayError when it does not end in time."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            return self.process.wait(STOP_DEADLINE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise GatewayError(f"still running {STOP_DEADLINE} s after SIGTERM\n{self.log}") from None


@contextlib.contextmanager
def running_gateway(directory: Path, configuration: dict[str, Any]) -> Iterator[GatewayProcess]:
    """A gateway that serves `configuration` (listen, admin and logging are filled in here) from `directory`.

    Leaving the context stops it, and raises GatewayError as `ending_well` does.
    """
    with ending_well(start_gateway(directory, configuration)) as gateway:
        wait_until_ready(gateway)
        yield gateway


@contextlib.contextmanager
def ending_well(gateway: GatewayProcess) -> Iterator[GatewayProcess]:
    """Leaving the context stops it.

    Raises GatewayError when it exits with anything but 0 or ever wrote a traceback or a warning that a coroutine or an
    exception was lost.
    """
    try:
        yield gateway
    finally:
        code = gateway.stop()
    if code != 0:
        raise GatewayError(f"exit code {code}\n{gateway.log}")
    for sign in ("Traceback", "never retrieved", "was never awaited", "Unhandled", "Exception in"):
        if sign in gateway.log:
            raise GatewayError(f"{sign!r} in the log\n{gateway.log}")


def start_gateway(directory: Path, configuration: dict[str, Any]) -> GatewayProcess:
    """Write the configuration and start the process, without waiting."""
    directory.mkdir(parents=True, exist_ok=True)
    server: dict[str, Any] = {
        "listen": [f"127.0.0.1:{free_port()}"],
        "access_log": "off",
        "shutdown": {"grace": "5s"},
    }
    server |= configuration.get("server", {})
    listen = server["listen"][0]
    host, _, port = (listen if isinstance(listen, str) else listen["address"]).rpartition(":")
    document = {"version": 1, "admin": "off"} | configuration | {"server": server}
    (directory / "gateway.yaml").write_text(json.dumps(document, indent=1))  # JSON is YAML without anchors
    with (directory / "gateway.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "cors_gateway", "run", "-c", str(directory)],
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
    return GatewayProcess(process, (host, int(port)), directory)


def wait_until_ready(gateway: GatewayProcess) -> None:
    """Wait until it says that it is. Raises GatewayError when the process ends or takes too long.

    One listener accepts connections before the next one is there.
    """
    deadline = time.monotonic() + START_DEADLINE
    while time.monotonic() < deadline:
        if gateway.process.poll() is not None:
            raise GatewayError(f"exit code {gateway.process.returncode}\n{gateway.log}")
        if _READY.search(gateway.log):
            return
        time.sleep(0.02)
    raise GatewayError(f"not ready after {START_DEADLINE} s\n{gateway.log}")


def free_port() -> int:
    """A loopback port that was free a moment ago, and is not promised to anybody else of this process."""
    while True:
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            port = int(sock.getsockname()[1])
        if port not in _promised:
            _promised.add(port)
            return port


def _memory(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise GatewayError(f"no {name} for process {pid}")


def _descriptors(pid: int) -> Iterator[str]:
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # closed since it was listed
            yield str(descriptor.readlink())


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
