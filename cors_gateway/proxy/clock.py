"""One coarse clock per process: the time, the Date field, and the sweep over deadlines.

Reading the time, formatting a date or arming a timer for every request would cost more than forwarding it. Instead
one timer ticks a few times a second; connections only store the moment by which something must have happened.
"""

import asyncio
import time
from email.utils import formatdate
from typing import Protocol

NEVER = float("inf")
COARSEST_TICK = 0.25
FINEST_TICK = 0.02
STANDSTILL = 1.0
"""Seconds by which a tick is late when the process was stopped, or its machine was."""


class HasDeadline(Protocol):
    """Something that must have happened by `deadline` (in the clock's seconds), or `on_deadline` is called."""

    deadline: float

    def on_deadline(self) -> None: ...

    def stood_still(self, seconds: float) -> None:
        """The process did nothing for so long, and heard nobody: a time that others are given is longer by that."""


class CoarseClock:
    """The time as of the last tick. Deadlines fire within one tick of their moment, never a tick early."""

    def __init__(self, loop: asyncio.AbstractEventLoop, tick: float = COARSEST_TICK) -> None:
        self._loop = loop
        self.call_soon = loop.call_soon
        self._timer: asyncio.TimerHandle | None = None
        self.tick = tick
        self.now = time.monotonic()
        self.date_line = _date_line()
        """A complete Date line; a new object each second, so that `is` tells whether it is still the same."""
        self._date_second = int(time.time())
        self.watched: set[HasDeadline] = set()

    def start(self) -> None:
        self._tick()

    def stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        before, self.now = self.now, time.monotonic()
        now = self.now
        second = int(time.time())
        if second != self._date_second:
            self._date_second = second
            self.date_line = _date_line()
        # First of all, so that the clock goes on whatever becomes of the sweep.
        self._timer = self._loop.call_later(self.tick, self._tick)
        if now - before > self.tick + STANDSTILL:
            # What has arrived meanwhile is read before anybody is told that nothing did.
            for item in self.watched:
                item.stood_still(now - before)
        self.sweep()

    def sweep(self) -> None:
        """Tell everybody whose deadline has come."""
        now = self.now
        for item in [item for item in self.watched if item.deadline <= now]:
            if item.deadline <= now:  # one that went before may have put it off
                item.on_deadline()


def tick_for(*timeouts: float) -> float:
    """A tick fine enough for the shortest of the configured timeouts (seconds)."""
    shortest = min((timeout for timeout in timeouts if timeout > 0), default=COARSEST_TICK)
    return max(FINEST_TICK, min(COARSEST_TICK, shortest / 8))


def _date_line() -> bytes:
    return b"Date: " + formatdate(usegmt=True).encode("ascii") + b"\r\n"
