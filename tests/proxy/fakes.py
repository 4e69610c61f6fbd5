"""Small stand-ins for one neighbour each of a part of the data path. They record; they decide nothing."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from cors_gateway.observe.metrics import UpstreamStats
from cors_gateway.policy.grant import Grant
from cors_gateway.proxy.clock import CoarseClock
from cors_gateway.proxy.failure import UpstreamFailure
from cors_gateway.proxy.pool import UpstreamPool
from cors_gateway.proxy.upstream import UpstreamConnection
from cors_gateway.snapshot import Balance, ServerAddress, Upstream


class FakeTransport(asyncio.Transport):
    """Keeps what is written. `queued` is what it claims not to have sent yet."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.queued = 0
        self.has_sent_eof = False
        self.is_reading = True
        self.ended = ""
        self.protocol: Any = None

    def write(self, data: Any) -> None:
        assert not self.ended
        self.written += data

    def write_eof(self) -> None:
        self.has_sent_eof = True

    def can_write_eof(self) -> bool:
        return True

    def get_write_buffer_size(self) -> int:
        return self.queued

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def pause_reading(self) -> None:
        self.is_reading = False

    def resume_reading(self) -> None:
        self.is_reading = True

    def close(self) -> None:
        self.ended = self.ended or "closed"

    def abort(self) -> None:
        self.ended = self.ended or "aborted"

    def is_closing(self) -> bool:
        return bool(self.ended)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self.protocol = protocol


class FakeConnector:
    """Opens connections on fake transports, or raises what is in `errors` first."""

    def __init__(self, *errors: BaseException) -> None:
        self.errors = list(errors)
        self.opened: list[UpstreamConnection] = []
        self.attempts = 0
        self.is_lost_at_once = False

    async def connect(self, factory: Any) -> Any:
        self.attempts += 1
        await asyncio.sleep(0)
        if self.errors:
            raise self.errors.pop(0)
        connection = factory()
        connection.connection_made(FakeTransport())
        self.opened.append(connection)
        if self.is_lost_at_once:
            connection.transport.abort()
            connection.connection_lost(None)
        return connection


NO_GRANT = Grant(b"", (), b"", rewrite=False)


@dataclass
class FakeExchange:
    """A request, complete unless told otherwise, as a pool and a connection see it."""

    is_over: bool = False
    is_request_sent: bool = True
    is_head_request = False
    is_http11 = True
    closes = False
    grant = NO_GRANT
    upstream: str = ""
    is_answered: bool = False
    connection: Any = None
    failure: UpstreamFailure | None = None
    lost: list[tuple[UpstreamFailure, bool]] = field(default_factory=list)
    paused: list[str] = field(default_factory=list)

    def connected(self, connection: UpstreamConnection) -> None:
        self.connection = connection
        self.upstream = connection.server.name

    def failed(self, failure: UpstreamFailure) -> None:
        self.failure = failure

    def upstream_lost(self, failure: UpstreamFailure, *, may_retry: bool) -> None:
        self.lost.append((failure, may_retry))

    def variant(self) -> int:
        return 0

    def respond(self, *response: Any) -> None:
        pass

    respond_more = respond_interim = respond

    def response_done(self) -> None:
        self.is_answered = True

    def pause_client(self) -> None:
        self.paused.append("pause")

    def resume_client(self) -> None:
        self.paused.append("resume")


def pool_of(count: int, *, balance: Balance = Balance.ROUND_ROBIN, **options: Any) -> UpstreamPool:
    """A pool of servers called http://s0 and so on, whose connectors are fake and whose clock stands still."""
    loop = asyncio.get_running_loop()
    addresses = tuple(ServerAddress(f"s{number}", 80) for number in range(count))
    pool = UpstreamPool(
        Upstream("u", addresses, balance, **options),
        loop=loop,
        clock=CoarseClock(loop),
        stats=UpstreamStats("u"),
    )
    for server in pool.servers:
        server.connector = FakeConnector()  # type: ignore[assignment]
    return pool


async def settle() -> None:
    """Let every task that can go on do so."""
    for _ in range(20):
        await asyncio.sleep(0)
