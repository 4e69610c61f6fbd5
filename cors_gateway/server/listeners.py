"""The listening sockets of the process: bound, kept over reloads, and cleaned up.

Only the sockets live here, not what is served on them. With several workers it is the parent that holds them, so that
connections waiting in a backlog outlive a worker that dies (which is why there is no SO_REUSEPORT).
"""

import contextlib
import errno
import os
import socket
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from cors_gateway.proxy.connect import set_tcp_options
from cors_gateway.server.inherited import Inherited
from cors_gateway.server.port_owner import THIS_PROCESS, find_port_owner
from cors_gateway.server.startup_error import StartupError
from cors_gateway.snapshot import Listener, TcpListener, UnixListener

BACKLOG = 4096
"""The kernel lowers it to net.core.somaxconn."""
RECEIVE_BUFFER = 56 * 1024
"""Bytes that the kernel holds of a new connection before somebody reads; half of them are its first window.

Whatever a client sends ahead of its first answer is read at once, and kept, so this bounds it. Uploads get more
(`flow.UPLOAD_WINDOW`). A first window below 28 KiB makes uploads of 40 KiB wait for one more round trip.
"""

_SO_BUF_LOCK = 72
"""Linux 5.14, asm-generic/socket.h: which buffer sizes are fixed. The module `socket` does not know it."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A listener and its listening socket."""

    listener: Listener
    socket: socket.socket

    @property
    def address(self) -> str:
        """As in the configuration, with the port that the system chose in place of port 0."""
        if isinstance(self.listener, UnixListener):
            return str(self.listener)
        return str(TcpListener(self.listener.host, self.socket.getsockname()[1]))


class Listeners:
    """The sockets of one purpose, by address. TLS settings are no part of the address: they change without rebinding."""

    def __init__(self, inherited: Inherited | None = None) -> None:
        """Where a socket was `inherited` for an address, it is used instead of binding one."""
        self._inherited = inherited or Inherited()
        self._open: dict[str, socket.socket] = {}
        self._files: dict[str, tuple[int, int]] = {}
        """Identities of the socket files that were made here, by address."""

    def open(self, wanted: Iterable[Listener], *, patience: float = 0.0) -> tuple[Bound, ...]:
        """Bind what is not bound yet and return all that is wanted.

        `patience` is how many seconds a client may take no byte. An address may overlap with one that is not wanted any
        more, which goes on accepting until it is closed. Raises StartupError, and then nothing is bound that was not
        before.
        """
        wanted = list(wanted)
        names = {str(listener) for listener in wanted}
        leaving = [sock for name, sock in self._open.items() if name not in names]
        new: list[str] = []
        bound: dict[str, Bound] = {}
        try:
            for listener in wanted:
                address = str(listener)
                if address in bound:
                    raise StartupError(f"cannot listen on {address}: it is listed twice")
                if address not in self._open:
                    self._open[address] = self._inherit(listener) or self._bind(listener, leaving)
                    new.append(address)
                elif isinstance(listener, UnixListener) and address in self._files:
                    _change_mode(listener)
                if isinstance(listener, TcpListener):
                    # Accepted connections inherit the options (Linux), which saves several system calls for each.
                    set_tcp_options(self._open[address], patience)
                bound[address] = Bound(listener, self._open[address])
        except StartupError:
            for address in new:
                self._close(address)
            raise
        return tuple(bound.values())

    def close_except(self, wanted: Iterable[Listener]) -> tuple[str, ...]:
        """Close what is no longer wanted; returns the addresses."""
        kept = {str(listener) for listener in wanted}
        closed = tuple(address for address in self._open if address not in kept)
        for address in closed:
            self._close(address)
        return closed

    def close(self) -> None:
        """Close everything and remove the socket files that are still ours."""
        self.close_except(())

    def _inherit(self, listener: Listener) -> socket.socket | None:
        """Owner and mode of an inherited socket's file are the business of who made it."""
        return self._inherited.take(listener)

    def _bind(self, listener: Listener, leaving: Sequence[socket.socket]) -> socket.socket:
        sock = bind(listener, leaving)
        if isinstance(listener, UnixListener):
            status = os.lstat(listener.path)
            self._files[str(listener)] = status.st_dev, status.st_ino
        return sock

    def _close(self, address: str) -> None:
        self._open.pop(address).close()
        identity = self._files.pop(address, None)
        path = address.removeprefix("unix:")
        with contextlib.suppress(OSError):
            status = os.lstat(path)
            if identity == (status.st_dev, status.st_ino):
                os.unlink(path)  # noqa: PTH108


def bind(listener: Listener, leaving: Sequence[socket.socket] = ()) -> socket.socket:
    """A listening, non-blocking socket; its address may overlap with those of `leaving`. Raises StartupError."""
    try:
        return _bind_unix(listener) if isinstance(listener, UnixListener) else _bind_tcp(listener, leaving)
    except OSError as error:
        raise StartupError(f"cannot listen on {listener}: {_explain(listener, error)}") from None


def _bind_tcp(listener: TcpListener, leaving: Sequence[socket.socket]) -> socket.socket:
    is_ipv6 = ":" in listener.host
    sock = socket.socket(socket.AF_INET6 if is_ipv6 else socket.AF_INET, socket.SOCK_STREAM)
    try:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_ipv6:
            sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        beside = [one for one in leaving if one.family == sock.family and _port(one) == listener.port]
        _bound_first_window(sock)
        with _sharing([sock, *beside] if beside else []):
            sock.bind((listener.host, listener.port))
            return _listen(sock)
    except OSError:
        sock.close()
        raise


def _bound_first_window(sock: socket.socket) -> None:
    """Let connections begin with less room than the system gives them, and the kernel give more to those who need it.

    Before it listens: a size that is fixed while a connection begins bounds its windows to 64 KiB for ever, for it is
    then that their scale is settled (RFC 7323 2.2). So does TCP_WINDOW_CLAMP.
    """
    with contextlib.suppress(OSError):
        sock.getsockopt(socket.SOL_SOCKET, _SO_BUF_LOCK)  # or else the size would stay fixed
        if sock.getsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF) > RECEIVE_BUFFER:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, RECEIVE_BUFFER // 2)  # Linux doubles it
            sock.setsockopt(socket.SOL_SOCKET, _SO_BUF_LOCK, 0)


@contextlib.contextmanager
def _sharing(sockets: Sequence[socket.socket]) -> Iterator[None]:
    """Let these be bound to overlapping addresses; the more precise one gets the connections that suit both.

    For the moment of binding only: afterwards nobody else shall be able to join.
    """
    for sock in sockets:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    try:
        yield
    finally:
        for sock in sockets:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 0)


def _port(sock: socket.socket) -> int | None:
    return None if sock.family == socket.AF_UNIX else int(sock.getsockname()[1])


def _bind_unix(listener: UnixListener) -> socket.socket:
    _remove_stale(listener.path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # By umask and not by chmod afterwards: there must be no moment in which the file admits more than it should.
    umask = os.umask(0o777 & ~listener.mode)
    try:
        sock.bind(listener.path)
        return _listen(sock)
    except OSError:
        sock.close()
        raise
    finally:
        os.umask(umask)


def _change_mode(listener: UnixListener) -> None:
    try:
        os.chmod(listener.path, listener.mode)  # noqa: PTH101
    except OSError as error:
        raise StartupError(f"cannot change the mode of {listener}: {_explain(listener, error)}") from None


def _listen(sock: socket.socket) -> socket.socket:
    sock.listen(BACKLOG)
    sock.setblocking(False)
    return sock


def _remove_stale(path: str) -> None:
    """Remove a socket file that nobody answers on, as a killed process leaves it; anything else stays."""
    try:
        status = os.lstat(path)
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(status.st_mode):
        raise StartupError(f"cannot listen on unix:{path}: the file exists and is not a socket")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.setblocking(False)
        try:
            probe.connect(path)
        except ConnectionRefusedError:
            os.unlink(path)  # noqa: PTH108
            return
        except BlockingIOError:
            pass  # somebody listens, and has a full backlog
    raise StartupError(f"cannot listen on unix:{path}: another process answers on it")


def _explain(listener: Listener, error: OSError) -> str:
    is_tcp = isinstance(listener, TcpListener)
    match error.errno:
        case errno.EADDRINUSE if isinstance(listener, TcpListener):
            owner = find_port_owner(listener.port)
            if owner == THIS_PROCESS:
                return f"the address is in use by {owner}, for an address that overlaps with it"
            return f"the address is in use by {owner or 'another process'}"
        case errno.EACCES | errno.EPERM if is_tcp:
            return (
                "no permission; ports below 1024 need the capability NET_BIND_SERVICE, so take a higher one"
            )
        case errno.EADDRNOTAVAIL if is_tcp:
            return "not an address of this machine"
        case errno.EAFNOSUPPORT if is_tcp:
            return "this machine has no IPv6"
        case errno.ENOENT:
            return "the directory does not exist"
        case _:
            return (error.strerror or str(error)).lower()
