"""Small stand-ins for one neighbour each of a part of the data path. They record; they decide nothing."""

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from cors_gateway.http1.request import RequestHead
from cors_gateway.observe.metrics import RouteStats, UpstreamStats
from cors_gateway.policy.grant import Grant
from cors_gateway.proxy.clock import CoarseClock
from cors_gateway.proxy.failure import UpstreamFailure
from cors_gateway.proxy.pool import UpstreamPool
from cors_gateway.proxy.upstream import UpstreamConnection
from cors_gateway.snapshot import Balance, ServerAddress, Upstream

if TYPE_CHECKING:
    import socket


class FakeTransport(asyncio.Transport):
    """Keeps what is written. `queued` is what it claims not to have sent yet."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.queued = 0
        self.has_sent_eof = False
        self.reads = True
        self.ended = ""
        self.aborted = False
        self.protocol: Any = None
        self.pauses: Any = None
        """A protocol that is told to pause with every write."""

    def write(self, data: Any) -> None:
        assert not self.ended
        self.written += data
        if self.pauses is not None:
            self.pauses.pause_writing()

    def write_eof(self) -> None:
        self.has_sent_eof = True

    def can_write_eof(self) -> bool:
        return True

    def get_write_buffer_size(self) -> int:
        return self.queued

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        pass

    def pause_reading(self) -> None:
        self.reads = False

    def resume_reading(self) -> None:
        self.reads = True

    def close(self) -> None:
        self.ended = self.ended or "closed"

    def stand_on(self, sock: "socket.socket") -> None:
        """Have this socket."""
        self._extra: dict[str, Any] = {"socket": sock}

    def abort(self) -> None:
        self.aborted = True
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


class FakeDownstream:
    """Where responses go; takes down who was told to wait."""

    def __init__(self) -> None:
        self.response = FakeSink()
        self.paused: list[str] = []
        self.keepers: list[Any] = []

    def kept_by(self, keeper: Any) -> None:
        self.keepers.append(keeper)

    def response_form(self) -> int:
        return 0

    def pause_body(self) -> None:
        self.paused.append("pause")

    def resume_body(self) -> None:
        self.paused.append("resume")


class FakeSink:
    """Takes the bytes of a response, and drops them."""

    def go_on(self, body: bytes, *, is_last: bool) -> None:
        pass

    def interim(self, section: Any, grant: Grant) -> None:
        pass


@dataclass(eq=False)
class FakeExchange:
    """A request, complete unless told otherwise, as a pool and a connection see it."""

    is_over: bool = False
    is_request_sent: bool = True
    is_head_request = False
    websocket_key: bytes | None = None
    grant = NO_GRANT
    head = RequestHead()
    stats = RouteStats("r")
    upstream: str = ""
    client_address: str = ""
    downstream: FakeDownstream = field(default_factory=FakeDownstream)
    is_answered: bool = False
    connection: Any = None
    failure: UpstreamFailure | None = None
    lost: list[tuple[UpstreamFailure, bool]] = field(default_factory=list)

    @property
    def response(self) -> FakeSink:
        return self.downstream.response

    @property
    def paused(self) -> list[str]:
        return self.downstream.paused

    def connected(self, connection: UpstreamConnection) -> None:
        self.connection = connection
        self.upstream = connection.server_name

    def failed(self, failure: UpstreamFailure, error: BaseException | None = None) -> None:
        self.failure = failure

    def redirected(self, location: bytes) -> None:
        pass

    def upstream_lost(
        self, failure: UpstreamFailure, error: BaseException | None = None, *, may_retry: bool
    ) -> None:
        self.lost.append((failure, may_retry))

    def respond(self, status: int, head: bytes, body: bytes, *, is_sized: bool, is_last: bool) -> None:
        pass

    def response_done(self) -> None:
        self.is_answered = True


def pool_of(
    servers: int | tuple[ServerAddress, ...], *, balance: Balance = Balance.ROUND_ROBIN, **options: Any
) -> UpstreamPool:
    """A pool of servers, called http://s0 and so on, whose connectors are fake and whose clock stands still."""
    loop = asyncio.get_running_loop()
    if isinstance(servers, int):
        addresses = tuple(ServerAddress(f"s{number}", 80) for number in range(servers))
    else:
        addresses = servers
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
