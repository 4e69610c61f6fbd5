"""Runs something in a forked process that cannot outstay its time, fill the memory, or leave processes behind."""

import contextlib
import json
import os
import resource
import select
import signal
from collections.abc import Callable, Iterator
from typing import Any

_MEMORY = 8 << 30
"""Bytes of address space: a loop that collects shall not take the machine along."""


def forked(job: Callable[[], Any], limit: float) -> Any:
    """What `job` returns, by way of JSON; None if the process ended or `limit` seconds passed before it returned."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _run(job, limit, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as said, _ended(child):
        ready, _, _ = select.select([said], [], [], limit)
        answer = said.read() if ready else b""
    return json.loads(answer) if answer else None


def _run(job: Callable[[], Any], limit: float, writing: int) -> None:
    """In the forked process, which ends here."""
    try:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CPU, (int(limit) + 1, int(limit) + 2))
        resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
        answer = json.dumps(job()).encode()
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(answer)
    finally:
        os._exit(0)


@contextlib.contextmanager
def _ended(child: int) -> Iterator[None]:
    """Ends the process afterwards, with all that it started."""
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
