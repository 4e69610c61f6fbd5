"""Clients that behave, quickly or slowly: every one of their requests has a right answer."""

import asyncio
import base64

from tests.soak.client import ALLOWED, OUTAGE, REFUSED, Asked, Client, next_number, reason
from tests.soak.content import content

KIB, MIB = 1 << 10, 1 << 20
FRAMINGS = ("length", "chunked", "eof")


async def get(client: Client) -> None:
    """Small things, over and over, on one connection."""
    method = client.rng.choice(["GET", "GET", "GET", "HEAD"])
    asked = Asked(method, client.resource(20 * KIB, FRAMINGS), client.origin(), next_number())
    connection = await client.connected()
    await connection.send(asked.head)
    await client.read_answer(asked, connection)


async def pipeline(client: Client) -> None:
    """Several requests at once; their answers come in order."""
    batch = [
        Asked("GET", client.resource(4 * KIB), client.origin(), next_number())
        for _ in range(client.rng.randint(2, 8))
    ]
    connection = await client.connected()
    await connection.send(b"".join(asked.head for asked in batch))
    for asked in batch:
        await client.read_answer(asked, connection)


async def post(client: Client) -> None:
    """A small body, in one piece or in several."""
    await _send_body(client, 64 * KIB, pause=0.0)


async def upload(client: Client) -> None:
    """Up to some MiB as fast as they are taken."""
    await _send_body(client, 6 * MIB, pause=0.0)


async def write_slowly(client: Client) -> None:
    """A body that dribbles in."""
    await _send_body(client, 8 * KIB, pause=0.02, piece=256)


async def _send_body(client: Client, largest: int, *, pause: float, piece: int = 256 * KIB) -> None:
    rng = client.rng
    number = next_number()
    body = content(number, int(largest ** rng.random()))
    method = rng.choice(["POST", "PUT", "PATCH"])
    asked = Asked(method, client.resource(20 * KIB), client.origin(), number, body, rng.random() < 0.5)
    connection = await client.connected()
    await connection.send(asked.head)
    for data in asked.pieces(rng, piece):
        await connection.send(data)
        if pause:
            await asyncio.sleep(pause)
    await client.read_answer(asked, connection)


async def download(client: Client) -> None:
    """Up to some MiB as fast as they come."""
    asked = Asked("GET", client.resource(6 * MIB, FRAMINGS), client.origin(), next_number())
    connection = await client.connected()
    await connection.send(asked.head)
    await client.read_answer(asked, connection)


async def read_slowly(client: Client) -> None:
    """Up to some MiB through a small window, with pauses."""
    asked = Asked("GET", client.resource(6 * MIB, FRAMINGS), client.origin(), next_number())
    connection = await client.connected(receive_buffer=16 * KIB)
    await connection.send(asked.head)
    await client.read_answer(asked, connection, pause=0.01)


async def idle(client: Client) -> None:
    """One request, and then nothing until the gateway ends the connection."""
    asked = Asked("GET", client.resource(KIB), client.origin(), next_number())
    connection = await client.connected()
    await connection.send(asked.head)
    await client.read_answer(asked, connection)
    if client.connection is not None and await connection.wait_ended():
        client.wrong("bytes on an idle connection")


async def preflight(client: Client) -> None:
    """Answered by the gateway alone, also while the backend is away."""
    rng = client.rng
    origin = rng.choice(ALLOWED + REFUSED)
    method = rng.choice(["GET", "PUT", "DELETE", "PROPFIND"])
    name = rng.choice(["content-type", "authorization", f"x-unknown-{rng.randint(0, 10**6)}"])
    connection = await client.connected()
    await connection.send(
        f"OPTIONS /data/1/1/length HTTP/1.1\r\nHost: soak.test\r\nOrigin: {origin}\r\n"
        f"Access-Control-Request-Method: {method}\r\nAccess-Control-Request-Headers: {name}\r\n\r\n".encode()
    )
    head = await connection.read_head()
    await connection.read_body(head, "OPTIONS")
    is_allowed = origin in ALLOWED and method != "PROPFIND" and not name.startswith("x-")
    expected = (204, [origin]) if is_allowed else (403, [])
    vary = ", ".join(head.values("vary")).lower()
    if (head.status, head.values("access-control-allow-origin")) != expected or "origin" not in vary:
        client.wrong(f"preflight of {origin} for {method} with {name}: {head}")
    else:
        client.ok()


async def websocket(client: Client) -> None:
    """A tunnel whose far end sends everything back."""
    rng = client.rng
    await client.disconnect()
    connection = await client.connected()
    key = base64.b64encode(rng.randbytes(16)).decode()
    await connection.send(
        f"GET /ws HTTP/1.1\r\nHost: soak.test\r\nX-Soak-Id: {next_number()}\r\nOrigin: {ALLOWED[0]}\r\n"
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: {key}\r\n\r\n".encode()
    )
    head = await connection.read_head()
    if head.status in OUTAGE:
        client.error(reason(await connection.read_body(head, "GET")) or str(head.status))
        return
    if head.status != 101:
        client.wrong(f"handshake answered with {head}")
        return
    for _ in range(rng.randint(1, 20)):
        message = content(rng.getrandbits(32), int((256 * KIB) ** rng.random()))
        sending = asyncio.ensure_future(connection.send(message))
        try:
            if await connection.read_bytes(len(message)) != message:
                client.wrong(f"{len(message)} bytes through a tunnel came back as others")
        finally:
            sending.cancel()
            await asyncio.gather(sending, return_exceptions=True)
        await asyncio.sleep(rng.uniform(0, 0.1))
    if rng.random() < 0.5:
        connection.reset()
    await client.disconnect()
    client.ok()
