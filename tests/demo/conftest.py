"""The real `cors-gateway demo` as a subprocess, for a whole module."""

import contextlib
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

START_DEADLINE = 30.0  # seconds; the machine may be busy
STOP_DEADLINE = 20.0

PROGRAM = ("-m", "cors_gateway")

_ADDRESS = re.compile(r"^ +(page|stranger|gateway|backend|admin) +(https?://\S+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Demo:
    """A running demo and the origins that it printed."""

    process: subprocess.Popen[bytes]
    log: Path
    page: str
    stranger: str
    gateway: str
    backend: str
    admin: str

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Ask it to end, and give its exit code."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(STOP_DEADLINE)


@contextlib.contextmanager
def running_demo(directory: Path, *options: str, program: Sequence[str] = PROGRAM) -> Iterator[Demo]:
    """Start a demo on free ports, and end it. Whatever it complains about fails the test."""
    log = directory / "demo.log"
    command = [sys.executable, "-W", "default", *program, "demo", "--port", "0", *options]
    with log.open("wb") as output:
        process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)
    try:
        found = _await_addresses(process, log)
        demo = Demo(process, log, **found)
        yield demo
        code = demo.stop()
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    complaints = [
        line for line in log.read_text().splitlines() if re.search(r"Warning|Error|Traceback", line)
    ]
    assert code == 0
    assert complaints == [], log.read_text()


def _await_addresses(process: subprocess.Popen[bytes], log: Path) -> dict[str, str]:
    deadline = time.monotonic() + START_DEADLINE
    while time.monotonic() < deadline:
        text = log.read_text()
        if "ends it" in text:
            return dict(_ADDRESS.findall(text))
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise AssertionError(f"the demo did not start\n{log.read_text()}")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Demo]:
    with running_demo(tmp_path_factory.mktemp("demo")) as running:
        yield running
