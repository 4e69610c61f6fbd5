"""The supervisor's side of the process that workers are forked from (`fork_server.py`): started when it is first needed,
and again when it has ended; workers go on without it.
"""

import asyncio
import contextlib
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from cors_gateway.server.fork_server import ORDER, REPORT, Event
from cors_gateway.server.signals import HANDLED
from cors_gateway.server.startup_error import StartupError

FORK_SECONDS = 60.0
"""To import everything, on a machine that is busy."""
QUIT_SECONDS = 2.0
NEWS_SECONDS = 0.05
READ_SIZE = 4096


@dataclass(frozen=True, slots=True)
class Child:
    """A process that was forked."""

    pid: int
    exit_code: asyncio.Future[int | None]
    """Negative: the signal. None if it ended and nobody was there to see how."""


class ForkServer:
    """To be made in the running loop."""

    def __init__(self, program: Sequence[str]) -> None:
        """`program` is called with the number of an open socket: the line."""
        self._program = program
        self._line: socket.socket | None = None
        self._incoming = bytearray()
        self._ordered: dict[int, asyncio.Future[Child]] = {}
        self._children: dict[int, asyncio.Future[int | None]] = {}
        self._processes: dict[int, subprocess.Popen[bytes]] = {}
        """By process id: the one at the other end of the line, and any before it that have not been reaped."""

    async def fork(self, number: int, descriptor: int) -> Child:
        """A process that becomes the worker of this number and has the descriptor. Raises OSError, StartupError."""
        line = self._line or self._start()
        future: asyncio.Future[Child] = asyncio.get_running_loop().create_future()
        self._ordered[number] = future
        try:
            socket.send_fds(line, [ORDER.pack(number)], [descriptor])
            async with asyncio.timeout(FORK_SECONDS):
                return await future
        except TimeoutError:
            self._hang_up()
            raise StartupError(f"no process was forked in {FORK_SECONDS:.0f} s") from None
        finally:
            del self._ordered[number]

    def ended(self, pid: int, code: int) -> bool:
        """To be called for every child of this process that was reaped; returns whether it was a fork server.

        Workers that have lost theirs become children of this process if it is the first of a container.
        """
        process = self._processes.pop(pid, None)
        if process is None:
            self._child_ended(pid, code)
            return False
        process.returncode = code
        return True

    async def close(self) -> None:
        """End it. Workers are not touched."""
        self._hang_up()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(QUIT_SECONDS):
                while self._processes:  # noqa: ASYNC110 - `ended` is called from a signal's handler
                    await asyncio.sleep(0.001)
        for process in self._processes.values():
            process.kill()

    def _start(self) -> socket.socket:
        ours, theirs = socket.socketpair()
        try:
            with theirs, _blocked(HANDLED):
                process = subprocess.Popen(  # noqa: S603 - this program itself
                    [*self._program, str(theirs.fileno())],
                    stdin=subprocess.DEVNULL,
                    env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
                    pass_fds=[theirs.fileno()],
                )
        except BaseException:
            ours.close()
            raise
        ours.setblocking(False)
        self._processes[process.pid] = process
        self._line = ours
        self._incoming.clear()
        asyncio.get_running_loop().add_reader(ours.fileno(), self._read, ours)
        return ours

    def _read(self, line: socket.socket) -> None:
        try:
            data = line.recv(READ_SIZE)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            self._hang_up()
            return
        self._incoming += data
        whole = len(self._incoming) // REPORT.size * REPORT.size
        for event, subject, value in REPORT.iter_unpack(self._incoming[:whole]):
            self._take(event, subject, value)
        del self._incoming[:whole]

    def _take(self, event: int, subject: int, value: int) -> None:
        if event == Event.ENDED:
            self._child_ended(subject, value)
            return
        # Who does not wait any longer has closed the channel, and the worker ends by itself.
        future = self._ordered.get(subject)
        if event == Event.REFUSED:
            if future is not None and not future.done():
                future.set_exception(OSError(value, os.strerror(value)))
            return
        exit_code = self._children[value] = asyncio.get_running_loop().create_future()
        if future is not None and not future.done():
            future.set_result(Child(value, exit_code))

    def _watch(self, pid: int) -> None:
        """Nobody reports the end of this child any more: see it ourselves."""
        loop = asyncio.get_running_loop()
        try:
            descriptor = os.pidfd_open(pid)
        except ProcessLookupError:
            self._child_ended(pid, None)
            return
        except OSError:  # no descriptor left: whoever waits for it gives up after a while
            return

        def ended() -> None:
            loop.remove_reader(descriptor)
            os.close(descriptor)
            # As the first process of a container we are told how it ended, in a moment.
            loop.call_later(NEWS_SECONDS, self._child_ended, pid, None)

        loop.add_reader(descriptor, ended)

    def _child_ended(self, pid: int, code: int | None) -> None:
        exit_code = self._children.pop(pid, None)
        if exit_code is not None and not exit_code.done():
            exit_code.set_result(code)

    def _hang_up(self) -> None:
        """It ends when the line does."""
        line, self._line = self._line, None
        if line is None:
            return
        asyncio.get_running_loop().remove_reader(line.fileno())
        line.close()
        for pid in list(self._children):
            self._watch(pid)
        for future in self._ordered.values():
            if not future.done():
                future.set_exception(StartupError("the process that forks workers has ended"))


@contextlib.contextmanager
def _blocked(signals: Collection[signal.Signals]) -> Iterator[None]:
    """Let who is started meanwhile begin with these blocked: they would end it before it ignores them."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, signals)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
