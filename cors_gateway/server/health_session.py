"""The `aiohttp` session that asks one server how it is. Apart, because a start need not wait for `aiohttp`.

Connections are opened as the data path opens them: so a check asks the same addresses, with the same TLS, and a name
that hangs is nobody else's trouble.
"""

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.tracing import Trace

from cors_gateway.proxy.upstream_server import UpstreamServer


class ServerConnector(aiohttp.BaseConnector):
    """Opens connections to one server of an upstream, whatever URL is asked for."""

    def __init__(self, server: UpstreamServer) -> None:
        super().__init__(force_close=True)
        self._server = server

    async def _create_connection(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - as it is called
    ) -> ResponseHandler:
        protocol: ResponseHandler = await self._server.connector.connect(self._factory)
        return protocol


def open_session(server: UpstreamServer, timeout: float) -> aiohttp.ClientSession:
    """A session whose requests go to this server; `timeout` in seconds is for each."""
    return aiohttp.ClientSession(
        connector=ServerConnector(server),
        timeout=aiohttp.ClientTimeout(total=timeout),
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
    )
