"""Listeners on which every connection begins with a PROXY header, in which a balancer says who its client is.

The header is read from the bare socket, before there is a transport: so TLS may follow it, and listeners without it
never come here. It is taken from trusted proxies only; anybody else could say anything, and is disconnected.
"""

import asyncio
import logging
import socket
import ssl

from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.forwarded import is_within
from cors_gateway.http1.proxy_protocol import ProxyHeader, read_proxy_header
from cors_gateway.observe.event import emit
from cors_gateway.proxy.active import Active
from cors_gateway.proxy.clock import NEVER
from cors_gateway.proxy.negotiation import NAMED_CONNECTIONS
from cors_gateway.proxy.service import Service
from cors_gateway.snapshot import Http2

ACCEPTS_A_TURN = 16
"""Connections accepted before somebody else gets a turn of the loop."""
PAUSE_SECONDS = 0.1
"""Without a descriptor to be had, accepting rests so long: the socket would go on asking for it."""
QUIET_SECONDS = 60.0
"""Between two events about refused connections: strangers choose how many there are."""
_PEEKED = 4096
"""More than the longest header."""


class ProxiedServer:
    """Accepts from one listening socket. As far as it is used, like an `asyncio.Server`."""

    def __init__(
        self,
        sock: socket.socket,
        *,
        service: Service,
        loop: asyncio.AbstractEventLoop,
        context: ssl.SSLContext | None,
        http2: Http2,
    ) -> None:
        """Begins at once, and closes `sock` at its end. `context` is for what follows the header."""
        self._sock = sock
        self.service = service
        self.loop = loop
        self._context = context
        self._connection = NAMED_CONNECTIONS[http2]
        self._tasks: set[asyncio.Task[None]] = set()
        self._quiet_until = 0.0
        self._refused = 0
        self._is_closed = False
        loop.add_reader(sock, self._accept)

    @property
    def sockets(self) -> tuple[socket.socket, ...]:
        return () if self._is_closed else (self._sock,)

    def close(self) -> None:
        """Accept no more. Who was accepted is still served, also those whose header has not come yet."""
        if not self._is_closed:
            self._is_closed = True
            self.loop.remove_reader(self._sock)
            self._sock.close()

    def _accept(self) -> None:
        for _ in range(ACCEPTS_A_TURN):
            try:
                sock, name = self._sock.accept()
            except (BlockingIOError, InterruptedError, ConnectionError):
                return
            except OSError:
                self.loop.remove_reader(self._sock)
                self.loop.call_later(PAUSE_SECONDS, self._accept_again)
                return
            sock.setblocking(False)
            self._take(sock, "" if sock.family == socket.AF_UNIX else str(name[0]))

    def _accept_again(self) -> None:
        if not self._is_closed:
            self.loop.add_reader(self._sock, self._accept)

    def _take(self, sock: socket.socket, address: str) -> None:
        active = self.service.active
        if not (is_within(address, active.trusted) if address else active.trusts_unix):
            self.refuse(sock, address, "the peer is no trusted proxy")
        elif not self.service.has_room:
            self.service.turn_away()
            sock.close()
        else:
            HeaderWait(sock, address, self)

    def refuse(self, sock: socket.socket, address: str, why: str) -> None:
        """Close a connection that is not let in."""
        sock.close()
        self.service.turn_away()
        self._refused += 1
        now = self.service.clock.now
        if now >= self._quiet_until:
            self._quiet_until = now + QUIET_SECONDS
            refused, self._refused = self._refused, 0
            emit(
                "proxy_header_refused",
                level=logging.WARNING,
                peer=address or "unix",
                connections=refused,
                message=why,
            )

    def serve(self, sock: socket.socket, header: ProxyHeader) -> None:
        """Go on with a connection whose header was read."""
        task = self.loop.create_task(self._hand_over(sock, header))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _hand_over(self, sock: socket.socket, header: ProxyHeader) -> None:
        service, context, connection = self.service, self._context, self._connection
        try:
            await self.loop.connect_accepted_socket(
                lambda: connection(service, is_tls=context is not None, client=header.address),
                sock,
                ssl=context,
                ssl_handshake_timeout=service.active.timeouts.request_head if context else None,
            )
        except (
            OSError
        ):  # the handshake failed, or the balancer is gone; TimeoutError and SSLError are such, too
            sock.close()


class HeaderWait:
    """A connection of which the PROXY header has not come yet. A `service.Connected`."""

    __slots__ = ("_address", "_data", "_server", "_sock", "deadline")

    is_idle = True
    requests = tunnels = 0

    def __init__(self, sock: socket.socket, address: str, server: ProxiedServer) -> None:
        """`address` is that of the balancer; `server` goes on with the connection."""
        self._sock = sock
        self._address = address
        self._server = server
        self._data = b""
        service = server.service
        self.deadline = service.clock.now + service.active.timeouts.request_head
        service.enter(self)
        server.loop.add_reader(sock, self._read)

    def on_deadline(self) -> None:
        self.abort()

    def stood_still(self, seconds: float) -> None:
        self.deadline += seconds

    def renew(self, active: Active, *, trusts_others: bool) -> None:
        """Nothing was learnt yet, and who is trusted was asked when the connection came."""

    def drain(self) -> None:
        self.abort()

    def abort(self) -> None:
        """Close at once."""
        self._stop()
        self._sock.close()

    def _read(self) -> None:
        """Take the header, and not a byte of what follows: that is for whoever serves the connection."""
        sock, before = self._sock, self._data
        try:
            peeked = sock.recv(_PEEKED, socket.MSG_PEEK)
            if not peeked:  # a balancer that only wanted to see whether somebody listens
                self.abort()
                return
            header = read_proxy_header(before + peeked)
            size = len(peeked) if header is None else header.size - len(before)
            self._data = before + sock.recv(size)
        except (BlockingIOError, InterruptedError):
            return
        except OSError:
            self.abort()
            return
        except ProtocolFault as fault:
            self._stop()
            self._server.refuse(sock, self._address, fault.detail)
            return
        if header is not None:
            self._stop()
            self._server.serve(sock, header)

    def _stop(self) -> None:
        self.deadline = NEVER
        self._server.loop.remove_reader(self._sock)
        self._server.service.leave(self)
