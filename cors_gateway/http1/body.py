"""Request and response bodies: of a known size, or in the chunked transfer coding, strictly (RFC 9112 6, 7.1).

Decoding only: the gateway frames what it sends itself (`frame_chunk`). Chunk extensions and trailers are read,
checked, bounded and dropped.
"""

import re

from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.grammar import split_field_line
from cors_gateway.http1.request_fields import is_protected

LAST_CHUNK = b"0\r\n\r\n"

MAX_CHUNK_LINE = 1024
MAX_TRAILER_BYTES = 8192
MAX_TRAILER_FIELDS = 32
# Bytes that are not data, against clients that send one byte a chunk with a kilobyte of extension.
FREE_OVERHEAD = 16 * 1024
# A chunk of 4 GiB or more is read differently by whoever counts in 32 bits.
MAX_CHUNK = 2**32 - 1

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*"'
_CHUNK_LINE = re.compile(
    rb"([0-9A-Fa-f]{1,16})(?:;" + _TOKEN + rb"(?:=(?:" + _TOKEN + rb"|" + _QUOTED + rb"))?)*\Z"
)

_SIZE = 0
_DATA = 1
_DATA_END = 2
_TRAILER = 3
_DONE = 4


def frame_chunk(data: bytes) -> bytes:
    """One chunk of non-empty data."""
    return b"%x\r\n%b\r\n" % (len(data), data)


class SizedBody:
    """Takes the bytes of a body of known size as they arrive; the counterpart of `ChunkedDecoder`."""

    __slots__ = ("_remaining", "rest")

    def __init__(self, size: int) -> None:
        self._remaining = size
        self.rest = b""

    @property
    def is_done(self) -> bool:
        return not self._remaining

    def feed(self, received: bytes) -> list[bytes]:
        """The part of `received` that belongs to the body."""
        piece = received[: self._remaining]
        self._remaining -= len(piece)
        self.rest = received[len(piece) :]
        return [piece] if piece else []


class ChunkedDecoder:
    """Takes the bytes of a chunked body as they arrive and gives its data.

    From a client every deviation is refused. From a backend white space after a size and a bare LF as line end are
    taken (RFC 9112 2.2, 7.1.1): both are met in the field, and what goes on is framed anew.

    After the end `is_done` is true and `rest` holds what followed the body.
    """

    __slots__ = (
        "_data",
        "_is_request",
        "_overhead",
        "_partial",
        "_remaining",
        "_state",
        "_trailer_fields",
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

    @property
    def is_done(self) -> bool:
        return self._state == _DONE

    def feed(self, received: bytes) -> list[bytes]:
        """The pieces of data in `received`, in order. Raises ProtocolFault(400 or 431) on bad syntax or a limit."""
        if self._partial:
            received = self._partial + received
            self._partial = b""
        pieces: list[bytes] = []
        position = 0
        while self._state != _DONE:
            if self._state == _DATA:
                piece = received[position : position + self._remaining]
                if piece:
                    pieces.append(piece)
                    position += len(piece)
                    self._remaining -= len(piece)
                    self._data += len(piece)
                if self._remaining:
                    return pieces
                self._state = _DATA_END
            line_end = self._find_line_end(received, position)
            if line_end < 0:
                self._partial = received[position:]
                return pieces
            line = received[position:line_end]
            position = line_end + 1
            if line[-1:] == b"\r":
                line = line[:-1]
            elif self._is_request:
                raise ProtocolFault(400, "bare LF in a chunked body")
            self._read_line(line)
        self.rest = received[position:]
        return pieces

    def _find_line_end(self, received: bytes, position: int) -> int:
        limit = MAX_TRAILER_BYTES if self._state == _TRAILER else MAX_CHUNK_LINE
        end = received.find(b"\n", position, position + limit + 2)
        if end >= 0:
            return end
        available = len(received) - position
        if available > limit + 1:
            raise ProtocolFault(431 if self._state == _TRAILER else 400, "chunk header or trailer too long")
        # What cannot become a line end any more is refused at once instead of being waited for.
        if self._state == _DATA_END and available and received[position : position + 1] != b"\r":
            raise ProtocolFault(400, "chunk data longer than its size")
        if b"\r" in received[position:-1]:
            raise ProtocolFault(400, "bare CR in a chunked body")
        return -1

    def _read_line(self, line: bytes) -> None:
        if self._state == _DATA_END:
            if line:
                raise ProtocolFault(400, "chunk data longer than its size")
            self._state = _SIZE
        elif self._state == _SIZE:
            self._read_size(line)
        elif line:
            self._read_trailer(line)
        else:
            self._state = _DONE

    def _read_size(self, line: bytes) -> None:
        match = _CHUNK_LINE.match(line if self._is_request else line.rstrip(b" \t"))
        if match is None or (size := int(match[1], 16)) > MAX_CHUNK:
            raise ProtocolFault(400, "malformed chunk size")
        self._overhead += len(line)
        if self._overhead > FREE_OVERHEAD + self._data // 8 and len(line) > 8:
            raise ProtocolFault(400, "chunk extensions outweigh the data")
        self._remaining = size
        if size:
            self._state = _DATA
        else:
            self._state = _TRAILER
            self._overhead = 0

    def _read_trailer(self, line: bytes) -> None:
        self._trailer_fields += 1
        self._overhead += len(line) + 2
        if self._trailer_fields > MAX_TRAILER_FIELDS or self._overhead > MAX_TRAILER_BYTES:
            raise ProtocolFault(431, "trailer section too large")
        name, _ = split_field_line(line)
        # RFC 9110 6.5.1: fields for framing, routing and authentication have no business in trailers.
        if self._is_request and is_protected(name.lower()):
            raise ProtocolFault(400, "trailer field that belongs in the header section")
