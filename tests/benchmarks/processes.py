"""Child processes of a benchmark: pinned to cores, started in their own session, and gone when the benchmark is."""

import contextlib
import ctypes
import os
import resource
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

START_SECONDS = 20.0
STOP_SECONDS = 3.0
_LOOK_EVERY_SECONDS = 0.005
_SET_PARENT_DEATH_SIGNAL = 1  # prctl(2)
_LIBC = ctypes.CDLL(None, use_errno=True)


class StartError(Exception):
    """A process ended, or did not listen, instead of serving."""


@dataclass(frozen=True, slots=True)
class Cores:
    """Which CPUs the proxy under test and everything around it may use."""

    proxy: frozenset[int]
    around: frozenset[int]


def divide_cores(workers: int = 1) -> Cores:
    """One core for each proxy worker and another for load and backend; where there are too few, they share."""
    available = sorted(os.sched_getaffinity(0))
    if len(available) == 1:
        return Cores(frozenset(available), frozenset(available))
    proxy = frozenset(available[:workers])
    around = frozenset(available[workers : workers + 1]) or frozenset(available)
    return Cores(proxy, around)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextlib.contextmanager
def running(
    command: Sequence[str | Path],
    *,
    port: int,
    cores: frozenset[int],
    log: Path,
    environment: Mapping[str, str] | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """Start `command`, yield once `port` accepts connections, stop its whole process group on the way out.

    Its output goes to `log`. Raises StartError with the last line of that output.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            [str(part) for part in command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=log.parent,
            env={**os.environ, **(environment or {})},
            start_new_session=True,
            preexec_fn=lambda: prepare_child(cores),
        )
    try:
        _await_listening(process, port, log)
        yield process
    finally:
        stop(process)


def prepare_child(cores: frozenset[int]) -> None:
    """For `preexec_fn`: pin the child, let it open all the files it may, and let it die with its parent."""
    os.sched_setaffinity(0, cores)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    # Not SIGKILL: a master that is killed leaves its workers behind.
    _LIBC.prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)


def stop(process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    """Ask politely, then kill the whole group."""
    if process.poll() is None:
        process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def run_pinned(command: Sequence[str | Path], *, cores: frozenset[int], timeout: float) -> str:
    """Run to the end and return standard output. Raises CalledProcessError or TimeoutExpired."""
    done = subprocess.run(
        [str(part) for part in command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=True,
        preexec_fn=lambda: prepare_child(cores),
    )
    return done.stdout


def _await_listening(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise StartError(f"ended with status {process.returncode}: {_last_line(log)}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 0.2):
            return
        time.sleep(_LOOK_EVERY_SECONDS)
    raise StartError(f"did not listen within {START_SECONDS:.0f} s: {_last_line(log)}")


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
