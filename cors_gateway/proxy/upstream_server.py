"""One server of an upstream: what is known of its health, and the connections to it that wait for work.

Which server gets a request is decided in `pool.py`.
"""

import asyncio
from typing import TYPE_CHECKING

from cors_gateway.proxy.connect import Connector
from cors_gateway.snapshot import ServerAddress, Upstream

if TYPE_CHECKING:
    from cors_gateway.proxy.roles import Reusable

EJECT_AFTER = 2
"""Failures in a row, to connect or to answer in time, after which a server is left out, if there is another."""
FIRST_EJECTION = 1.0
LONGEST_EJECTION = 30.0


class UpstreamServer:
    """One server of an upstream."""

    __slots__ = (
        *("active", "address", "connector", "credit", "ejected_until", "failures", "has_connected", "idle"),
        *("is_healthy", "name"),
    )

    def __init__(self, address: ServerAddress, upstream: Upstream, loop: asyncio.AbstractEventLoop) -> None:
        self.address = address
        self.name = str(address)
        self.connector = Connector(address, upstream, loop)
        self.idle: list[Reusable] = []
        """Connections that wait, the one used last at the end."""
        self.active = 0
        """Exchanges and tunnels in progress. Written by the pool alone."""
        self.is_healthy = True
        """As the active health check last found."""
        self.has_connected = False
        """Whether a connection to it ever succeeded: until then nothing is known about it."""
        self.failures = 0
        """To connect, since the last success."""
        self.ejected_until = 0.0
        self.credit = 0
        """Turns that it has coming, if turns are by weight. Written by the balancer alone."""

    def is_available(self, now: float) -> bool:
        """Whether it gets requests while others do: one that was left out for long enough is tried again."""
        return self.is_healthy and now >= self.ejected_until

    @property
    def is_well(self) -> bool:
        """Whether it is up as far as known. One that could not be reached is not, until a connection succeeds."""
        return self.is_healthy and self.failures < EJECT_AFTER

    def connected(self) -> None:
        self.has_connected = True
        self.failures = 0
        self.ejected_until = 0.0

    def failed(self, now: float) -> None:
        """It could not be connected to, or did not answer in time."""
        if now < self.ejected_until:
            return  # many attempts that met one outage are one failure
        self.failures += 1
        if self.failures >= EJECT_AFTER:
            length = FIRST_EJECTION * 2.0 ** min(self.failures - EJECT_AFTER, 8)
            self.ejected_until = now + min(length, LONGEST_EJECTION)
