"""Reloads under load: `python -m tests.server.reload_load [--reloads 100] [--rate 2000] [--workers 1]`.

Clients send requests on kept connections at a steady rate, loopback only, while the configuration is replaced again
and again. Every answer has to be complete, and the policy of the old or of the new file, never a mixture.
"""

import argparse
import asyncio
import signal
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from tests.server.live import ORIGIN, Live, configuration, gateway
from tests.wire.raw_backend import bound_socket
from tests.wire.stream_backend import serving_streams

CONNECTIONS = 20
REQUEST = f"GET /x HTTP/1.1\r\nHost: gw.test\r\nOrigin: {ORIGIN}\r\n\r\n".encode()
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@dataclass
class Result:
    """What came of it."""

    reloads: int = 0
    answers: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def requests(self) -> int:
        return sum(self.answers.values()) + len(self.failures)


async def reload_under_load(
    live: Live, address: tuple[str, int], port: int, *, reloads: int, rate: int
) -> Result:
    """Reload so many times while so many requests a second are sent."""
    result = Result()
    is_over = asyncio.Event()
    clients = [
        asyncio.create_task(_send(address, rate / CONNECTIONS, is_over, result)) for _ in range(CONNECTIONS)
    ]
    began = time.monotonic()
    for number in range(reloads):
        live.write(_text(port, f"x-{number}"))
        live.send(signal.SIGHUP)
        await asyncio.to_thread(live.wait_for, "reload_ok")
        result.reloads += 1
    is_over.set()
    await asyncio.gather(*clients)
    result.seconds = time.monotonic() - began
    return result


async def answer_everything(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """A backend that says ok."""
    while await reader.readuntil(b"\r\n\r\n"):
        writer.write(ANSWER)


async def measure(directory: Path, *, reloads: int, rate: int, workers: int) -> Result:
    """Start a backend and a gateway, and reload it under load."""
    with bound_socket() as sock:
        port = sock.getsockname()[1]
        async with serving_streams(sock, answer_everything):
            with gateway(directory, _text(port, "x-first", workers)) as live:
                address = await asyncio.to_thread(live.address)
                await asyncio.to_thread(live.wait_for, "ready")
                result = await reload_under_load(live, address, port, reloads=reloads, rate=rate)
                assert await asyncio.to_thread(live.stop) == 0
    return result


def _text(port: int, header: str, workers: int = 1) -> str:
    text = configuration(headers=header, server={"workers": workers}, upstream=f"http://127.0.0.1:{port}")
    return text.replace("allow_headers", f"expose_headers: [{header}], allow_headers")


async def _send(address: tuple[str, int], rate: float, is_over: asyncio.Event, result: Result) -> None:
    reader, writer = await asyncio.open_connection(*address)
    due = time.monotonic()
    while not is_over.is_set():
        due += 1 / rate
        await asyncio.sleep(max(0.0, due - time.monotonic()))
        try:
            writer.write(REQUEST)
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            body = await reader.readexactly(2)
        except (OSError, asyncio.IncompleteReadError) as error:
            result.failures.append(repr(error))
            return
        exposed = [
            line for line in head.split("\r\n") if line.startswith("Access-Control-Expose-Headers: x-")
        ]
        if head.startswith("HTTP/1.1 200 ") and body == b"ok" and len(exposed) == 1:
            result.answers["right"] += 1
        else:
            result.failures.append(head)
    writer.close()


def main() -> int:
    """Run it and say what came of it; 1 if any request was lost or wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reloads", type=int, default=100)
    parser.add_argument("--rate", type=int, default=2000)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        result = asyncio.run(
            measure(Path(directory), reloads=options.reloads, rate=options.rate, workers=options.workers)
        )
    per_second = result.requests / result.seconds
    print(
        f"{result.reloads} reloads in {result.seconds:.1f} s, {result.requests} requests ({per_second:.0f}/s)"
    )
    print(f"{len(result.failures)} lost or wrong", *result.failures[:5], sep="\n")
    return 1 if result.failures else 0


if __name__ == "__main__":
    raise SystemExit(main())
