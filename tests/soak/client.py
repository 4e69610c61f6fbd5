"""What every client of the soak does: ask with a number, and compare the answer with what was asked."""

import asyncio
import itertools
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from ssl import SSLContext
from typing import Self

from tests.soak.connection import LIMIT, Connection, CutError
from tests.soak.content import Resource, digest
from tests.soak.tally import Tally
from tests.wire.strict_http import MalformedError, Response

ALLOWED = ("https://app.example.com", "https://a.tenant.example.com", "http://localhost:3000")
REFUSED = ("https://evil.example", "https://app.example.com.evil.example", "null", "http://app.example.com")
OUTAGE = {502, 504}

_numbers = itertools.count(1)


@dataclass(slots=True)
class Client:
    """One client of one class, with a mind of its own."""

    kind: str
    address: tuple[str, int]
    tally: Tally
    rng: random.Random
    is_over: asyncio.Event
    secure: "Secure | None" = None
    connection: Connection | None = None
    started: float = field(default_factory=time.monotonic)

    async def connected(self, *, receive_buffer: int | None = None) -> Connection:
        """The connection that is open, or a new one."""
        if self.connection is None or self.connection.is_over:
            await self.disconnect()
            self.connection = await Connection.open(self.address, receive_buffer=receive_buffer)
        return self.connection

    async def newly_connected(self) -> Connection:
        """A new connection, over TLS as often as not."""
        await self.disconnect()
        if self.secure is not None and self.rng.random() < 0.5:
            self.connection = await Connection.open(self.secure.address, tls=self.secure.context)
        else:
            self.connection = await Connection.open(self.address)
        return self.connection

    async def disconnect(self) -> None:
        """Give the connection up."""
        if self.connection is not None:
            connection, self.connection = self.connection, None
            await connection.__aexit__()

    def ok(self) -> None:
        self.tally.record(self.kind)

    def error(self, outcome: str, *, expected: bool = False) -> None:
        self.tally.record(self.kind, outcome, started=self.started, expected=expected)

    def wrong(self, what: str) -> None:
        self.tally.record_wrong(self.kind, what)

    async def repeat(self, act: Callable[[Self], Awaitable[None]], pause: float) -> None:
        """Act until it is over. What goes wrong with a connection is counted, and the next one is opened."""
        while not self.is_over.is_set():
            self.started = time.monotonic()
            try:
                async with asyncio.timeout(LIMIT):
                    await act(self)
            except TimeoutError:
                self.error("no answer")
                await self.disconnect()
            except CutError:
                self.error("cut off")
                await self.disconnect()
            except ConnectionError as error:
                self.error(type(error).__name__)
                await self.disconnect()
            except MalformedError as fault:
                self.wrong(f"malformed answer: {fault}")
                await self.disconnect()
            await asyncio.sleep(self.rng.uniform(0.0, 2 * pause))
        await self.disconnect()

    def origin(self) -> str | None:
        """An allowed one, a refused one, or none."""
        return self.rng.choice([None, *ALLOWED, *REFUSED])

    def resource(self, largest: int, framings: tuple[str, ...] = ("length", "chunked")) -> Resource:
        """Something to ask for; small ones are as likely as large ones."""
        size = int(largest ** self.rng.random())
        return Resource(self.rng.getrandbits(32), size, self.rng.choice(framings))

    async def read_answer(
        self, asked: "Asked", connection: Connection, *, pause: float = 0.0
    ) -> Response | None:
        """Read one answer and compare it; the head, if it was the right one. An outage is counted as an error."""
        head = await connection.read_head()
        body = await connection.read_body(head, asked.method, pause)
        if head.values("connection") == ["close"]:
            await self.disconnect()
        if found := cors_fault(head, asked.origin):
            self.wrong(f"{asked}: {found}")
        if head.status in OUTAGE:
            self.error(reason(body) or str(head.status))
            return None
        if head.status == 401 and asked.user:
            self.error("logged out")
            return None
        if head.status != 200:
            self.wrong(f"{asked}: status {head.status} {body[:200]!r}")
        elif head.values("x-soak-id") != [str(asked.number)]:
            self.wrong(f"{asked}: the answer to {head.values('x-soak-id')}")
        elif head.values("x-soak-digest") != [asked.digest]:
            self.wrong(f"{asked}: the backend understood something else")
        elif head.values("x-soak-user") != ([asked.user] if asked.user else []):
            self.wrong(f"{asked}: answered as {head.values('x-soak-user')} and not as {asked.user!r}")
        elif asked.method == "HEAD" or body == asked.resource.body:
            self.ok()
            return head
        elif asked.resource.framing == "eof" and asked.resource.body.startswith(body):
            self.error("ended early")  # a FIN of the backend is how such a body ends, whole or not
        else:
            self.wrong(f"{asked}: {len(body)} other bytes")
        return None


@dataclass(frozen=True, slots=True)
class Secure:
    """Where the gateway listens with TLS, and what to believe there."""

    address: tuple[str, int]
    context: SSLContext


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for a resource."""

    method: str
    resource: Resource
    origin: str | None
    number: int
    body: bytes = b""
    is_chunked: bool = False
    user: str = ""
    """Who has logged in on the connection, or is about to."""
    authorization: str = ""

    @property
    def digest(self) -> str:
        return digest(self.method, self.resource.target, self.body)

    @property
    def head(self) -> bytes:
        lines = [
            f"{self.method} {self.resource.target} HTTP/1.1",
            "Host: soak.test",
            f"X-Soak-Id: {self.number}",
        ]
        lines += ["Accept: */*", "TE: trailers", "Connection: TE, X-Hop", "X-Hop: 1"]
        if self.origin is not None:
            lines.append(f"Origin: {self.origin}")
        if self.user:
            lines.append(f"X-Soak-User: {self.user}")
        if self.authorization:
            lines.append(f"Authorization: {self.authorization}")
        if self.is_chunked:
            lines.append("Transfer-Encoding: chunked")
        elif self.body:
            lines.append(f"Content-Length: {len(self.body)}")
        return "\r\n".join([*lines, "", ""]).encode()

    def pieces(self, rng: random.Random, largest: int) -> list[bytes]:
        """The body as it goes out, cut at random."""
        pieces, position = [], 0
        while position < len(self.body):
            piece = self.body[position : position + rng.randint(1, largest)]
            position += len(piece)
            pieces.append(b"%x\r\n%b\r\n" % (len(piece), piece) if self.is_chunked else piece)
        return [*pieces, b"0\r\n\r\n"] if self.is_chunked else pieces

    def __str__(self) -> str:
        return f"{self.method} {self.resource.target} from {self.origin} ({len(self.body)} bytes)"


def next_number() -> int:
    """What tells one request of the run from all others."""
    return next(_numbers)


def cors_fault(head: Response, origin: str | None) -> str:
    """What is wrong with the fields that decide who may read it, if anything is."""
    granted = [origin] if origin in ALLOWED else []
    if head.values("access-control-allow-origin") != granted:
        return f"{head.status} with Access-Control-Allow-Origin {head.values('access-control-allow-origin')}"
    if head.values("access-control-allow-credentials") != ["true"] * len(granted):
        return f"{head.status} with Access-Control-Allow-Credentials"
    if "origin" not in ", ".join(head.values("vary")).lower():
        return f"{head.status} without Vary: Origin"
    return ""


def reason(body: bytes) -> str:
    """The word for machines in a problem document, empty if it is none."""
    return body.partition(b'"reason": "')[2].partition(b'"')[0].decode("latin-1")
