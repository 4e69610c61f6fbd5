"""How long somebody waits who wants little, beside all others: `python -m tests.soak.probe HOST PORT`.

A process of its own, so that it does not wait for the rest of the soak. It asks for as long as its standard input is
open, one small thing after the other, and then prints how long the answers took as JSON (seconds).
"""

import contextlib
import json
import select
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

PAUSE = 0.01
"""Seconds between an answer and the next question."""

_PREFLIGHT = (
    b"OPTIONS /data/1/1/length HTTP/1.1\r\nHost: soak.test\r\nOrigin: https://app.example.com\r\n"
    b"Access-Control-Request-Method: PUT\r\n\r\n"
)


@dataclass(slots=True)
class Waits:
    """How long answers took, in seconds."""

    count: int = 0
    middle: float = 0.0
    most: float = 0.0
    """Of 99 in 100."""
    longest: float = 0.0
    latest: float = 0.0
    """By how much a pause of the asker was longer than meant, at most: what the machine alone makes somebody wait."""


def main(host: str, port: int) -> None:
    waits: list[float] = []
    latest = 0.0
    with socket.create_connection((host, port), timeout=30) as sock:
        rested = time.monotonic()
        while not select.select([sys.stdin], [], [], PAUSE)[0]:
            started = time.monotonic()
            latest = max(latest, started - rested - PAUSE)
            sock.sendall(_PREFLIGHT)
            while not sock.recv(4096).endswith(b"\r\n\r\n"):
                pass
            rested = time.monotonic()
            waits.append(rested - started)
    waits.sort()
    print(json.dumps([len(waits), waits[len(waits) // 2], waits[len(waits) * 99 // 100], waits[-1], latest]))


@contextlib.contextmanager
def probing(address: tuple[str, int]) -> Iterator[Waits]:
    """Ask while inside; afterwards the waits are filled in."""
    waits = Waits()
    command = [sys.executable, "-m", "tests.soak.probe", address[0], str(address[1])]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        yield waits
        output, _ = process.communicate()
        waits.count, waits.middle, waits.most, waits.longest, waits.latest = json.loads(output)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
