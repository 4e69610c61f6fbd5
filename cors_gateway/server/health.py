"""Active health checks: asks every server of an upstream that has a `health_check`, now and then, off the data path.

One task per server and an `aiohttp` client session per upstream. The data path only reads the flag that is set here.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from cors_gateway.observe.event import emit
from cors_gateway.proxy.pool import UpstreamPool
from cors_gateway.proxy.upstream_server import UpstreamServer
from cors_gateway.snapshot import HealthCheck

if TYPE_CHECKING:
    import aiohttp

HEALTHY = range(200, 400)
"""Statuses that mean a server is well; redirects are not followed."""


class HealthChecks:
    """The checks of the pools in service."""

    def __init__(self) -> None:
        self._tasks: dict[UpstreamPool, list[asyncio.Task[None]]] = {}

    def follow(self, pools: Iterable[UpstreamPool]) -> None:
        """Check these pools from now on, and no others."""
        wanted = {pool for pool in pools if pool.upstream.health_check is not None}
        for pool in self._tasks.keys() - wanted:
            for task in self._tasks.pop(pool):
                task.cancel()
        for pool in wanted - self._tasks.keys():
            self._tasks[pool] = [
                asyncio.create_task(self._check_forever(pool, server), name=f"health check of {server.name}")
                for server in pool.servers
            ]

    async def stop(self) -> None:
        """End all checks."""
        tasks = [task for tasks in self._tasks.values() for task in tasks]
        self.follow(())
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _check_forever(self, pool: UpstreamPool, server: UpstreamServer) -> None:
        check = pool.upstream.health_check
        assert check is not None  # noqa: S101  # `follow` takes no other
        series = 0
        async with _session(server, check) as session:
            while True:
                is_well = await _ask(session, server, check)
                # A series counts results that contradict the present state.
                series = series + 1 if is_well is not server.is_healthy else 0
                if series >= (check.healthy_after if is_well else check.unhealthy_after):
                    series = 0
                    server.is_healthy = is_well
                    emit(
                        "upstream_healthy" if is_well else "upstream_unhealthy",
                        level=logging.INFO if is_well else logging.WARNING,
                        upstream=pool.upstream.name,
                        server=server.name,
                    )
                await asyncio.sleep(check.interval)


def _session(server: UpstreamServer, check: HealthCheck) -> "aiohttp.ClientSession":
    import aiohttp

    path = server.address.unix_path
    connector: aiohttp.BaseConnector
    if path is not None:
        connector = aiohttp.UnixConnector(path, force_close=True)
    else:
        # Threads, not c-ares: whose cache has served addresses of containers long gone.
        connector = aiohttp.TCPConnector(
            force_close=True, resolver=aiohttp.ThreadedResolver(), ssl=server.connector.ssl_context or True
        )
    return aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(total=check.timeout),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
    )


async def _ask(session: "aiohttp.ClientSession", server: UpstreamServer, check: HealthCheck) -> bool:
    origin = "http://localhost" if server.address.unix_path is not None else server.name
    import aiohttp

    with contextlib.suppress(aiohttp.ClientError, OSError, TimeoutError):
        async with session.get(
            origin + check.path, allow_redirects=False, server_hostname=server.connector.server_name
        ) as response:
            return response.status in HEALTHY
    return False
