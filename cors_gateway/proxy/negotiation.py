"""Which protocol a connection speaks: HTTP/1.1, unless its first moment says HTTP/2; and for whom, if a balancer said so.

A listener's protocols are made before TLS has agreed on anything. So each begins as HTTP/1.1, and gives its transport
away if ALPN, or the first bytes without TLS, say otherwise: what stays pays one question for each connection. What
speaks HTTP/2 is imported when somebody asks for it. It is never changed to by Upgrade (RFC 9113 3.1).
"""

import asyncio
from typing import cast

from cors_gateway.http1.forwarded import Peer
from cors_gateway.http2 import PREFACE
from cors_gateway.proxy.active import Active
from cors_gateway.proxy.client_transport import CLOSED, HEAD
from cors_gateway.proxy.clock import NEVER
from cors_gateway.proxy.downstream import ClientConnection
from cors_gateway.proxy.service import Service
from cors_gateway.snapshot import Http2


class NamedConnection(ClientConnection):
    """A connection whose client a balancer may have named."""

    __slots__ = ("_client",)

    def __init__(self, service: Service, *, is_tls: bool, client: str | None = None) -> None:
        """`client` is its address; None if the peer speaks for itself."""
        super().__init__(service, is_tls=is_tls)
        self._client = client

    def _peer_at(self, address: str, active: Active) -> Peer:
        if self._client is None:
            return super()._peer_at(address, active)
        return active.peer(self._client, is_tls=self._is_tls, is_named=True)


class NegotiatedConnection(NamedConnection):
    """On a TLS listener that offers `h2`."""

    __slots__ = ()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        tls = transport.get_extra_info("ssl_object")
        if tls is not None and tls.selected_alpn_protocol() == "h2":
            self._service.end_handshake(self)
            _serve_http2(self._service, transport, is_tls=True, client=self._client)
        else:
            super().connection_made(transport)


class PriorKnowledgeConnection(NamedConnection):
    """On a listener without TLS whose clients may speak HTTP/2 from the first byte."""

    __slots__ = ("_first", "_is_known")

    def __init__(self, service: Service, *, is_tls: bool, client: str | None = None) -> None:
        super().__init__(service, is_tls=is_tls, client=client)
        self._first = b""
        self._is_known = False

    @property
    def is_idle(self) -> bool:
        return not self._first and super().is_idle

    def data_received(self, data: bytes) -> None:
        if self._is_known:
            super().data_received(data)
            return
        data = self._first + data
        if self._phase == HEAD and len(data) < len(PREFACE) and PREFACE.startswith(data):
            self._first = data  # its time is that of the first request
            return
        self._first = b""
        self._is_known = True
        if self._phase == HEAD and data.startswith(PREFACE):
            self._phase = CLOSED
            self.deadline = NEVER
            self._service.leave(self)
            connection = _serve_http2(
                self._service, self._transport, is_tls=False, client=self._client, is_admitted=True
            )
            connection.data_received(data)
        else:
            super().data_received(data)


NAMED_CONNECTIONS: dict[Http2, type[NamedConnection]] = {
    Http2.OFF: NamedConnection,
    Http2.TLS: NegotiatedConnection,
    Http2.CLEARTEXT: PriorKnowledgeConnection,
}
CONNECTIONS: dict[Http2, type[ClientConnection]] = {**NAMED_CONNECTIONS, Http2.OFF: ClientConnection}
"""For clients that nobody names: what a listener pays nothing for is not asked."""


def _serve_http2(
    service: Service,
    transport: asyncio.BaseTransport,
    *,
    is_tls: bool,
    client: str | None,
    is_admitted: bool = False,
) -> asyncio.Protocol:
    """Go on in HTTP/2 with a client that a balancer may have named.

    `is_admitted`: it was counted as a connection already.
    """
    from cors_gateway.proxy.http2_connection import Http2Connection

    connection = Http2Connection(service, is_tls=is_tls, client=client, is_admitted=is_admitted)
    cast("asyncio.Transport", transport).set_protocol(connection)
    connection.connection_made(transport)
    return connection
