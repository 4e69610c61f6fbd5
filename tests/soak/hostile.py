"""`python -m tests.soak.hostile`: how much can strangers make the gateway remember? Everything new, everything twice.

Hosts, request lines, fields, origins, preflights and a backend that never says the same: each kind for some seconds, by
itself and so that one could multiply another. Loopback only, about a minute. Exit code 1 beyond the goal.
"""

import asyncio
import contextlib
import itertools
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import uvloop

from tests.wire.gateway_process import GatewayProcess, running_gateway
from tests.wire.raw_backend import bound_socket
from tests.wire.stream_backend import serving_streams

MIB = 1 << 20
GOAL = 64 * MIB
SECONDS = 8.0
"""For each kind."""
BATCH = 32
POLICIES = 40
HOSTS = 250

Requests = Iterator[bytes]


def main() -> int:
    """Attack, print what each kind added, and say whether the goal was met."""
    growth = uvloop.run(_attack())
    print(f"{'all together':<34}{growth / MIB:8.1f} MiB (goal: at most {GOAL // MIB})")
    return 1 if growth > GOAL else 0


def _request(line: str, host: str = "any.test", **fields: str) -> bytes:
    lines = [f"{line} HTTP/1.1", f"Host: {host}", *[f"{k.replace('_', '-')}: {v}" for k, v in fields.items()]]
    return "\r\n".join([*lines, "", ""]).encode()


def _lines() -> Requests:
    for n in itertools.count():
        yield _request(f"GET /nowhere/{n // HOSTS:0490}", f"h{n % HOSTS}.test")


def _fields() -> Requests:
    for n in itertools.count():
        yield _request("GET /nowhere", **{f"X-{n % 7}": f"{n:01000}"})


def _heads() -> Requests:
    for n in itertools.count():
        yield _request(
            "OPTIONS *", Via=f"1.1 a{n}, 1.1 {n:0900}", Origin=f"https://o{n}.example", Upgrade=f"u{n:0900}"
        )


def _origins() -> Requests:
    for n in itertools.count():
        yield _request(f"GET /p{n % POLICIES}/x", Origin=f"https://{n // POLICIES:060}.tenant.example.com")


def _preflights() -> Requests:
    for n in itertools.count():
        origin = f"https://{n // POLICIES:060}.tenant.example.com"
        yield _request(
            f"OPTIONS /p{n % POLICIES}/x",
            Origin=origin,
            Access_Control_Request_Method="PUT",
            Access_Control_Request_Headers=",".join(f"x-{n}-{k}" for k in range(60)),
        )


def _answers() -> Requests:
    for n in itertools.count():
        yield _request(f"GET /forward/{n}")


KINDS: dict[str, Callable[[], Requests]] = {
    "request lines of many hosts": _lines,
    "field lines": _fields,
    "heads": _heads,
    "origins of many policies": _origins,
    "preflights of many policies": _preflights,
    "responses": _answers,
}


def _configuration(backend: str) -> dict[str, Any]:
    policy = {
        "allow_origins": ["https://*.tenant.example.com"],
        "allow_methods": ["PUT"],
        "expose_headers": [f"X-Exposed-{n}" for n in range(10)],
        "on_disallowed_request": "reject",
    }
    routes = [{"name": f"p{n}", "path": f"/p{n}/", "upstream": "b", "cors": f"p{n}"} for n in range(POLICIES)]
    routes.append({"name": "forward", "path": "/forward/", "upstream": "b", "cors": "p0"})
    return {
        "server": {"access_log": "json"},
        "upstreams": {"b": {"servers": [backend]}},
        "policies": {f"p{n}": policy for n in range(POLICIES)},
        "routes": routes,
    }


async def _attack() -> float:
    number = itertools.count()

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Each response twice, and then never again."""
        while await reader.readuntil(b"\r\n\r\n"):
            n = next(number) // 2
            writer.write(
                b"HTTP/1.1 200 Reason %d\r\nContent-Length: 0\r\nX-Long: %01000d\r\nVary: x-%01000d\r\n\r\n"
                % (n, n, n)
            )

    with tempfile.TemporaryDirectory(prefix="hostile-") as directory, bound_socket() as sock:
        async with serving_streams(sock, answer):
            configuration = _configuration("http://{}:{}".format(*sock.getsockname()))
            with running_gateway(Path(directory), configuration) as gateway:
                for kind in KINDS.values():  # what is needed once is there
                    await _send_for(gateway, kind, 0.2)
                await asyncio.sleep(1.0)
                growth = gateway.watch_memory()
                before = 0
                for name, kind in KINDS.items():
                    sent = await _send_for(gateway, kind, SECONDS)
                    print(f"{name:<34}{(growth() - before) / MIB:8.1f} MiB after {sent} requests", flush=True)
                    before = growth()
                return growth()


async def _send_for(gateway: GatewayProcess, kind: Callable[[], Requests], seconds: float) -> int:
    """Send each request of a kind twice in a row, for so long; how many that were."""
    sent = 0
    async with _connected(gateway) as (reader, writer):
        requests = kind()
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            batch = list(itertools.islice(requests, BATCH // 2))
            writer.write(b"".join(batch + batch))
            await _answered(reader, BATCH)
            sent += BATCH
    return sent


async def _answered(reader: asyncio.StreamReader, count: int) -> None:
    """Read so many responses."""
    for _ in range(count):
        head = await reader.readuntil(b"\r\n\r\n")
        length = head.partition(b"Content-Length: ")[2].partition(b"\r\n")[0]
        await reader.readexactly(int(length or b"0"))


@contextlib.asynccontextmanager
async def _connected(
    gateway: GatewayProcess,
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    reader, writer = await asyncio.open_connection(*gateway.address)
    try:
        yield reader, writer
    finally:
        writer.transport.abort()


if __name__ == "__main__":
    sys.exit(main())
