"""Active health checks: an unwell server is left out, a recovered one comes back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from cors_gateway.observe.metrics import UpstreamStats
from cors_gateway.proxy.clock import CoarseClock
from cors_gateway.proxy.pool import UpstreamPool
from cors_gateway.server.health import HealthChecks
from cors_gateway.snapshot import HealthCheck, ServerAddress, Upstream

CHECK = HealthCheck("/healthz", interval=0.02, timeout=10.0, unhealthy_after=2, healthy_after=2)


class Backend:
    """A server whose health can be set."""

    def __init__(self) -> None:
        self.status = 200
        self.asked = 0

    async def answer(self, request: web.BaseRequest) -> web.Response:
        assert request.path == "/healthz"
        self.asked += 1
        return web.Response(status=self.status)


@asynccontextmanager
async def serving(backend: Backend, unix_path: str | None = None) -> AsyncIterator[ServerAddress]:
    runner = web.ServerRunner(web.Server(backend.answer))
    await runner.setup()
    site = web.UnixSite(runner, unix_path) if unix_path is not None else web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    if unix_path is not None:
        address = ServerAddress(unix_path=unix_path)
    else:
        address = ServerAddress("127.0.0.1", runner.addresses[0][1])
    try:
        yield address
    finally:
        await runner.cleanup()


def pool_of(*addresses: ServerAddress, check: HealthCheck | None = CHECK) -> UpstreamPool:
    loop = asyncio.get_running_loop()
    upstream = Upstream("u", addresses, health_check=check)
    return UpstreamPool(upstream, loop=loop, clock=CoarseClock(loop), stats=UpstreamStats("u"))


async def until(condition: object) -> None:
    async with asyncio.timeout(30):
        while not condition():  # type: ignore[operator]  # noqa: ASYNC110
            await asyncio.sleep(0.01)


@pytest.fixture
async def checks() -> AsyncIterator[HealthChecks]:
    checks = HealthChecks()
    yield checks
    await checks.stop()


async def test_a_server_that_answers_with_errors_is_left_out_until_it_recovers(checks: HealthChecks) -> None:
    good, bad = Backend(), Backend()
    async with serving(good) as one, serving(bad) as other:
        pool = pool_of(one, other)
        checks.follow([pool])
        bad.status = 503
        await until(lambda: not pool.servers[1].is_healthy)
        assert pool.servers[0].is_healthy
        bad.status = 204
        await until(lambda: pool.servers[1].is_healthy)


async def test_a_server_that_is_gone_is_left_out(checks: HealthChecks) -> None:
    async with serving(Backend()) as address:
        pool = pool_of(address)
    checks.follow([pool])
    await until(lambda: not pool.servers[0].is_healthy)


async def test_a_server_on_a_unix_socket_is_asked(
    checks: HealthChecks, tmp_path_factory: pytest.TempPathFactory
) -> None:
    backend = Backend()
    path = tmp_path_factory.mktemp("s") / "app.sock"
    async with serving(backend, str(path)) as address:
        pool = pool_of(address)
        checks.follow([pool])
        await until(lambda: backend.asked > 1)
        assert pool.servers[0].is_healthy


async def test_one_failure_is_not_a_series(checks: HealthChecks) -> None:
    backend = Backend()
    async with serving(backend) as address:
        pool = pool_of(address)
        checks.follow([pool])
        for status in (500, 200, 500, 200, 500, 200):
            asked = backend.asked
            backend.status = status
            await until(lambda asked=asked: backend.asked > asked)
            assert pool.servers[0].is_healthy


async def test_pools_out_of_service_are_asked_no_more(checks: HealthChecks) -> None:
    backend = Backend()
    async with serving(backend) as address:
        pool, unchecked = pool_of(address), pool_of(address, check=None)
        checks.follow([pool, unchecked])
        await until(lambda: backend.asked > 0)
        checks.follow([unchecked])
        for _ in range(5):  # what is on its way arrives, also if the machine is slow
            await asyncio.sleep(0.01)
        asked = backend.asked
        await asyncio.sleep(0.1)
        assert backend.asked == asked
