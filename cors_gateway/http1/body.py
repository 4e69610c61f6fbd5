"""Request and response bodies: of a known size, or in the chunked transfer coding, strictly (RFC 9112 6, 7.1).

Decoding only: the gateway frames what it sends itself (`frame_chunk`). Chunk extensions and trailers are read,
checked, bounded and dropped.

Both readers are fed alike. `feed(received)` gives the data in all of `received` as one piece, whatever number of chunks
it came in. `feed(received, start, stop)` reads no further than `stop`, without copying what follows: a connection that
bounds its work per turn goes on from `stop` in a later one. The cost is linear in bytes; one-byte chunks cost most.
"""

import re
from typing import overload

from cors_gateway.http1.cause import Cause
from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.grammar import MAX_FIELD_TOLD, TOKEN, split_field_line
from cors_gateway.http1.request_fields import is_protected

LAST_CHUNK = b"0\r\n\r\n"

MAX_CHUNK_LINE = 1024
MAX_TRAILER_BYTES = 8192
MAX_TRAILER_FIELDS = 32
# Bytes of chunk lines beyond a plain size, against clients that send one byte a chunk with a kilobyte of extension.
FREE_OVERHEAD = 16 * 1024
PLAIN_CHUNK_LINE = 8
# A chunk of 4 GiB or more is read differently by whoever counts in 32 bits.
MAX_CHUNK = 2**32 - 1

_QUOTED = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*"'
_CHUNK_LINE = re.compile(
    rb"([0-9A-Fa-f]{1,16})(?:;" + TOKEN + rb"(?:=(?:" + TOKEN + rb"|" + _QUOTED + rb"))?)*\Z"
)
_PLAIN_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,7})\r\n")
"""The size line of nearly every chunk. At most 2^28 - 1, and never more than is free."""

_SIZE = 0
_DATA = 1
_DATA_END = 2
_TRAILER = 3
_DONE = 4


def frame_chunk(data: bytes | memoryview) -> bytes:
    """One chunk of non-empty data."""
    return b"".join((b"%x\r\n" % len(data), data, b"\r\n"))


class SizedBody:
    """Takes the bytes of a body of known size as they arrive; the counterpart of `ChunkedDecoder`."""

    __slots__ = ("remaining", "rest")

    def __init__(self, size: int) -> None:
        self.remaining = size
        """Bytes that are still to come. Whoever has some of them go another way takes them off."""
        self.rest: bytes | memoryview = b""
        """Once `is_done`: what followed the body."""

    @property
    def is_done(self) -> bool:
        return not self.remaining

    @overload
    def feed(self, received: bytes, start: int = 0, stop: int | None = None) -> bytes: ...
    @overload
    def feed(self, received: memoryview, start: int = 0, stop: int | None = None) -> memoryview: ...
    def feed(
        self, received: bytes | memoryview, start: int = 0, stop: int | None = None
    ) -> bytes | memoryview:
        """The part of `received[start:stop]` that belongs to the body."""
        end = start + self.remaining
        piece = received[start : end if stop is None or end < stop else stop]
        self.remaining -= len(piece)
        if not self.remaining:
            self.rest = received[start + len(piece) :]
        return piece


class ChunkedDecoder:
    """Takes the bytes of a chunked body as they arrive and gives its data.

    From a client every deviation is refused. From a backend white space after a size and a bare LF as line end are
    taken (RFC 9112 2.2, 7.1.1): both are met in the field, and what goes on is framed anew.
    """

    __slots__ = (
        *("_data", "_is_request", "_overhead", "_partial", "_remaining", "_state", "_trailer_fields"),
        "rest",
    )

    def __init__(self, *, is_request: bool) -> None:
        self._is_request = is_request
        self._state = _SIZE
        self._partial = b""
        self._remaining = 0
        self._data = 0
        self._overhead = 0
        self._trailer_fields = 0
        self.rest = b""
        """Once `is_done`: what followed the body, beyond `stop` as well."""

    @property
    def is_done(self) -> bool:
        return self._state == _DONE

    def feed(self, received: bytes, start: int = 0, stop: int | None = None) -> bytes:
        """The data in `received[start:stop]`, in one piece. Raises ProtocolFault(400 or 431) on bad syntax or a limit.

        What is refused, and why, does not depend on how the bytes were cut.
        """
        if stop is None or stop > len(received):
            stop = len(received)
        if self._partial:
            data = self._partial + received[start:stop]
            moved = start - len(self._partial)
            self._partial = b""
            position, end = 0, len(data)
        else:
            data, moved, position, end = received, 0, start, stop
        pieces: list[bytes] = []
        position = self._decode(data, position, end, pieces)
        if self._state == _DONE:
            self.rest = received[position + moved :]
        elif position < end:
            self._partial = data[position:end]
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def _decode(self, data: bytes, position: int, end: int, pieces: list[bytes]) -> int:
        """Put the data between two places into `pieces`; gives the place of the first line that is not complete."""
        while position < end:
            state = self._state
            if state == _SIZE:
                plain = _PLAIN_CHUNK.match(data, position, end)
                if plain is not None and (size := int(plain[1], 16)):
                    self._remaining = size
                    position = plain.end()
                    self._state = state = _DATA
            if state == _DATA:
                stop = position + self._remaining
                if stop > end:
                    pieces.append(data[position:end])
                    self._data += end - position
                    self._remaining = stop - end
                    return end
                pieces.append(data[position:stop])
                self._data += stop - position
                position = stop
                if data.startswith(b"\r\n", position, end):
                    position += 2
                    self._state = _SIZE
                else:
                    self._state = _DATA_END
                continue
            after = (
                self._end_data(data, position, end) if state == _DATA_END else self._line(data, position, end)
            )
            if after < 0 or self._state == _DONE:
                return max(after, position)
            position = after
        return position

    def _end_data(self, data: bytes, position: int, end: int) -> int:
        """The place after the line end that closes a chunk, -1 if it is not there yet."""
        ending = data[position : min(position + 2, end)]
        if ending[:1] == b"\n":
            if self._is_request:
                raise ProtocolFault(Cause.BARE_LF)
            ending = b"\n"
        elif ending == b"\r":
            return -1
        elif ending != b"\r\n":
            raise ProtocolFault(Cause.CHUNK_DATA)
        self._state = _SIZE
        return position + len(ending)

    def _line(self, data: bytes, position: int, end: int) -> int:
        """Read the line of a size or of a trailer; gives the place after it, -1 if it is not complete."""
        is_trailer = self._state == _TRAILER
        limit = MAX_TRAILER_BYTES if is_trailer else MAX_CHUNK_LINE
        at = data.find(b"\n", position, min(position + limit + 2, end))
        last = at if at >= 0 else min(position + limit + 2, end)
        carriage = data.find(b"\r", position, last)
        if 0 <= carriage < last - 1:
            raise ProtocolFault(Cause.BARE_CR)
        if at < 0:
            if end - position > limit + 1:
                cause = Cause.TRAILERS_TOO_LARGE if is_trailer else Cause.CHUNK_LINE_TOO_LONG
                raise ProtocolFault(cause, limit=limit)
            return -1
        if carriage < 0 and self._is_request:
            raise ProtocolFault(Cause.BARE_LF)
        line = data[position : at if carriage < 0 else carriage]
        if not is_trailer:
            self._read_size(line)
        elif line:
            self._read_trailer(line)
        else:
            self._state = _DONE
        return at + 1

    def _read_size(self, line: bytes) -> None:
        match = _CHUNK_LINE.match(line if self._is_request else line.rstrip(b" \t"))
        if match is None or (size := int(match[1], 16)) > MAX_CHUNK:
            raise ProtocolFault(Cause.CHUNK_SIZE)
        self._overhead += max(0, len(line) - PLAIN_CHUNK_LINE)
        if self._overhead > FREE_OVERHEAD + self._data // 8:
            raise ProtocolFault(Cause.CHUNK_EXTENSIONS, limit=FREE_OVERHEAD)
        self._remaining = size
        if size:
            self._state = _DATA
        else:
            self._state = _TRAILER
            self._overhead = 0

    def _read_trailer(self, line: bytes) -> None:
        self._trailer_fields += 1
        self._overhead += len(line) + 2
        if self._trailer_fields > MAX_TRAILER_FIELDS:
            raise ProtocolFault(Cause.TRAILERS_TOO_LARGE, limit=MAX_TRAILER_FIELDS)
        if self._overhead > MAX_TRAILER_BYTES:
            raise ProtocolFault(Cause.TRAILERS_TOO_LARGE, limit=MAX_TRAILER_BYTES)
        name, _ = split_field_line(line)
        # RFC 9110 6.5.1: fields for framing, routing and authentication have no business in trailers.
        if self._is_request and is_protected(name.lower()):
            raise ProtocolFault(Cause.TRAILER_PROTECTED, field=name.lower()[:MAX_FIELD_TOLD])
