"""The addresses of one server: resolved again every few seconds, so that a recreated container is found.

A lookup has a thread of its own, one a server at most. The pool that event loops keep for lookups has four threads for
the whole process: a few names that hang there would stop connecting to everybody, even to those that have no name.
"""

import asyncio
import contextlib
import errno
import socket
import threading
import time
from ipaddress import ip_address
from typing import cast

from aiohappyeyeballs import AddrInfoType

RESOLVED_FOR = 5.0
"""Seconds for which a resolved name is used without asking again."""
PATIENCE = 0.25
"""Seconds for which the resolver is waited for if there are addresses from before."""


class Addresses:
    """Where a server can be reached. To be used in one event loop."""

    def __init__(self, host: str, port: int, loop: asyncio.AbstractEventLoop) -> None:
        """`host` is a name, or an address, which is never looked up."""
        self._host = host
        self._port = port
        self._loop = loop
        self._known: list[AddrInfoType] = []
        self._until = float("-inf")
        """When to ask again."""
        self._asking: asyncio.Future[list[AddrInfoType]] | None = None
        """The lookup that is on its way; `_asked_at` says since when."""
        self._asked_at = 0.0
        literal = _literal(host, port)
        if literal is not None:
            self._known = [literal]
            self._until = float("inf")

    async def get(self) -> list[AddrInfoType]:
        """The addresses; what was known before while the resolver hangs or fails. Raises socket.gaierror, ValueError.

        The resolver is asked once for all who wait.
        """
        now = time.monotonic()
        if now < self._until:
            return self._known
        if self._asking is None:
            self._asked_at = now
            self._asking = self._ask()
        asking = self._asking
        patience = max(0.0, self._asked_at + PATIENCE - now) if self._known else None
        await asyncio.wait({asking}, timeout=patience)
        return self._known or asking.result()  # raises what the resolver said

    def doubt(self) -> None:
        """Connecting failed: somebody else may live there by now, so ask again before the next attempt."""
        if self._until != float("inf"):
            self._until = float("-inf")

    def _ask(self) -> "asyncio.Future[list[AddrInfoType]]":
        asking: asyncio.Future[list[AddrInfoType]] = self._loop.create_future()
        asking.add_done_callback(self._answered)
        # A daemon, because nobody waits for a resolver at the end of the process.
        thread = threading.Thread(
            target=self._look_up, args=[asking], name=f"lookup {self._host}", daemon=True
        )
        try:
            thread.start()
        except RuntimeError as error:
            asking.set_exception(OSError(errno.ENOMEM, str(error)))
        return asking

    def _look_up(self, asking: "asyncio.Future[list[AddrInfoType]]") -> None:
        """In its thread."""
        found: list[AddrInfoType] | Exception
        try:
            answers = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
            found = [cast("AddrInfoType", (*answer[:3], "", answer[4])) for answer in answers]
        except (OSError, ValueError) as error:  # ValueError: a name that cannot be encoded
            found = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody asks any more
            self._loop.call_soon_threadsafe(_settle, asking, found)

    def _answered(self, asking: "asyncio.Future[list[AddrInfoType]]") -> None:
        self._asking = None
        if not asking.cancelled() and asking.exception() is None:  # looked at: whoever has addresses does not
            self._known = asking.result()
            self._until = time.monotonic() + RESOLVED_FOR


def _settle(asking: "asyncio.Future[list[AddrInfoType]]", found: "list[AddrInfoType] | Exception") -> None:
    if asking.cancelled():
        return
    if isinstance(found, Exception):
        asking.set_exception(found)
    else:
        asking.set_result(found)


def _literal(host: str, port: int) -> AddrInfoType | None:
    """The address that `host` is, if it is one (a zone such as %eth0 takes the resolver)."""
    try:
        address = ip_address(host)
    except ValueError:
        return None
    if address.version == 4:
        return socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port)
    if "%" in host:
        return None
    return socket.AF_INET6, socket.SOCK_STREAM, socket.IPPROTO_TCP, "", (host, port, 0, 0)
