"""The transport of a connection to a backend: who holds it up, and bytes of a response that are kept for later.

What the bytes mean, and how the connection ends, is decided in `upstream.py`.
"""

import asyncio
import select
from abc import abstractmethod
from collections.abc import Callable
from typing import Protocol, TypeVar, cast

from cors_gateway.proxy.clock import CoarseClock
from cors_gateway.proxy.flow import Flow
from cors_gateway.proxy.response_rules import ResponseRules
from cors_gateway.proxy.roles import Downstream
from cors_gateway.proxy.splice import End
from cors_gateway.proxy.turns import Kept

# What is done with the connection, and so what its next bytes are.
IDLE = 0
HEAD = 1
BODY = 2
CLOSED = 3

C = TypeVar("C", contravariant=True)


class Owner(Protocol[C]):
    """Whom an upstream connection belongs to: the pool."""

    @property
    def clock(self) -> CoarseClock: ...

    @property
    def response_head_timeout(self) -> float: ...

    @property
    def idle_timeout(self) -> float: ...

    @property
    def max_head(self) -> int: ...

    @property
    def response_rules(self) -> ResponseRules | None: ...

    def release(self, connection: C) -> None:
        """Its exchange is over, and it can be used again."""

    def ended(self, connection: C) -> None:
        """Its exchange or its tunnel is over, and so is the connection."""

    def forget(self, connection: C) -> None:
        """It closed while it was idle."""

    def belong(self, connection: C, client: Downstream) -> "Owner[C]":
        """Somebody logs in on it: gives whom it belongs to from now on, who keeps it for this client alone."""

    def timed_out(self, connection: C) -> None:
        """Its server did not answer, or not to the end, in the time that it is given."""


class UpstreamTransport(asyncio.Protocol):
    """One transport, and what was read from it too early."""

    __slots__ = (
        *("_clock", "_flow", "_is_due", "_is_held", "_kept", "_phase", "_poll"),
        *("deadline", "transport", "write"),
    )

    transport: asyncio.Transport
    write: Callable[[bytes | memoryview], None]
    deadline: float
    _flow: Flow

    def __init__(self, clock: CoarseClock) -> None:
        # What is declared above comes with the transport, before anything else happens.
        self._clock = clock
        self._phase = IDLE
        self._poll: select.poll | None = None
        self._kept: Kept | None = None
        """Of a response, not looked at yet. Reading pauses while there is any."""
        self._is_due = False
        """What is kept is looked at in the next turn of the loop."""
        self._is_held = False
        """The client does not take more."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)
        self.write = self.transport.write
        self._flow = Flow(self.transport, self._clock)
        self._clock.watched.add(self)
        sock = transport.get_extra_info("socket")
        if sock is not None:
            self._poll = select.poll()
            self._poll.register(sock.fileno(), select.POLLIN)

    @property
    def is_idle(self) -> bool:
        """Whether it is open and has no exchange."""
        return self._phase == IDLE

    def is_usable(self) -> bool:
        """Whether an idle connection is still good: not closing, no byte and no end of stream waiting to be read."""
        return self._phase == IDLE and self._poll is not None and not self._poll.poll(0)

    @property
    def passes_on(self) -> bool:
        """As `flow.Piecewise` says."""
        return self._phase == BODY and self._kept is None

    def outlet(self) -> End:
        """As `roles.Carrier` says."""
        return self._flow.outlet()

    def _keep_for_later(self, kept: Kept) -> None:
        """Look at this in a turn of its own, and read no more before."""
        self._kept = kept
        self._flow.pause_reading()
        self._read_on()

    def _read_on(self) -> None:
        """Whatever held up the reading is over: what is kept comes first."""
        if not self._kept:
            self._kept = None
            self._flow.resume_reading()
        elif not self._is_due:
            self._is_due = True
            self._clock.call_soon(self._take_turn)

    def _take_turn(self) -> None:
        """Look at some of what is kept, if the client takes more."""
        self._is_due = False
        kept = self._kept
        if kept is None or self._is_held:
            return
        self._work_off(kept)
        if self._kept is kept and not self._is_held:
            self._read_on()

    @abstractmethod
    def _work_off(self, kept: Kept) -> None:
        """Take from what is kept as much as is for one turn."""

    @abstractmethod
    def on_deadline(self) -> None: ...

    @abstractmethod
    def stood_still(self, seconds: float) -> None: ...
