"""Opening connections to one server: TCP or Unix socket, then TLS.

Several addresses are raced with a head start, their families in turn (RFC 8305). Which addresses a server has is known
in `resolve.py`. Sockets connect without the event loop's own help: that of uvloop asks a resolver even for an address.
"""

import asyncio
import contextlib
import errno
import hashlib
import os
import socket
import ssl
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar, cast

from aiohappyeyeballs import AddrInfoType, start_connection

from cors_gateway.proxy.resolve import Addresses
from cors_gateway.snapshot import ServerAddress, Upstream, UpstreamTls

HEAD_START = 0.25
"""Seconds that one address has before the next is tried as well (RFC 8305 5)."""
MAX_CONNECTING = 128
"""Connections to one server that are being opened at a time; more wait for their turn, within their own deadline."""
QUEUE_POLL_SECONDS = 0.01
USER_TIMEOUT = 60.0
"""Seconds after which the kernel gives up a peer that acknowledges nothing, unless somebody has more patience."""

P = TypeVar("P", bound=asyncio.Protocol)


class Connector:
    """Opens connections to one server of an upstream."""

    def __init__(self, server: ServerAddress, upstream: Upstream, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._timeout = upstream.timeouts.connect
        self.ssl_context = _client_context(upstream) if server.tls else None
        name = upstream.tls.server_name or server.host
        self.server_name = name.strip("[]").removesuffix(".") if server.tls else None
        """The name or address to verify; None without TLS."""
        self._unix_path = server.unix_path
        self.addresses = Addresses(server.host, server.port, loop)
        self._make_socket = partial(_make_socket, user_timeout=upstream.timeouts.idle)
        self._turns = asyncio.Semaphore(MAX_CONNECTING)

    async def connect(self, factory: Callable[[], P]) -> P:
        """A connected protocol. Raises TimeoutError, OSError or ssl.SSLError (see `failure.classify_connecting`)."""
        try:
            async with asyncio.timeout(self._timeout), self._turns:
                sock = await self._open_socket()
                try:
                    _, protocol = await self._loop.create_connection(
                        factory,
                        sock=sock,
                        ssl=self.ssl_context,
                        server_hostname=self.server_name,
                    )
                except BaseException:
                    sock.close()
                    raise
                return protocol
        except OSError:  # TimeoutError is one
            self.addresses.doubt()
            raise

    async def _open_socket(self) -> socket.socket:
        path = self._unix_path
        addresses = [_unix_address(path)] if path is not None else await self.addresses.get()
        return await start_connection(
            addresses,
            happy_eyeballs_delay=HEAD_START,
            loop=cast("asyncio.AbstractEventLoop", self),  # of which it wants `sock_connect`
            socket_factory=self._make_socket,
        )

    async def sock_connect(self, sock: socket.socket, address: Any) -> None:
        """Connect to an address, without asking a resolver or a thread. As that of an event loop. Raises OSError."""
        while (error := sock.connect_ex(address)) == errno.EAGAIN:  # noqa: ASYNC110
            # The queue of a Unix socket is full, and nobody tells when it is not.
            await asyncio.sleep(QUEUE_POLL_SECONDS)
        if error in {errno.EINPROGRESS, errno.EINTR}:
            connected = self._loop.create_future()
            self._loop.add_writer(sock, _wake, connected)
            try:
                await connected
            finally:
                self._loop.remove_writer(sock)
            error = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if error:
            raise OSError(error, os.strerror(error))


def set_tcp_options(sock: socket.socket, user_timeout: float = USER_TIMEOUT) -> None:
    """No delay for small writes; a peer that vanished without a word is noticed within two minutes.

    One that answers and takes no byte is left to the deadlines of the gateway: `user_timeout`, in seconds, is the
    longest of them, so that the kernel never cuts off somebody who is being waited for.
    """
    for level, option, value in (
        (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        (socket.IPPROTO_TCP, getattr(socket, "TCP_KEEPIDLE", None), 60),
        (socket.IPPROTO_TCP, getattr(socket, "TCP_KEEPINTVL", None), 10),
        (socket.IPPROTO_TCP, getattr(socket, "TCP_KEEPCNT", None), 3),
        (socket.IPPROTO_TCP, getattr(socket, "TCP_USER_TIMEOUT", None), _milliseconds(user_timeout)),
    ):
        if option is not None:
            with contextlib.suppress(OSError):
                sock.setsockopt(level, option, value)


def credentials(tls: UpstreamTls) -> bytes:
    """A digest over the content of the authorities, the certificate and the key. Raises OSError."""
    digest = hashlib.sha256()
    for name in (tls.ca, tls.certificate, tls.key):
        content = Path(name).read_bytes() if name is not None else b""
        digest.update(b"%d\n%b" % (len(content), content))
    return digest.digest()


def _client_context(upstream: Upstream) -> ssl.SSLContext:
    """Raises OSError or ssl.SSLError if a certificate file is missing or wrong."""
    tls = upstream.tls
    context = ssl.create_default_context(cafile=tls.ca)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    if tls.certificate is not None:
        context.load_cert_chain(tls.certificate, tls.key)
    context.set_alpn_protocols(["http/1.1"])
    return context


def _unix_address(path: str) -> AddrInfoType:
    return socket.AF_UNIX, socket.SOCK_STREAM, 0, "", path  # type: ignore[return-value]  # a path is no tuple


def _make_socket(address: AddrInfoType, user_timeout: float) -> socket.socket:
    family, kind, protocol, _, _ = address
    sock = socket.socket(family, kind, protocol)
    if family != socket.AF_UNIX:
        set_tcp_options(sock, user_timeout)
    return sock


def _milliseconds(user_timeout: float) -> int:
    """Of TCP_USER_TIMEOUT: as long as the gateway waits, and a moment, so that it is the gateway that gives up."""
    return min(int(max(user_timeout + 5.0, USER_TIMEOUT) * 1000), 2**31 - 1)


def _wake(connected: "asyncio.Future[None]") -> None:
    if not connected.done():
        connected.set_result(None)
