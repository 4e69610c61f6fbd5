"""Writing to a descriptor from a thread, so that a reader who has stopped reading stops nothing but its own lines."""

import contextlib
import os
import queue
import select
import threading

CAPACITY = 8 * 1024 * 1024
"""Bytes that may wait; what comes on top is dropped and counted."""
CLOSE_SECONDS = 1.0


class BackgroundWriter:
    """Takes whole lines at once and writes them when the descriptor accepts them. Never blocks, never raises."""

    def __init__(self, descriptor: int, *, name: str, capacity: int = CAPACITY) -> None:
        self.dropped = 0
        """Lines given up because too much was waiting, or because writing failed (a full disk, a closed pipe)."""
        self._descriptor = descriptor
        self._capacity = capacity
        # Each counter is written by one thread only, so that their difference needs no lock.
        self._taken = 0
        self._done = 0
        self._queue: queue.SimpleQueue[tuple[bytes, int] | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._thread.start()

    def put(self, data: bytes, lines: int = 1) -> None:
        """Queue some lines, each with its line end."""
        if self._taken - self._done + len(data) > self._capacity:
            self.dropped += lines
            return
        self._taken += len(data)
        self._queue.put((data, lines))

    def close(self) -> None:
        """Write what is waiting, for at most a second."""
        self._queue.put(None)
        self._thread.join(CLOSE_SECONDS)

    def _run(self) -> None:
        while (item := self._queue.get()) is not None:
            data, lines = item
            if not _write(self._descriptor, data):
                self.dropped += lines
            self._done += len(data)


def _write(descriptor: int, data: bytes) -> bool:
    """Write it all; False if it had to be given up."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:
            with contextlib.suppress(OSError, ValueError):
                select.select([], [descriptor], [])
        except OSError:
            return False
    return True
