"""How much of what one peer sent is worked off in one turn of the loop. The rest waits for a later one.

A transport may hand over megabytes at once. Bytes that only pass through cost next to nothing; what costs is what they
are cut into: a request every thirty bytes, a chunk for every byte. So a turn ends after a few requests, or a few
kilobytes of chunk framing, and everybody else has theirs.
"""

from typing import final

from cors_gateway.http1.body import ChunkedDecoder, SizedBody

SLICE = 16 * 1024
"""Bytes that are looked at in one piece."""
MAX_REQUESTS = 16
"""Requests of one connection in one turn."""
MAX_FRAMING = 8 * 1024
"""Bytes of chunk framing in one turn, up to one slice more: some two thousand chunks."""


@final
class Kept:
    """Received bytes that wait. One object and an offset: what is taken is copied, what stays is not."""

    __slots__ = ("_at", "_data")

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def __len__(self) -> int:
        return len(self._data) - self._at

    def append(self, data: bytes) -> None:
        """Bytes that came after these."""
        self._data = self._data[self._at :] + data
        self._at = 0

    def take_slice(self) -> bytes:
        """The next bytes, at most a slice."""
        piece = self._data[self._at : self._at + SLICE]
        self._at += len(piece)
        return piece

    def take_all(self) -> bytes:
        """Everything that is left."""
        piece = self._data[self._at :]
        self._at = len(self._data)
        return piece

    def put_back(self, rest: bytes) -> None:
        """The end of what was taken last was not used."""
        self._at -= len(rest)

    def feed(self, body: SizedBody | ChunkedDecoder) -> bytes:
        """Feed a body with as much as is for one turn; gives its data in one piece. Raises ProtocolFault.

        What follows a body that is done stays here.
        """
        data, at, framing = self._data, self._at, 0
        pieces = []
        while at < len(data) and framing < MAX_FRAMING and not body.is_done:
            stop = min(at + SLICE, len(data))
            piece = body.feed(data, at, stop)
            framing += stop - at - len(piece)
            at = stop
            pieces.append(piece)
        self._at = len(data) - len(body.rest) if pieces and body.is_done else at
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)
