"""Opening connections: names and who answers for them, several addresses, deadlines."""

import asyncio
import socket
import threading
from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from cors_gateway.proxy import connect, resolve
from cors_gateway.proxy.connect import Connector
from cors_gateway.server.health import HealthChecks
from cors_gateway.snapshot import ServerAddress, Upstream, UpstreamTimeouts
from tests.proxy.stage import LIMIT, listening, until, upstream
from tests.proxy.stage import Starter as Starting
from tests.wire.raw_backend import RawBackend

NAME = "backend.internal"


class Resolver:
    """Stands in for `socket.getaddrinfo`: one name, the addresses it has now, and what goes wrong with it."""

    def __init__(self) -> None:
        self.addresses: list[tuple[str, int]] = []
        self.asked = 0
        self.fails = False
        self.may_answer = threading.Event()
        self.may_answer.set()

    def getaddrinfo(self, host: str, port: int, **options: Any) -> list[Any]:
        """In a thread of its own."""
        assert host == NAME, "an address is never looked up"
        self.asked += 1
        assert self.may_answer.wait(LIMIT)
        if self.fails or not self.addresses:
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return [
            (socket.AF_INET6 if ":" in host else socket.AF_INET, socket.SOCK_STREAM, 6, "", (host, port))
            for host, port in self.addresses
        ]


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> Iterator[Resolver]:
    """The resolver of this test, also that of the event loop: nobody may ask that for anything."""
    resolver = Resolver()
    monkeypatch.setattr(socket, "getaddrinfo", resolver.getaddrinfo)
    yield resolver
    resolver.may_answer.set()


@pytest.fixture
def time_passes(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Lets seconds pass for whoever remembers an address."""
    now = 1000.0

    def pass_(seconds: float) -> None:
        nonlocal now
        now += seconds

    monkeypatch.setattr(resolve, "time", SimpleNamespace(monotonic=lambda: now))
    return pass_


@pytest.fixture
async def connector() -> Connector:
    upstream = Upstream("u", (), timeouts=UpstreamTimeouts(connect=LIMIT))
    return Connector(ServerAddress(NAME, 80), upstream, asyncio.get_running_loop())


async def reach(connector: Connector) -> tuple[str, int]:
    """Where a connection ends up."""

    class Client(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

    client = await connector.connect(Client)
    host, port, *_ = client.transport.get_extra_info("peername")
    client.transport.abort()
    return str(host), int(port)


# -- names


async def test_a_name_is_asked_for_again_only_after_a_while(
    resolver: Resolver, connector: Connector, backend: RawBackend, time_passes: Callable[[float], None]
) -> None:
    async with listening(backend):
        resolver.addresses = [backend.address]
        for _ in range(5):
            await reach(connector)
        assert resolver.asked == 1
        time_passes(resolve.RESOLVED_FOR)
        await reach(connector)

    assert resolver.asked == 2


async def test_a_server_that_moved_is_found_once_its_name_says_so(
    resolver: Resolver,
    connector: Connector,
    backend: RawBackend,
    other: RawBackend,
    time_passes: Callable[[float], None],
) -> None:
    """Also while the old address still answers: somebody else may live there."""
    async with listening(backend, other):
        resolver.addresses = [backend.address]
        assert await reach(connector) == backend.address
        resolver.addresses = [other.address]
        time_passes(resolve.RESOLVED_FOR)

        assert await reach(connector) == other.address


async def test_a_failure_to_connect_makes_the_next_attempt_ask_again(
    resolver: Resolver, connector: Connector, backend: RawBackend, other: RawBackend
) -> None:
    resolver.addresses = [backend.address]
    with pytest.raises(ConnectionRefusedError):
        await reach(connector)
    async with listening(other):
        resolver.addresses = [other.address]

        assert await reach(connector) == other.address


async def test_a_timeout_makes_the_next_attempt_ask_again(
    resolver: Resolver, connector: Connector, backend: RawBackend, other: RawBackend
) -> None:
    backend.sock.listen(0)
    resolver.addresses = [backend.address]
    await connector.addresses.get()  # it is the server that takes too long
    connector._timeout = 0.05
    with socket.socket() as first, socket.socket() as second:
        for queued in (first, second):
            queued.setblocking(False)
            queued.connect_ex(backend.address)
        with pytest.raises(TimeoutError):
            await reach(connector)
    connector._timeout = LIMIT
    async with listening(other):
        resolver.addresses = [other.address]

        assert await reach(connector) == other.address


async def test_known_addresses_are_used_while_the_resolver_fails(
    resolver: Resolver, connector: Connector, backend: RawBackend, time_passes: Callable[[float], None]
) -> None:
    async with listening(backend):
        resolver.addresses = [backend.address]
        await reach(connector)
        resolver.fails = True
        for _ in range(3):
            time_passes(resolve.RESOLVED_FOR)
            assert await reach(connector) == backend.address

    assert resolver.asked == 4


async def test_known_addresses_are_used_while_the_resolver_hangs(
    resolver: Resolver, connector: Connector, backend: RawBackend, time_passes: Callable[[float], None]
) -> None:
    """And it is asked once, however many wait: it may occupy one of few threads."""
    async with listening(backend):
        resolver.addresses = [backend.address]
        await reach(connector)
        resolver.may_answer.clear()
        time_passes(resolve.RESOLVED_FOR)
        found = await asyncio.gather(*[reach(connector) for _ in range(20)])
        assert (set(found), resolver.asked) == ({backend.address}, 2)
        resolver.fails = True
        resolver.may_answer.set()
        assert await reach(connector) == backend.address


async def test_those_who_wait_for_a_name_share_one_answer(
    resolver: Resolver, connector: Connector, backend: RawBackend
) -> None:
    async with listening(backend):
        resolver.addresses = [backend.address]
        resolver.may_answer.clear()
        waiting = [asyncio.create_task(reach(connector)) for _ in range(20)]
        await until(lambda: resolver.asked)
        resolver.may_answer.set()

        assert set(await asyncio.gather(*waiting)) == {backend.address}
        assert resolver.asked == 1


async def test_one_who_stops_waiting_for_a_name_spoils_it_for_nobody(
    resolver: Resolver, connector: Connector, backend: RawBackend
) -> None:
    async with listening(backend):
        resolver.addresses = [backend.address]
        resolver.may_answer.clear()
        waiting = [asyncio.create_task(reach(connector)) for _ in range(2)]
        await until(lambda: resolver.asked)
        waiting[0].cancel()
        await asyncio.gather(waiting[0], return_exceptions=True)
        resolver.may_answer.set()

        assert await waiting[1] == backend.address


async def test_a_name_that_does_not_exist_is_said_to_all_and_asked_for_again(
    resolver: Resolver, connector: Connector
) -> None:
    outcomes = await asyncio.gather(*[reach(connector) for _ in range(3)], return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [socket.gaierror] * 3
    with pytest.raises(socket.gaierror):
        await reach(connector)

    assert resolver.asked == 2


async def test_a_gateway_starts_without_its_backend_and_finds_it_as_soon_as_it_is_there(
    resolver: Resolver, serving: Starting, backend: RawBackend
) -> None:
    """First there is no name, then nobody at the address, then it is served."""
    async with serving(upstream(f"http://{NAME}")) as stage:
        unknown = await stage.ask("POST /")
        resolver.addresses = [backend.address]
        refused = await stage.ask("POST /")
        async with listening(backend):
            up = await stage.ask("POST /")

    assert [answer.status for answer in (unknown, refused, up)] == [502, 502, 200]
    assert b"upstream_name_unknown" in unknown.body
    assert b"upstream_refused" in refused.body


# -- several addresses


@pytest.mark.parametrize("dead", [("127.0.0.1", 1), ("::1", 1)], ids=["IPv4", "IPv6"])
async def test_an_address_that_refuses_costs_nothing(
    resolver: Resolver, connector: Connector, backend: RawBackend, dead: tuple[str, int]
) -> None:
    async with listening(backend):
        resolver.addresses = [dead, backend.address]
        for _ in range(5):
            assert await reach(connector) == backend.address


async def test_an_address_that_does_not_answer_costs_a_head_start(
    resolver: Resolver, connector: Connector, backend: RawBackend, other: RawBackend
) -> None:
    """Its queue is full, so that the attempt hangs. The slow one is given up when the other was quicker."""
    other.sock.listen(0)
    with socket.socket() as first, socket.socket() as second:
        for queued in (first, second):
            queued.setblocking(False)
            queued.connect_ex(other.address)
        async with listening(backend):
            resolver.addresses = [other.address, backend.address]
            found = await asyncio.wait_for(reach(connector), LIMIT)

    assert found == backend.address


async def test_if_no_address_answers_it_is_the_last_failure_that_is_told(
    resolver: Resolver, connector: Connector
) -> None:
    resolver.addresses = [("127.0.0.1", 1), ("::1", 1), ("127.0.0.1", 2)]
    with pytest.raises(ConnectionRefusedError):
        await reach(connector)


# -- deadlines


async def test_a_server_that_does_not_accept_is_a_gateway_timeout(
    serving: Starting, backend: RawBackend
) -> None:
    backend.sock.listen(0)
    with socket.socket() as first, socket.socket() as second:
        for queued in (first, second):
            queued.setblocking(False)
            queued.connect_ex(backend.address)
        async with serving(upstream(backend, timeouts={"connect": "100ms"})) as stage:
            answer = await stage.ask("POST /", body=b"x")

    assert (answer.status, b"upstream_connect_timeout" in answer.body) == (504, True)


async def test_a_resolver_that_hangs_from_the_start_is_a_gateway_timeout(
    resolver: Resolver, serving: Starting, backend: RawBackend
) -> None:
    resolver.may_answer.clear()
    async with serving(upstream(f"http://{NAME}", timeouts={"connect": "100ms"})) as stage:
        answer = await stage.ask()
        stage.pool.servers[0].connector._timeout = LIMIT
        resolver.addresses = [backend.address]
        resolver.may_answer.set()
        async with listening(backend):
            later = await stage.ask()

    assert (answer.status, later.status) == (504, 200)


async def test_sockets_of_attempts_that_failed_are_closed(
    resolver: Resolver, connector: Connector, backend: RawBackend
) -> None:
    """Unclosed ones would be a ResourceWarning, which is an error here."""
    resolver.addresses = [("127.0.0.1", 1), ("127.0.0.1", 2)]
    for _ in range(3):
        with pytest.raises(OSError):
            await reach(connector)
    connector._timeout = 0.001
    async with listening(backend):
        resolver.addresses = [backend.address]
        await asyncio.gather(*[reach(connector) for _ in range(50)], return_exceptions=True)


# -- nobody waits for anybody else


async def test_a_name_that_hangs_disturbs_nobody_else(
    resolver: Resolver, serving: Starting, backend: RawBackend
) -> None:
    """The resolver of the event loop has four threads; here more names than that hang, health checks included."""
    resolver.may_answer.clear()
    checked = {"health_check": {"path": "/", "interval": "1s", "timeout": "1s"}}
    hanging = {
        f"slow{number}": upstream(f"http://{NAME}:{8000 + number}", timeouts={"connect": "10s"}, **checked)
        for number in range(6)
    }
    async with listening(backend), serving({"app": upstream(backend), **hanging}) as stage:
        checks = HealthChecks()
        checks.follow(stage.gateway.active.pools.values())
        await until(lambda: resolver.asked == len(hanging))
        assert await stage.ask_many(20) == [200] * 20
        resolver.may_answer.set()
        await checks.stop()


async def test_sockets_that_connect_to_one_server_are_bounded(
    serving: Starting, backend: RawBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More wait for their turn, and are served when it comes."""
    monkeypatch.setattr(connect, "MAX_CONNECTING", 2)
    most = 0
    opened: set[int] = set()
    original = Connector._open_socket

    async def counting(self: Connector) -> socket.socket:
        nonlocal most
        opened.add(id(asyncio.current_task()))
        most = max(most, len(opened))
        try:
            await asyncio.sleep(0.001)
            return await original(self)
        finally:
            opened.discard(id(asyncio.current_task()))

    monkeypatch.setattr(Connector, "_open_socket", counting)
    async with listening(backend), serving(upstream(backend)) as stage:
        assert await stage.ask_many(20) == [200] * 20

    assert most == 2


async def test_a_full_queue_of_a_unix_socket_is_waited_for(
    serving: Starting, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = str(tmp_path_factory.mktemp("s") / "s")
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as first:
        listener.bind(path)
        listener.listen(0)
        listener.setblocking(False)
        first.connect(path)
        async with serving(upstream(f"unix:{path}", timeouts={"connect": "10s"})) as stage:
            asking = asyncio.create_task(stage.ask())
            await until(lambda: stage.pool._openings)
            await asyncio.sleep(2 * connect.QUEUE_POLL_SECONDS)
            listener.accept()[0].close()
            loop = asyncio.get_running_loop()
            accepted, _ = await loop.sock_accept(listener)
            await loop.sock_recv(accepted, 4096)
            await loop.sock_sendall(accepted, b"HTTP/1.1 204 No Content\r\n\r\n")
            assert (await asking).status == 204
            accepted.close()


@pytest.mark.parametrize(("idle", "expected"), [(30.0, 60_000), (300.0, 305_000)])
async def test_the_kernel_never_gives_up_a_peer_that_is_still_waited_for(
    backend: RawBackend, idle: float, expected: int
) -> None:
    class Client(asyncio.Protocol):
        def connection_made(self, transport: Any) -> None:
            self.transport = transport

    host, port = backend.address
    timeouts = UpstreamTimeouts(connect=LIMIT, idle=idle)
    connector = Connector(
        ServerAddress(host, port), Upstream("u", (), timeouts=timeouts), asyncio.get_running_loop()
    )
    async with listening(backend):
        client = await connector.connect(Client)
        sock = client.transport.get_extra_info("socket")
        assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT) == expected
        client.transport.abort()
