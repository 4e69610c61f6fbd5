"""Long bodies moved from socket to socket inside the kernel (splice(2)), which spares copying them in and out.

A transport is not told. Just before it reads, what waits in its socket is moved on, as far as that is body and the other
end takes it at once; whatever is not moved, it reads as ever. So the end of a body, the end of the stream, errors and
everything that the other end does not take come the usual way, and how messages are framed is not known here.
"""

import contextlib
import errno
import fcntl
import os
from collections.abc import Callable
from typing import NamedTuple, Protocol

WORTH = 64 * 1024
"""Bytes that must have come at once, and be left to come: to copy fewer is cheaper than to move them."""
STEP = 92 * 1024
"""Bytes moved at once, and so the most that is taken from one end before the other is known to take it."""
MAX_MOVED = 512 * 1024
"""Bytes moved before one read. A transport may read 32 times in one turn of the loop."""
NOT_MOVED = -1

# A pipe has a slot for each page of its size, and a packet takes one however small it is.
_PIPE_SIZE = 1024 * 1024
# Linux alone has it.
_FLAGS = getattr(os, "SPLICE_F_NONBLOCK", 0) | getattr(os, "SPLICE_F_MOVE", 0)
_UNABLE = frozenset({errno.EINVAL, errno.ENOSYS, errno.EPERM, errno.EACCES, errno.EOPNOTSUPP})
"""What says of a pair of descriptors that the kernel does not move between them, and nothing of a connection."""
_FOR_NOW = frozenset({errno.EAGAIN, errno.ENOMEM, errno.ENOBUFS})
"""What may be otherwise the next time, and says nothing of a connection either."""


class End:
    """The bare socket of one transport, as far as bytes are moved from or to it."""

    __slots__ = ("descriptor", "error")

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor
        self.error: OSError | None = None
        """How the connection broke. A socket says so once, to whoever reads or writes first: if that was done here, its
        transport sees an end of stream."""


NOWHERE = End(-1)
"""Where there is none that may be written to."""


class Moved(NamedTuple):
    """What became of bytes that were to be moved."""

    went: int
    """Bytes that went."""
    left: int
    """Bytes that were taken and did not go."""
    failed: OSError | None
    """What the source said when no more could be taken; that it has no more is BlockingIOError."""
    refused: OSError | None
    """What the target said when it took no more."""


class Passage(Protocol):
    """Who gets a long body and knows where it goes."""

    def way_on(self) -> tuple[End, int]:
        """Where the next bytes may be moved to, and how many; `NOWHERE` if they may not."""

    def moved(self, size: int) -> None:
        """So many bytes went there. Nothing may be closed, paused or written by this."""


class KernelPipe:
    """The pipe through which bytes are moved. It is empty whenever nobody moves any, so that all share one."""

    _of_process: "KernelPipe | None" = None

    def __init__(self) -> None:
        """Raises OSError if there are no descriptors for it."""
        self._out, self._into = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        with contextlib.suppress(OSError):  # more than one user may have: it works with 16 slots as well
            fcntl.fcntl(self._into, fcntl.F_SETPIPE_SZ, _PIPE_SIZE)

    @staticmethod
    def of_process() -> "KernelPipe | None":
        """The one of this process, made when it is wanted first; None while there are no descriptors, or if there is no
        splice(2).

        To be called by who carries traffic: what is forked from that would share it.
        """
        if KernelPipe._of_process is None and _FLAGS:
            with contextlib.suppress(OSError):
                KernelPipe._of_process = KernelPipe()
        return KernelPipe._of_process

    def close(self) -> None:
        """Close it; the next that is wanted is another one."""
        if KernelPipe._of_process is self:
            KernelPipe._of_process = None
        os.close(self._out)
        os.close(self._into)

    def move(self, source: int, target: int, most: int, place: bytearray) -> Moved:
        """Move up to `most` bytes that wait in one socket to another one, as far as that takes them at once.

        What was taken and did not go is then at the beginning of `place`.
        """
        went = left = 0
        failed = refused = None
        splice, into, out = os.splice, self._into, self._out
        try:
            while went < most and not left:
                size = min(most - went, STEP)
                try:
                    taken = left = splice(source, into, size, None, None, _FLAGS)
                except OSError as error:
                    failed = error
                    break
                try:
                    while left and (gone := splice(out, target, left, None, None, _FLAGS)):
                        left -= gone
                except OSError as error:
                    refused = error
                went += taken - left
                if taken < size:
                    break
            if left:
                self._take_back(place, left)
        except BaseException:
            self.close()  # what is in it belongs to nobody else
            raise
        return Moved(went, left, failed, refused)

    def _take_back(self, place: bytearray, size: int) -> None:
        with memoryview(place) as whole:
            got = 0
            while got < size:
                got += os.readv(self._out, [whole[got:size]])


class Splicer:
    """Moves on what comes from one socket."""

    __slots__ = ("_is_able", "_passage", "_source", "call_soon", "is_due")

    def __init__(
        self, source: End, passage: Passage, call_soon: Callable[[Callable[[], None]], object]
    ) -> None:
        """`source` is the socket that nobody reads from but the transport that this is asked by.

        `call_soon` is that of its loop, for what must not be done in the moment before it reads.
        """
        self._source = source
        self._passage = passage
        self.call_soon = call_soon
        self._is_able = True
        self.is_due = False
        """So much came at once that what comes next is worth moving."""

    @property
    def error(self) -> OSError | None:
        """How the connection broke, as far as that was noticed by who moved something from or to it."""
        return self._source.error

    def came(self, size: int) -> None:
        """The transport read so many bytes itself."""
        if size >= WORTH:
            self.is_due = self._is_able

    def move(self, place: bytearray) -> int:
        """Move what may be moved, in the moment before the transport reads.

        Gives how many bytes were taken from the socket and are at the beginning of `place`, as they come next, or
        `NOT_MOVED` if it was not tried. Nothing else happens in that moment: it must not be a transport's undoing.
        """
        self.is_due = False
        source = self._source
        target, most = self._passage.way_on()
        if target is NOWHERE or most < WORTH:
            return NOT_MOVED
        pipe = KernelPipe.of_process()
        if pipe is None:
            return NOT_MOVED
        moved = pipe.move(source.descriptor, target.descriptor, min(most, MAX_MOVED), place)
        if _means_unable(moved.failed) or _means_unable(moved.refused):
            self._is_able = False
        else:
            source.error = source.error or _loss(moved.failed)
            target.error = target.error or _loss(moved.refused)
        if moved.went:
            self._passage.moved(moved.went)
        self.is_due = self._is_able and moved.went >= WORTH
        return moved.left


def _means_unable(error: OSError | None) -> bool:
    return error is not None and error.errno in _UNABLE


def _loss(error: OSError | None) -> OSError | None:
    """The error, if it says that a connection broke."""
    return None if error is None or error.errno in _FOR_NOW else error
