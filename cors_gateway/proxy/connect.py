"""Opening connections to one server: names, addresses, TCP or Unix socket, TLS.

Names are resolved again every few seconds, so that a recreated container is found; the last known addresses go on
being used while the resolver fails or hangs. Several addresses are raced with a head start, their families in turn
(RFC 8305).
"""

import asyncio
import contextlib
import hashlib
import socket
import ssl
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from aiohappyeyeballs import AddrInfoType, start_connection

from cors_gateway.snapshot import ServerAddress, Upstream, UpstreamTls

RESOLVED_FOR = 5.0
"""Seconds for which a resolved name is used without asking again."""
RESOLVER_PATIENCE = 0.25
"""Seconds for which the resolver is waited for if there are addresses from before."""
HEAD_START = 0.25
"""Seconds that one address has before the next is tried as well (RFC 8305 5)."""

P = TypeVar("P", bound=asyncio.Protocol)


class Connector:
    """Opens connections to one server of an upstream."""

    def __init__(self, server: ServerAddress, upstream: Upstream, loop: asyncio.AbstractEventLoop) -> None:
        self._server = server
        self._loop = loop
        self._timeout = upstream.timeouts.connect
        self.ssl_context = _client_context(upstream) if server.tls else None
        name = upstream.tls.server_name or server.host
        self.server_name = name.strip("[]").removesuffix(".") if server.tls else None
        """The name or address to verify; None without TLS."""
        self._addresses: list[AddrInfoType] = []
        self._resolved_at = float("-inf")
        self._asking: asyncio.Task[None] | None = None
        """The question to the resolver that is on its way; `_asked_at` says since when."""
        self._asked_at = 0.0

    async def connect(self, factory: Callable[[], P]) -> P:
        """A connected protocol. Raises TimeoutError, OSError or ssl.SSLError (see `failure.classify_connecting`)."""
        try:
            async with asyncio.timeout(self._timeout):
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
        except OSError:  # TimeoutError is one; somebody else may live at the address by now
            self._resolved_at = float("-inf")
            raise

    async def _open_socket(self) -> socket.socket:
        path = self._server.unix_path
        addresses = [_unix_address(path)] if path is not None else await self._resolve()
        try:
            return await start_connection(
                addresses, happy_eyeballs_delay=HEAD_START, loop=self._loop, socket_factory=_make_socket
            )
        except RuntimeError as error:  # uvloop says so where asyncio raises OSError
            raise OSError(str(error)) from error

    async def _resolve(self) -> list[AddrInfoType]:
        """The addresses of the server, asking the resolver once for all who wait."""
        now = time.monotonic()
        if self._addresses and now - self._resolved_at < RESOLVED_FOR:
            return self._addresses
        if self._asking is None:
            self._asked_at = now
            self._asking = self._loop.create_task(self._ask_resolver())
            self._asking.add_done_callback(self._answered)
        asking = self._asking
        patience = max(0.0, self._asked_at + RESOLVER_PATIENCE - now) if self._addresses else None
        await asyncio.wait({asking}, timeout=patience)
        if not self._addresses:
            asking.result()  # raises what the resolver said
        return self._addresses

    async def _ask_resolver(self) -> None:
        found = await self._loop.getaddrinfo(self._server.host, self._server.port, type=socket.SOCK_STREAM)
        self._addresses = [(*address[:3], "", address[4]) for address in found]
        self._resolved_at = time.monotonic()

    def _answered(self, asking: "asyncio.Task[None]") -> None:
        self._asking = None
        if not asking.cancelled():
            asking.exception()  # looked at: whoever has addresses does not


def set_tcp_options(sock: socket.socket) -> None:
    """No delay for small writes; a peer that vanished without a word is noticed within two minutes."""
    for level, option, value in (
        (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
        (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
        (socket.IPPROTO_TCP, getattr(socket, "TCP_KEEPIDLE", None), 60),
        (socket.IPPROTO_TCP, getattr(socket, "TCP_KEEPINTVL", None), 10),
        (socket.IPPROTO_TCP, getattr(socket, "TCP_KEEPCNT", None), 3),
        (socket.IPPROTO_TCP, getattr(socket, "TCP_USER_TIMEOUT", None), 60_000),
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


def _make_socket(address: AddrInfoType) -> socket.socket:
    family, kind, protocol, _, _ = address
    sock = socket.socket(family, kind, protocol)
    if family != socket.AF_UNIX:
        set_tcp_options(sock)
    return sock
