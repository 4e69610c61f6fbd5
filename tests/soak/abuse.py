"""Clients that stall, say nonsense or ask too much: each has its right answer, too, or none."""

import asyncio

from tests.soak.client import ALLOWED, OUTAGE, Asked, Client, next_number, reason
from tests.soak.connection import CutError
from tests.soak.content import Resource, content, one_byte_chunks

KIB, MIB = 1 << 10, 1 << 20
BODY_LIMIT = 8 * MIB

_REQUEST = b"GET /data/1/1/length HTTP/1.1\r\nHost: soak.test\r\n"
NONSENSE = [
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(100),
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    b"GET /\r\n\r\n",
    b"GET  / HTTP/1.1\r\nHost: soak.test\r\n\r\n",
    b"GET / HTTP/1.1\nHost: soak.test\n\n",
    b"GET / HTTP/1.1\r\n\r\n",
    b"GET /../data HTTP/1.1\r\nHost: soak.test\r\n\r\n",
    _REQUEST + b"Host: other.test\r\n\r\n",
    _REQUEST + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    _REQUEST + b"Content-Length: 4, 4\r\n\r\nbody",
    _REQUEST + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
    _REQUEST + b"X-Folded: a\r\n b\r\n\r\n",
    _REQUEST + b"Name : value\r\n\r\n",
    _REQUEST + b"X-Zero: \0\r\n\r\n",
    _REQUEST + b"X-Long: " + b"x" * 40_000 + b"\r\n\r\n",
    _REQUEST + b"Transfer-Encoding: chunked\r\n\r\nnot a size\r\n",
    b"CONNECT backend:80 HTTP/1.1\r\nHost: backend:80\r\n\r\n",
]


async def nonsense(client: Client) -> None:
    """Refused, and the connection closed; nothing of it reaches the backend."""
    await client.disconnect()
    connection = await client.connected()
    await connection.send(client.rng.choice(NONSENSE))
    head = await connection.read_head()
    await connection.read_body(head, "GET")
    rest = await connection.wait_ended()
    await client.disconnect()
    if not 400 <= head.status <= 505 or rest:
        client.wrong(f"nonsense was answered with {head.status} and {rest[:80]!r}")
    elif head.status in OUTAGE:  # the head was good, and the backend away before the body could be bad
        client.error(str(head.status))
    else:
        client.ok()


async def stall(client: Client) -> None:
    """Stays half way in a head or a body and is told so in the end."""
    rng = client.rng
    await client.disconnect()
    number = next_number()
    asked = Asked("POST", Resource(number, 10, "length"), ALLOWED[0], number, content(number, 10 * KIB))
    is_head = rng.random() < 0.5
    connection = await client.connected()
    if is_head:
        await connection.send(asked.head[: rng.randint(1, len(asked.head) - 1)])
    else:
        client.tally.cut.add(number)
        await connection.send(asked.head + asked.body[: rng.randint(0, len(asked.body) - 1)])
    head = await connection.read_head()
    await connection.read_body(head, "POST")
    rest = await connection.wait_ended()
    await client.disconnect()
    if head.status in OUTAGE and not is_head:
        client.error(str(head.status))
    elif head.status != 408 or rest:
        client.wrong(
            f"a stalled {'head' if is_head else 'body'} was answered with {head.status}, {rest[:80]!r}"
        )
    else:
        client.ok()


async def exceed(client: Client) -> None:
    """A body that is too large, known beforehand or not, is 413 and never complete."""
    rng = client.rng
    await client.disconnect()
    number = next_number()
    client.tally.cut.add(number)
    body = content(number, BODY_LIMIT + rng.randint(1, MIB))
    asked = Asked("POST", Resource(number, 10, "length"), ALLOWED[0], number, body, rng.random() < 0.5)
    connection = await client.connected()
    sending = asyncio.ensure_future(connection.send(b"".join([asked.head, *asked.pieces(rng, 256 * KIB)])))
    try:
        head = await connection.read_head()
        answer = await connection.read_body(head, "POST")
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        await client.disconnect()
    if head.status in OUTAGE:
        client.error(reason(answer) or str(head.status))
    elif head.status != 413:
        client.wrong(f"{len(body)} bytes were answered with {head.status}")
    else:
        client.ok()


async def upload_in_vain(client: Client) -> None:
    """The backend answers before the body is there: its answer arrives, and the connection ends."""
    await client.disconnect()
    number = next_number()
    size = 4 * MIB
    head = (
        f"POST /early HTTP/1.1\r\nHost: soak.test\r\nX-Soak-Id: {number}\r\nOrigin: {ALLOWED[0]}\r\n"
        f"Content-Length: {size}\r\n\r\n"
    )
    connection = await client.connected()
    sending = asyncio.ensure_future(connection.send(head.encode() + content(number, size)))
    try:
        answer = await connection.read_head()
        body = await connection.read_body(answer, "POST")
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        await client.disconnect()
    if answer.status in OUTAGE:
        client.error(reason(body) or str(answer.status))
    elif (answer.status, body) != (413, b"big"):
        client.wrong(f"an early 413 arrived as {answer.status} {body[:80]!r}")
    else:
        client.ok()


async def ask_for_half(client: Client) -> None:
    """The backend breaks off in the middle of its response: it must never look complete."""
    asked = Asked("GET", client.resource(MIB, ("cut",)), client.origin(), next_number())
    connection = await client.connected()
    await connection.send(asked.head)
    head = await connection.read_head()
    try:
        body = await connection.read_body(head, "GET")
    except CutError:
        client.ok()
        await client.disconnect()
        return
    if head.status in OUTAGE:
        client.error(reason(body) or str(head.status), expected=True)
    elif len(body) > 1:
        client.wrong(f"{asked}: half a response came as a whole one of {len(body)} bytes")
    else:
        client.ok()


# Each of these would be served before anybody else, if it were served at once.


async def chop(client: Client) -> None:
    """A body in one-byte chunks, as fast as they are taken; and now and then the answer, too."""
    rng = client.rng
    number = next_number()
    body = content(number, rng.randint(50 * KIB, 300 * KIB))
    asked = Asked(
        "POST", client.resource(100 * KIB, ("length", "bytes")), client.origin(), number, body, True
    )
    connection = await client.connected()
    await connection.send(asked.head + one_byte_chunks(body) + b"0\r\n\r\n")
    await client.read_answer(asked, connection)


async def hurry(client: Client) -> None:
    """Thousands of questions about the gateway itself at once."""
    await _ask_in_one_go(client, b"OPTIONS * HTTP/1.1\r\nHost: soak.test\r\n\r\n", 5000)


async def bury(client: Client) -> None:
    """Hundreds of requests with bodies that nobody wants at once."""
    request = b"OPTIONS * HTTP/1.1\r\nHost: soak.test\r\nTransfer-Encoding: chunked\r\n\r\n"
    await _ask_in_one_go(client, request + one_byte_chunks(b"in vain") + b"0\r\n\r\n", 1000)


async def _ask_in_one_go(client: Client, request: bytes, count: int) -> None:
    connection = await client.connected()
    sending = asyncio.ensure_future(connection.send(request * count))
    try:
        for _ in range(count):
            head = await connection.read_head()
            if head.status != 204:
                client.wrong(f"one of {count} requests was answered with {head.status}")
                break
        else:
            client.ok()
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
