"""Listening sockets that the service manager opened and passed on, by the protocol of sd_listen_fds(3).

They are found by their address: a listener of the configuration whose address one of them has is served on it instead of
being bound. So one configuration serves with and without socket activation, and the names that the manager gave
(`LISTEN_FDNAMES`) are only used in messages. The sockets stay open to the end, also while no listener wants them,
because nobody could bind their addresses anew.
"""

import contextlib
import os
import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import ip_address

from cors_gateway.server.startup_error import StartupError
from cors_gateway.snapshot import Listener, TcpListener, UnixListener

FIRST_DESCRIPTOR = 3


@dataclass(frozen=True, slots=True)
class Passed:
    """One socket as it was passed."""

    name: str
    """As in the unit (`FileDescriptorName=`), or empty."""
    socket: socket.socket

    def __str__(self) -> str:
        named = f' "{self.name}"' if self.name else ""
        return f"the socket{named} on {self.address} that the service manager passed"

    @property
    def address(self) -> str:
        """As a listener of the configuration would be written."""
        name = self.socket.getsockname()
        if self.socket.family == socket.AF_UNIX:
            return f"unix:{os.fsdecode(name)}".replace("\0", "@")
        return str(TcpListener(name[0], name[1]))

    @property
    def is_for_both_families(self) -> bool:
        """Whether it accepts IPv4 as well as IPv6, on all addresses: what `ListenStream=8080` makes."""
        if self.socket.family != socket.AF_INET6 or self.socket.getsockname()[0] != "::":
            return False
        return not self.socket.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY)


class Inherited:
    """The sockets that were passed, and which of them have been asked for."""

    def __init__(self, passed: Sequence[Passed] = ()) -> None:
        self._passed = tuple(passed)
        self._taken: set[Passed] = set()

    def take(self, listener: Listener) -> socket.socket | None:
        """A duplicate of the socket with this listener's address, or None."""
        found = self._exact(_canonical(listener)) or self._dual(listener)
        if found is None:
            return None
        self._taken.add(found)
        return found.socket.dup()

    def require_all_taken(self) -> None:
        """Raises StartupError if a socket was passed that is not listened on: its clients would wait for ever."""
        for one in self._passed:
            if one not in self._taken:
                raise StartupError(
                    f"{one} is not listened on; list {one.address} in server.listen, or take it from the socket unit"
                )

    def _exact(self, address: str) -> Passed | None:
        return next((one for one in self._passed if one.address == address), None)

    def _dual(self, listener: Listener) -> Passed | None:
        if not isinstance(listener, TcpListener) or listener.host != "0.0.0.0":
            return None
        dual = TcpListener("::", listener.port)
        return next(
            (one for one in self._passed if one.is_for_both_families and one.address == str(dual)), None
        )


def inherit(environ: Mapping[str, str]) -> Inherited:
    """What the service manager passed to this process, by its environment. Raises StartupError."""
    if environ.get("LISTEN_PID") != str(os.getpid()):
        return Inherited()
    try:
        count = int(environ.get("LISTEN_FDS", "0"))
    except ValueError:
        raise StartupError(f'LISTEN_FDS="{environ["LISTEN_FDS"]}" is not a number of sockets') from None
    names = environ.get("LISTEN_FDNAMES", "").split(":")
    passed = []
    for index in range(count):
        name = names[index] if index < len(names) else ""
        passed.append(_adopt(FIRST_DESCRIPTOR + index, name))
    return Inherited(passed)


def _adopt(descriptor: int, name: str) -> Passed:
    what = f"descriptor {descriptor}" + (f' ("{name}")' if name else "") + " that the service manager passed"
    try:
        sock = socket.socket(fileno=descriptor)
        is_listening = sock.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN)
    except OSError:
        raise StartupError(f"{what} is not a socket") from None
    if sock.type != socket.SOCK_STREAM or not is_listening:
        raise StartupError(f"{what} does not listen for connections; use ListenStream= and Accept=no")
    os.set_inheritable(descriptor, False)
    sock.setblocking(False)
    return Passed(name, sock)


def _canonical(listener: Listener) -> str:
    """Its address as the kernel spells it."""
    if isinstance(listener, UnixListener):
        return str(listener)
    with contextlib.suppress(ValueError):
        return str(TcpListener(str(ip_address(listener.host)), listener.port))
    return str(TcpListener(listener.host, listener.port))
