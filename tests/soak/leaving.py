"""Clients that leave before they have been answered: what was done for them ends, and nobody else gets any of it."""

import asyncio

from tests.soak.client import Asked, Client, next_number
from tests.soak.connection import Connection
from tests.soak.content import Resource, content

KIB, MIB = 1 << 10, 1 << 20


async def vanish(client: Client) -> None:
    """Gone with a reset: inside the head, inside the body, while waiting, or inside the response."""
    rng = client.rng
    await client.disconnect()
    number = next_number()
    where = rng.choice(["head", "body", "waiting", "response", "handshake"])
    body = content(number, rng.randint(2, 2 * MIB)) if where == "body" else b""
    resource = Resource(number, rng.randint(KIB, 6 * MIB), "length")
    asked = Asked("POST" if body else "GET", resource, client.origin(), number, body, rng.random() < 0.5)
    connection = await client.connected()
    if where == "head":
        await connection.send(asked.head[: rng.randint(1, len(asked.head) - 1)])
    elif where == "handshake":
        pass
    else:
        if body:
            client.tally.cut.add(number)
        await connection.send(asked.head)
        pieces = asked.pieces(rng, 64 * KIB)
        for piece in pieces[: rng.randint(0, len(pieces) - 1)] if pieces else []:
            await connection.send(piece)
        if where == "response":
            head = await connection.read_head()
            if head.status == 200:
                await connection.read_bytes(rng.randint(1, KIB))
    await asyncio.sleep(rng.choice([0.0, 0.001, 0.05]))
    connection.reset()
    await client.disconnect()
    client.ok()


async def give_up(client: Client) -> None:
    """Gone with a FIN, as a browser goes: before the answer, or inside one that rests or flows; with and without TLS.

    Who can still read after that is told by the end of the connection. The backend watches whether it is told, too.
    """
    rng = client.rng
    target = rng.choice(
        ["/silent/head", "/silent/begun", Resource(rng.getrandbits(32), 6 * MIB, "length").target]
    )
    connection = await client.newly_connected()
    await connection.send(
        f"GET {target} HTTP/1.1\r\nHost: soak.test\r\nX-Soak-Id: {next_number()}\r\n\r\n".encode()
    )
    if target != "/silent/head":
        head = await connection.read_head()
        if head.values("x-soak-user"):
            client.wrong(f"{target}: answered as {head.values('x-soak-user')}")
        await connection.read_bytes(1)
    await asyncio.sleep(rng.choice([0.0, 0.001, 0.05]))
    await leave(client, connection)
    client.ok()


async def leave(client: Client, connection: Connection) -> None:
    """End the connection in one of the ways in which clients do."""
    way = "abort" if connection.is_over else client.rng.choice(["half_close", "close", "reset", "abort"])
    if way == "half_close" and connection.can_half_close:
        connection.half_close()
        await connection.wait_ended()
    elif way == "reset":
        connection.reset()
    elif way != "abort":
        connection.close()
    await client.disconnect()
