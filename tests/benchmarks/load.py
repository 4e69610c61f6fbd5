"""What drives a proxy while it is measured. Every load runs beside the backend, on the cores around the proxy.

wrk does the plain HTTP rows: it costs a fraction of what any proxy does for the same request. The rest is done by
`clients.py` in a process of its own.
"""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

from tests.benchmarks.cpu import resident_bytes
from tests.benchmarks.messages import write_templates
from tests.benchmarks.outcome import LoadError, Outcome
from tests.benchmarks.processes import Cores, prepare_child, run_pinned, stop
from tests.benchmarks.servers.server import Program, Server
from tests.benchmarks.site import Site

_SCRIPT = Path(__file__).with_name("requests.lua")
_ROOT = Path(__file__).parents[2]
_GRACE_SECONDS = 20
_CLIENT_SECONDS = 60


@dataclass(frozen=True, slots=True)
class Target:
    """A started proxy: what it serves, its root process and the folder with its files; where load on it may run and keep
    files; and what it takes to configure and start another one like it."""

    site: Site
    pid: int
    home: Path
    cores: Cores
    folder: Path
    server: Server
    program: Program


class Load(Protocol):
    """Drives a target for about `seconds`. Raises LoadError."""

    def __call__(self, target: Target, seconds: int) -> Outcome: ...


@dataclass(frozen=True, slots=True)
class Wrk:
    """`connections` keep-alive connections, each sending the next request when the last is answered."""

    name: str
    templates: Callable[[], Sequence[str]]
    connections: int = 32

    def __call__(self, target: Target, seconds: int) -> Outcome:
        path = target.folder / f"{self.name}.requests"
        if not path.exists():
            write_templates(path, self.templates())
        command: list[str | Path] = [
            "wrk",
            "--threads=1",
            f"--connections={self.connections}",
            f"--duration={seconds}s",
            "--timeout=10s",
            f"--script={_SCRIPT}",
            f"{target.site.scheme}://127.0.0.1:{target.site.port}/",
            "--",
            path,
            # No number is used twice in a run: what an earlier sample sent must not be remembered as a repetition.
            str(time.time_ns() // 1_000_000 % 10**8 * 10_000),
        ]
        try:
            output = run_pinned(command, cores=target.cores.around, timeout=seconds + _GRACE_SECONDS)
        except subprocess.SubprocessError as error:
            raise LoadError(str(error)) from error
        outcome = Outcome(**json.loads(output.splitlines()[-1]))
        if not outcome.requests:
            raise LoadError("nothing was answered")
        return outcome


@dataclass(frozen=True, slots=True)
class Mixed:
    """`fast` clients beside as many that move 10 MiB at 320 KiB/s each, half of them down and half up.

    The outcome is that of the fast ones; a slow one that made no progress counts as an error.
    """

    fast: Wrk

    def __call__(self, target: Target, seconds: int) -> Outcome:
        with client("slow", target, self.fast.connections, seconds + 1) as process:
            time.sleep(0.5)  # all slow ones are under way
            outcome = self.fast(target, seconds)
            stalled = last_word(process)["stalled"]
        return replace(outcome, errors=outcome.errors + int(stalled))


@dataclass(frozen=True, slots=True)
class WebSockets:
    """`connections` WebSocket peers; a request is a frame there and back."""

    connections: int = 32

    def __call__(self, target: Target, seconds: int) -> Outcome:
        with client("echo", target, self.connections, seconds) as process:
            return Outcome(**last_word(process))


@dataclass(frozen=True, slots=True)
class Idle:
    """`connections` that make one request each and stay open: what does the proxy's memory grow by? So many that a proxy
    that reckons with two files for each can have them where 20,000 may be open."""

    connections: int = 9_000

    def __call__(self, target: Target, seconds: int) -> Outcome:
        before = resident_bytes(target.pid)
        with client("idle", target, self.connections, seconds) as process:
            await_connected(process)
            time.sleep(seconds)  # what is freed a little later is not held
            held = (resident_bytes(target.pid) - before) / self.connections
            return replace(Outcome(**last_word(process)), held=held)


@contextlib.contextmanager
def client(kind: str, target: Target, count: int, seconds: int) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "tests.benchmarks.clients", kind, target.site.port, count, seconds]
    process = subprocess.Popen(
        [str(part) for part in command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": str(_ROOT)},
        start_new_session=True,
        preexec_fn=lambda: prepare_child(target.cores.around),
    )
    try:
        with process:
            try:
                yield process
            finally:
                stop(process)
    except subprocess.TimeoutExpired as error:
        raise LoadError(str(error)) from error


def await_connected(process: subprocess.Popen[str]) -> None:
    """Wait until a client says that it has all its connections. Raises LoadError if it ends instead."""
    assert process.stdout is not None
    if not process.stdout.readline():
        last_word(process)
        raise LoadError("the client ended too early")


def last_word(process: subprocess.Popen[str]) -> dict[str, Any]:
    """The result it prints at its end, which a line on its standard input brings about."""
    output, complaint = process.communicate("\n", timeout=_CLIENT_SECONDS)
    if process.returncode:
        raise LoadError((complaint.strip() or f"status {process.returncode}").splitlines()[-1])
    return dict(json.loads(output.splitlines()[-1]))
