"""The transport of a client connection: bytes kept for later, and an end by which the client still reads its answer.

What the bytes mean, and when the end has come, is decided in `answering.py` and `downstream.py`.
"""

import asyncio
import contextlib
from abc import abstractmethod
from typing import cast

from cors_gateway.proxy.clock import NEVER
from cors_gateway.proxy.flow import Flow
from cors_gateway.proxy.response_writer import ResponseWriter
from cors_gateway.proxy.service import Service
from cors_gateway.proxy.splice import End
from cors_gateway.proxy.turns import Kept

MAX_AHEAD = 16 * 1024
"""Bytes read ahead of the request in progress before reading pauses."""
MIN_BODY_RATE = 64
"""Bytes a second that a body has to come with in the long run, while somebody takes it."""
SLOW_WAITS = 10
"""Times `timeouts.request_body` for which a body may come more slowly."""
MAX_DISCARDED = 256 * 1024
"""Bytes read and dropped, of a body nobody wants or before a close, so that the client gets to read the answer."""
ONE_FLIGHT = 14 * 1024
"""Bytes that reach a client without waiting for it: ten segments (RFC 6928)."""
LINGER = 2.0
"""Seconds for which a client may still read its last answer before the connection closes."""

# What the next bytes are.
HEAD = 0
PARTIAL = 1
BODY = 2
WAIT = 3
DISCARD = 4
LINGERING = 5
CLOSED = 6


class ClientTransport(asyncio.Protocol):
    """One transport, and in which phase of its life it is."""

    __slots__ = (
        *(
            "_active",
            "_beginning",
            "_body_until",
            "_discarded",
            "_flow",
            "_is_at_eof",
            "_is_body_held",
            "_is_due",
            "_is_tls",
        ),
        *("_kept", "_phase", "_service", "_transport"),
        *("__weakref__", "clock", "deadline", "response"),
    )

    response: ResponseWriter
    _transport: asyncio.Transport
    _flow: Flow

    tunnels = 0

    def __init__(self, service: Service, *, is_tls: bool) -> None:
        # What is declared above comes with the transport, before anything else happens.
        self._service = service
        self._active = service.active
        """What was in service when the last exchange began: its limits hold, and its generation is logged."""
        self.clock = service.clock
        self.deadline = NEVER
        self._is_tls = is_tls
        self._phase = HEAD
        self._beginning = b""
        """Of a head that is not complete."""
        self._kept: Kept | None = None
        """What was received and not looked at yet. Reading pauses while this is more than a little."""
        self._is_due = False
        """What is kept is looked at in the next turn of the loop."""
        self._is_body_held = False
        """The backend does not take more of the body."""
        self._body_until = 0.0
        """When the time for a body is up that comes too slowly; later with every byte."""
        self._discarded = 0
        self._is_at_eof = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._flow = Flow(self._transport, self.clock)
        self.response = ResponseWriter(self._transport.write, self._flow, self.clock)

    @property
    def is_idle(self) -> bool:
        """Whether the connection waits for a request of which no byte has come, and nothing is left to send."""
        return self._phase == HEAD and self._kept is None and self._flow.is_flushed

    def stood_still(self, seconds: float) -> None:
        """The process heard nobody for so long: nobody's time ran."""
        self.deadline += seconds

    @property
    def requests(self) -> int:
        """As `service.Connected` says."""
        return not self.is_idle

    def drain(self) -> None:
        """As `service.Connected` says."""
        if self.is_idle:
            self.abort()

    def abort(self) -> None:
        """Close at once; what is not sent yet is lost."""
        self._phase = CLOSED
        self.deadline = NEVER
        self._kept = None
        self._transport.abort()

    @property
    @abstractmethod
    def passes_on(self) -> bool:
        """As `flow.Piecewise` says."""

    @abstractmethod
    def piece_received(self, piece: memoryview) -> None:
        """As `flow.Piecewise` says."""

    @abstractmethod
    def way_on(self) -> tuple[End, int]:
        """As `splice.Passage` says."""

    @abstractmethod
    def moved(self, size: int) -> None:
        """As `splice.Passage` says."""

    def pause_body(self) -> None:
        """The backend does not take more: its own deadline counts now."""
        if self._phase == BODY:
            self._is_body_held = True
            self._flow.pause_reading()
            self.deadline = self._flow.stall_deadline

    def resume_body(self) -> None:
        if self._is_body_held:
            self._is_body_held = False
            if self._phase == BODY:
                self._await_body()
            self._read_on()

    def _await_body(self) -> None:
        """Somebody takes the body: from now on it has to come in time."""
        now, timeout = self.clock.now, self._active.timeouts.request_body
        self.deadline = now + timeout
        self._body_until = now + SLOW_WAITS * timeout

    # -- bytes kept for later --------------------------------------------------------------------------------------

    def _keep_for_later(self, data: bytes) -> None:
        """Keep what was not looked at: the end of what came last, or of what was taken of the bytes kept."""
        if self._kept is None:
            self._kept = Kept(data)
            self._flow.read_in_pieces(self)
        else:
            self._kept.put_back(data)
        self._hold_back()

    def _keep_as_well(self, data: bytes) -> None:
        """Keep what has just come, after what is kept already."""
        if self._kept is None:
            self._kept = Kept(data)
            self._flow.read_in_pieces(self)
        else:
            self._kept.append(data)
        self._hold_back()

    def _hold_back(self) -> None:
        """With something kept: read no more than a little ahead, and see to it that what is kept gets its turn."""
        if self._phase != WAIT:
            self._flow.pause_reading()
            self._read_on()
        elif self._kept is not None and len(self._kept) > MAX_AHEAD:
            self._flow.pause_reading()

    def _read_on(self) -> None:
        """Whatever held up the reading is over: what is kept comes first, in a turn of its own."""
        if self._kept is None or (self._phase == WAIT and len(self._kept) <= MAX_AHEAD):
            self._flow.resume_reading()
        elif self._phase != WAIT and not self._is_due:
            self._is_due = True
            self.clock.call_soon(self._take_turn)

    def _take_turn(self) -> None:
        """Look at some of what is kept, if nothing holds it up now."""
        self._is_due = False
        kept = self._kept
        is_held = self._flow.is_writing_paused if self._phase == HEAD else self._is_body_held
        if kept is None or is_held or self._phase in {WAIT, CLOSED}:
            return
        self._work_off(kept)
        if not kept and self._kept is kept:
            self._kept = None
        is_held = self._flow.is_writing_paused if self._phase == HEAD else self._is_body_held
        if not is_held:
            self._read_on()
        if self._is_at_eof and self._kept is None:
            self._end_after_eof()

    @abstractmethod
    def _work_off(self, kept: Kept) -> None:
        """Take from what is kept as much as is for one turn, and put back what was not used."""

    @abstractmethod
    def _end_after_eof(self) -> None:
        """No more bytes will come: end, unless a complete request still waits for its response."""

    # -- endings ---------------------------------------------------------------------------------------------------

    def _linger(self) -> None:
        """Stop sending, go on reading for a moment: closing at once could reset the connection and lose the answer."""
        self._beginning, self._kept, self._discarded = b"", None, 0
        self._flow.resume_reading()
        if self._is_at_eof or self._is_tls:  # closing TLS tells the client and goes on reading by itself
            self._end()
            return
        self._phase = LINGERING
        self.deadline = self.clock.now + LINGER
        with contextlib.suppress(NotImplementedError, RuntimeError):
            self._transport.write_eof()

    def _end_or_linger(self, *, is_read: bool) -> None:
        """Send no more after this answer. `is_read`: the client said that it asks no more, and did not go on.

        Then a close resets nothing, and nobody needs to be waited for (RFC 9112 9.6). Should it go on nevertheless, no
        more is lost by a reset than what it has received by then.
        """
        if is_read and self._kept is None and self.response.bytes_out <= ONE_FLIGHT:
            self._end()
        else:
            self._linger()

    def _linger_on(self, data: bytes) -> None:
        """Drop what is still sent, for as long as that is little."""
        self._discarded += len(data)
        if self._discarded > MAX_DISCARDED:
            self._flow.pause_reading()  # to close now would reset the connection, and the answer with it

    def _end(self) -> None:
        """Close when all is sent; the deadline sees to it that this comes to an end."""
        self._phase = CLOSED
        self._kept = None
        self.deadline = self.clock.now + LINGER
        self._transport.close()
