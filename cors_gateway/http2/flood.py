"""Bounds of our own on what one connection may send, by looking at the headers of its frames before the engine does.

A frame costs whoever receives it more than whoever sends it. What a client that does nothing but ask needs is free;
what is beyond is given back as time passes and as requests are served, so that long connections are not ended for
their age. Payloads are not read here.
"""

from cors_gateway.http2 import PREFACE
from cors_gateway.http2.cause import ConnectionCause, ConnectionFault

MAX_CONTINUATIONS = 32
"""CONTINUATION frames of one header block."""
FREE_WINDOW_UPDATES = 1024
BYTES_FOR_WINDOW_UPDATE = 256
"""For so many bytes that were sent a client may send one more WINDOW_UPDATE."""

_HEADER = 9
_DATA = 0
_HEADERS = 1
_PRIORITY = 2
_RST_STREAM = 3
_SETTINGS = 4
_PING = 6
_WINDOW_UPDATE = 8
_CONTINUATION = 9
_OF_BLOCK = frozenset({_HEADERS, _CONTINUATION})
_STREAM = 0x7FFF_FFFF
_END_STREAM = 1
_ACK = 1
_END_HEADERS = 4


class Allowance:
    """So many of something at once, and so many more a second."""

    __slots__ = ("_at", "_burst", "_cause", "_left", "_rate")

    def __init__(self, burst: int, rate: float, cause: ConnectionCause) -> None:
        self._burst = burst
        self._rate = rate
        self._cause = cause
        self._left = float(burst)
        self._at = 0.0

    def spend(self, now: float) -> None:
        """Use one. Raises ConnectionFault if none is left."""
        self._left = min(self._left + (now - self._at) * self._rate, self._burst) - 1
        self._at = now
        if self._left < 0:
            raise ConnectionFault(self._cause)

    def earn(self) -> None:
        """Have one more, but not more than at first."""
        if self._left < self._burst:
            self._left += 1


class FrameWatch:
    """Counts the frames of one connection as its bytes arrive."""

    __slots__ = (
        *("_all_resets", "_block", "_continuations", "_empty", "_is_ending", "_is_open", "_max_block"),
        *("_others", "_partial", "_pings", "_resets", "_settings", "_skip", "_window_updates"),
        *("blocks", "frames"),
    )

    def __init__(self, max_block: int) -> None:
        """`max_block` bounds a header block as it is sent, in bytes; 0 is no limit."""
        self._max_block = max_block
        self._skip = len(PREFACE)
        self._partial = b""
        self._block = 0
        self._continuations = 0
        self._is_open = False
        """The last frame of the present header block has not come."""
        self._is_ending = False
        """It has, but for its last bytes."""
        self.blocks = 0
        """Header blocks that were complete."""
        self.frames = 0
        """All frames that began."""
        self._window_updates = FREE_WINDOW_UPDATES
        self._empty = Allowance(128, 16, ConnectionCause.EMPTY_FRAMES)
        self._settings = Allowance(32, 1, ConnectionCause.SETTINGS)
        self._pings = Allowance(128, 16, ConnectionCause.PINGS)
        self._others = Allowance(512, 32, ConnectionCause.PRIORITIES)
        self._all_resets = Allowance(512, 32, ConnectionCause.RESETS)
        """Also of streams that are closed long since, which nobody else counts."""
        self._resets = Allowance(256, 16, ConnectionCause.RESETS)

    @property
    def is_in_block(self) -> bool:
        """Whether a header block has begun whose end has not come."""
        return self._is_open or self._is_ending

    def feed(self, data: bytes, now: float) -> None:
        """Count the frames that begin in `data`. Raises ConnectionFault for one too many."""
        position = self._skip
        if self._partial:
            data = self._partial + data
            self._partial = b""
        size = len(data)
        if self._is_ending and position <= size:
            self._is_ending = False
            self.blocks += 1
        while position + _HEADER <= size:
            length = data[position] << 16 | data[position + 1] << 8 | data[position + 2]
            kind = data[position + 3]
            flags = data[position + 4]
            start = position
            position += _HEADER + length
            self.frames += 1
            if kind in _OF_BLOCK:
                self._count_block(kind, length, flags)
                if not self._is_open:
                    if position <= size:
                        self.blocks += 1
                    else:
                        self._is_ending = True
            elif kind == _DATA:
                if not length and not flags & _END_STREAM:
                    self._empty.spend(now)
            else:
                if kind == _PRIORITY and not int.from_bytes(data[start + 5 : start + 9], "big") & _STREAM:
                    raise ConnectionFault(
                        ConnectionCause.PROTOCOL
                    )  # RFC 9113 6.3; no engine has to look at it
                self._count_control(kind, flags, now)
        if position >= size:
            self._skip = position - size
        else:
            self._skip = 0
            self._partial = data[position:]

    def sent(self, size: int) -> None:
        """So many bytes went to the client: it may tell that it takes more."""
        self._window_updates = min(
            self._window_updates + size // BYTES_FOR_WINDOW_UPDATE + 1, FREE_WINDOW_UPDATES
        )

    def spoilt(self, now: float) -> None:
        """A stream was reset before its response was complete, or refused. Raises ConnectionFault for one too many."""
        self._resets.spend(now)

    def served(self) -> None:
        """A stream ended as it should."""
        self._resets.earn()
        self._all_resets.earn()
        self._others.earn()

    def _count_block(self, kind: int, length: int, flags: int) -> None:
        if kind == _HEADERS:
            self._block = length
            self._continuations = 0
        else:
            self._block += length
            self._continuations += 1
            if self._continuations > MAX_CONTINUATIONS or 0 < self._max_block < self._block:
                raise ConnectionFault(ConnectionCause.HEADER_BLOCK)
        self._is_open = not flags & _END_HEADERS

    def _count_control(self, kind: int, flags: int, now: float) -> None:
        if kind == _WINDOW_UPDATE:
            self._window_updates -= 1
            if self._window_updates < 0:
                raise ConnectionFault(ConnectionCause.WINDOWS)
        elif kind == _SETTINGS:
            if not flags & _ACK:
                self._settings.spend(now)
        elif kind == _PING:
            if not flags & _ACK:
                self._pings.spend(now)
        elif kind == _RST_STREAM:  # what they come to is told by whoever has the streams, if there are any
            self._all_resets.spend(now)
        else:
            self._others.spend(now)
