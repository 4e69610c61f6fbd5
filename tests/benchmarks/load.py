"""What drives a proxy while it is measured. Every load runs beside the backend, on the cores around the proxy.

wrk does the plain HTTP rows: it costs a fraction of what any proxy does for the same request. The rest is done by
`clients.py` in a process of its own.
"""

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.benchmarks.messages import write_templates
from tests.benchmarks.processes import run_pinned
from tests.benchmarks.site import Site

_SCRIPT = Path(__file__).with_name("requests.lua")
_GRACE_SECONDS = 20


@dataclass(frozen=True, slots=True)
class Target:
    """A started proxy: what it serves, its root process, and where load on it may run and keep files."""

    site: Site
    pid: int
    cores: frozenset[int]
    folder: Path


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a load saw. Latencies in seconds."""

    requests: int
    seconds: float
    p50: float
    p99: float
    errors: int


class Load(Protocol):
    """Drives a target for about `seconds`."""

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
        command = [
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
        output = run_pinned(command, cores=target.cores, timeout=seconds + _GRACE_SECONDS)
        return Outcome(**json.loads(output.splitlines()[-1]))
