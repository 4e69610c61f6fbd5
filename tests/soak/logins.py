"""Clients that log in with NTLM: their connection is theirs, whatever goes on beside them, and nobody else's ever."""

import asyncio

from tests.soak.client import ALLOWED, OUTAGE, Asked, Client, next_number, reason
from tests.soak.connection import Connection
from tests.soak.content import content
from tests.soak.leaving import leave
from tests.wire import ntlm

KIB = 1 << 10


async def log_in(client: Client) -> None:
    """Three steps, each as somebody new, then requests without credentials, and away in one way or another."""
    rng = client.rng
    connection = await client.newly_connected()
    user = f"user-{next_number()}"
    if challenge := await _challenged(client, connection, user):
        is_known = await _asked(client, connection, user, ntlm.authenticate(user, challenge))
        for _ in range(rng.randint(1, 20)):
            await asyncio.sleep(rng.choice([0.0, 0.01, 0.1]))
            is_known = is_known and await _asked(client, connection, user)
    await leave(client, connection)


async def _challenged(client: Client, connection: Connection, user: str) -> str:
    """The challenge of the backend to this user; empty if it is away."""
    asked = Asked(
        "GET", client.resource(KIB), ALLOWED[0], next_number(), user=user, authorization=ntlm.negotiate()
    )
    await connection.send(asked.head)
    head = await connection.read_head()
    body = await connection.read_body(head, asked.method)
    if head.status in OUTAGE:
        client.error(reason(body) or str(head.status))
        return ""
    challenges = head.values("www-authenticate")
    if head.status != 401 or len(challenges) != 1:
        client.wrong(f"{asked}: {head.status} and {challenges} instead of a challenge")
        return ""
    client.ok()
    return challenges[0]


async def _asked(client: Client, connection: Connection, user: str, authorization: str = "") -> bool:
    """Whether the backend answered, and took the client for this user."""
    rng, number = client.rng, next_number()
    body = content(number, rng.randint(1, 20 * KIB)) if rng.random() < 0.3 else b""
    method = "POST" if body else rng.choice(["GET", "GET", "HEAD"])
    asked = Asked(
        method,
        client.resource(20 * KIB),
        client.origin(),
        number,
        body,
        rng.random() < 0.5 and bool(body),
        user,
        authorization,
    )
    await connection.send(asked.head + b"".join(asked.pieces(rng, 8 * KIB)))
    return await client.read_answer(asked, connection) is not None
