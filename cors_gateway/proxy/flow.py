"""Who waits on a transport: reading paused or not, writing held up or not, and for how long.

A peer that takes no byte for the time it is given is given up; one that takes a byte now and then is not.
"""

import asyncio
import contextlib
import fcntl
import select
import socket
import struct
import sys
import termios
from typing import Protocol

from cors_gateway.proxy.clock import NEVER, CoarseClock
from cors_gateway.proxy.splice import NOT_MOVED, NOWHERE, STEP, End, Passage, Splicer

PIECE = 96 * 1024
"""Bytes of a body that are read at once: a transport would take 256 KiB, and hold them for whoever is slow.

With half as many the system works longer for each megabyte, with more a slow peer costs more.
"""
AHEAD = 16 * 1024
"""Bytes that are read at once of what does not just pass through."""
UPLOAD_WINDOW = 64 * 1024
"""Bytes that may be on their way of an upload when it begins: what Linux gives any connection. The kernel raises it."""

# Whatever a peer does not take at once holds up the reading at the other end: one piece is held, and no second one.
# With TLS there may be something left of a handshake, and what is below has marks of its own.
_WRITE_HIGH_WATER = 1
_TLS_HIGH_WATER = 16 * 1024
_WRITE_LOW_WATER = 0


class Piecewise(Protocol):
    """Whose long bodies are read in pieces."""

    @property
    def passes_on(self) -> bool:
        """Whether what comes next goes to a peer as it is."""

    def piece_received(self, piece: memoryview) -> None:
        """Some of it. Whoever holds on to the piece keeps it: it is not written over."""

    def data_received(self, data: bytes) -> None: ...

    def eof_received(self) -> bool | None: ...

    def pause_writing(self) -> None: ...

    def resume_writing(self) -> None: ...

    def connection_lost(self, exc: Exception | None) -> None: ...


class Movable(Piecewise, Passage, Protocol):
    """Whose long bodies are read in pieces, or moved inside the kernel."""


class Flow:
    """The state of both directions of one transport."""

    __slots__ = (
        *("_clock", "_end", "_is_piecewise", "_transport"),
        *("is_reading_paused", "is_writing_paused", "left", "stall_deadline"),
    )

    def __init__(self, transport: asyncio.Transport, clock: CoarseClock) -> None:
        is_tls = transport.get_extra_info("sslcontext") is not None
        transport.set_write_buffer_limits(_TLS_HIGH_WATER if is_tls else _WRITE_HIGH_WATER, _WRITE_LOW_WATER)
        self._transport = transport
        self._clock = clock
        self.is_reading_paused = False
        self._is_piecewise = False
        self._end: End | None = None
        self.left = 0
        """Bytes that the peer had not taken when somebody looked last."""
        self.is_writing_paused = False
        """More is written than the peer takes."""
        self.stall_deadline = NEVER
        """When the peer must have taken something."""

    def peer_address(self) -> str:
        """The address of the other end without its port; empty for a Unix socket."""
        # That of a Unix socket is a path, if it has a name at all.
        name = self._transport.get_extra_info("peername")
        return str(name[0]) if type(name) is tuple else ""

    def reset_on_close(self) -> None:
        """Let the close be a reset (RST), so that the peer cannot take it for an end."""
        sock = self._transport.get_extra_info("socket")
        with contextlib.suppress(OSError, AttributeError):
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    @property
    def is_flushed(self) -> bool:
        return not self._transport.get_write_buffer_size()

    def pause_reading(self) -> None:
        if not self.is_reading_paused:
            self.is_reading_paused = True
            self._transport.pause_reading()

    def resume_reading(self) -> bool:
        """Read again; False if reading was not paused."""
        if not self.is_reading_paused:
            return False
        self.is_reading_paused = False
        self._transport.resume_reading()
        return True

    def read_in_pieces(self, protocol: Movable) -> None:
        """Much comes, and whoever takes it may be slow: from now on hold no more of it than a piece."""
        if not self._is_piecewise:
            self._is_piecewise = True
            source = self._bare_end()
            splicer = None if source is NOWHERE else Splicer(source, protocol, self._clock.call_soon)
            self.hand_over(PiecewiseReader(protocol, splicer))

    def outlet(self) -> End:
        """Where bytes can be written past the transport; `NOWHERE` if they cannot be now."""
        if self._transport.is_closing() or not self.is_flushed:
            return NOWHERE
        return self._bare_end()

    def read_upload(self, protocol: Movable) -> None:
        """As `read_in_pieces`, with as much room in the kernel as a connection without a bound begins with."""
        if not self._is_piecewise:
            self.read_in_pieces(protocol)
            sock = self._transport.get_extra_info("socket")
            with contextlib.suppress(OSError, AttributeError):
                # Linux raises the window to what somebody waits for. SO_RCVBUF would fix it.
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, UPLOAD_WINDOW)
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVLOWAT, 1)

    def hand_over(self, protocol: asyncio.BaseProtocol) -> None:
        """Let somebody else read. How a transport reads is settled when it starts to."""
        self._transport.pause_reading()
        self._transport.set_protocol(protocol)
        if not self.is_reading_paused:
            self._transport.resume_reading()

    def writing_paused(self, timeout: float) -> float:
        """More is written than the peer takes: gives the deadline for it to take something."""
        self.is_writing_paused = True
        return self.watch(timeout)

    def writing_resumed(self) -> None:
        self.is_writing_paused = False
        self.stall_deadline = NEVER

    def watch(self, timeout: float) -> float:
        """From now on the peer must take something within `timeout` seconds; gives the deadline for that."""
        self.left = self.untaken()
        self.stall_deadline = self._clock.now + timeout
        return self.stall_deadline

    def is_stalled(self) -> bool:
        """Whether the peer's time is over and it took nothing."""
        return self.stall_deadline <= self._clock.now and self.untaken() >= self.left

    def is_broken(self) -> bool:
        """Whether the connection was reset: whoever does not read is not told."""
        poll = select.poll()
        try:
            poll.register(self._transport.get_extra_info("socket").fileno(), 0)
        except (OSError, ValueError, AttributeError):
            return False
        return bool(poll.poll(0))

    def untaken(self) -> int:
        """Bytes that the peer has not taken: here, or in the kernel's queue.

        That queue holds megabytes, and the transport hears of it only when a good part of it is empty: a peer that
        reads slowly would pass for one that does not read.
        """
        queued = b"\0\0\0\0"
        with contextlib.suppress(OSError, ValueError, AttributeError):
            queued = fcntl.ioctl(self._transport.get_extra_info("socket").fileno(), termios.TIOCOUTQ, queued)
        return self._transport.get_write_buffer_size() + int.from_bytes(queued, sys.byteorder)

    def _bare_end(self) -> End:
        """The socket, if what goes over it is what is written here."""
        if self._end is None:
            sock = self._transport.get_extra_info("socket")
            is_bare = sock is not None and self._transport.get_extra_info("sslcontext") is None
            self._end = End(sock.fileno()) if is_bare else NOWHERE
        return self._end


class PiecewiseReader(asyncio.BufferedProtocol):
    """Between a transport and its protocol: reads no more than a piece at once, and copies none that is passed on.

    All connections read into one place. Where a peer did not take a piece at once, the place is held with it until it
    does: the next piece is read into a new one. So a connection that is held up costs one place, and the others none.
    """

    _place = bytearray(PIECE)

    def __init__(self, protocol: Piecewise, splicer: Splicer | None = None) -> None:
        """Without a `splicer` no byte goes another way."""
        self._protocol = protocol
        self._splicer = splicer
        self._is_passing = False
        self._left: memoryview | None = None
        """What the splicer took and could not move: it comes before whatever is read next."""

    def get_buffer(self, sizehint: int) -> bytearray | memoryview:
        self._is_passing = self._protocol.passes_on
        if self._left is not None:
            return memoryview(self._left.obj)[len(self._left) :]
        if _is_held(PiecewiseReader._place):
            PiecewiseReader._place = bytearray(PIECE)
        place = PiecewiseReader._place
        if not self._is_passing:
            return memoryview(place)[:AHEAD]
        splicer = self._splicer
        if splicer is None or not splicer.is_due:
            return place
        left = splicer.move(place)
        if left == NOT_MOVED:
            return place
        if left:
            # Passed on as soon as something is read, or nothing: it may pause or close this transport, which must not
            # happen between the question where to read to and the reading.
            self._left = memoryview(place)[:left]
            splicer.call_soon(self._pass_left)
        return memoryview(place)[left : left + PIECE - STEP]

    def buffer_updated(self, nbytes: int) -> None:
        left, self._left = self._left, None
        if left is not None:
            piece = memoryview(left.obj)[: len(left) + nbytes]
        else:
            piece = memoryview(PiecewiseReader._place)[:nbytes]
            if self._splicer is not None:
                self._splicer.came(nbytes)
        if self._is_passing:
            self._protocol.piece_received(piece)
        else:
            self._protocol.data_received(bytes(piece))

    def eof_received(self) -> bool | None:
        self._pass_left()
        if self._splicer is not None and self._splicer.error is not None:
            return False  # it is not the end of a stream, but a loss, and told as that
        return self._protocol.eof_received()

    def connection_lost(self, exc: Exception | None) -> None:
        self._pass_left()
        if exc is None and self._splicer is not None:
            exc = self._splicer.error
        self._protocol.connection_lost(exc)

    def _pass_left(self) -> None:
        if self._left is not None:
            self._is_passing = self._protocol.passes_on
            self.buffer_updated(0)

    def pause_writing(self) -> None:
        self._protocol.pause_writing()

    def resume_writing(self) -> None:
        self._protocol.resume_writing()


def _is_held(place: bytearray) -> bool:
    """Whether somebody has a view of it, as then it cannot change its size (PEP 3118)."""
    try:
        place.append(0)
    except BufferError:
        return True
    place.pop()
    return False
