"""The signals of the process as things to wait for: SIGTERM, SIGINT and SIGQUIT stop, a second one at once; SIGHUP
reloads. Those that other servers give a meaning (reopen the log, upgrade) are ignored: left alone they end a process.
"""

import asyncio
import contextlib
import os
import signal
from collections.abc import Callable

from cors_gateway.observe.event import emit

STOPS = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
"""SIGQUIT drains, as it does in nginx."""
IGNORED = (signal.SIGUSR1, signal.SIGUSR2, signal.SIGALRM)
HANDLED = (*STOPS, signal.SIGHUP, *IGNORED)
"""What a terminal or an operator may send to all processes of the group."""
INIT = 1
ECHO_SECONDS = 0.1
"""A signal so soon after the first is the same one, sent to the process and to its group (as timeout(1) does)."""


class Signals:
    """Handlers of the running loop, in place from the constructor on: before that, the kernel's defaults hold."""

    def __init__(self) -> None:
        self.stop = asyncio.Event()
        self.hurry = asyncio.Event()
        """Set by the second signal that says stop."""
        self.on_reload = _ignore
        """Called for SIGHUP, which must stay handled to the end: left alone it would end the process."""
        self._stopped_at = 0.0
        self._loop = asyncio.get_running_loop()
        for number in STOPS:
            self._loop.add_signal_handler(number, self._on_stop, number.name)
        for number in IGNORED:
            self._loop.add_signal_handler(number, _ignore)
        self._loop.add_signal_handler(signal.SIGHUP, self._on_hangup)

    def _on_stop(self, name: str) -> None:
        now = self._loop.time()
        if not self.stop.is_set():
            self._stopped_at = now
            self.stop.set()
        elif now - self._stopped_at < ECHO_SECONDS:
            return
        else:
            self.hurry.set()
        emit("signal", name=name)

    def _on_hangup(self) -> None:
        self.on_reload()


def on_child_end(react: Callable[[], object]) -> None:
    """Call `react` in the running loop whenever a child has ended.

    Not by `add_signal_handler`: uvloop keeps SIGCHLD for its own subprocesses, of which there are none here.
    """
    loop = asyncio.get_running_loop()

    def tell_loop(number: int, frame: object) -> None:
        with contextlib.suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(react)

    signal.signal(signal.SIGCHLD, tell_loop)


def reap_orphans() -> None:
    """Take care of processes that were left to us, if we are the first process of a container.

    Only for a process without children of its own, whose exit codes this would swallow.
    """
    if os.getpid() == INIT:
        on_child_end(reap)


def reap() -> list[tuple[int, int]]:
    """Collect all children that have ended: their process ids and exit codes (negative: the signal)."""
    ended: list[tuple[int, int]] = []
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return ended
        if pid == 0:
            return ended
        ended.append((pid, os.waitstatus_to_exitcode(status)))


def _ignore() -> None:
    pass
