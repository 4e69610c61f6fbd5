"""The process that workers are forked from: it has imported all that they need, and they share that memory with it.

It is ordered to fork by the supervisor, over a line of its own (`forking.py` is the other end), and reports who was
forked and who has ended. It carries no traffic and has neither an event loop nor threads, as a fork takes neither along.
"""

import contextlib
import gc
import os
import select
import signal
import socket
import struct
from collections.abc import Collection
from enum import IntEnum
from typing import NamedTuple

from cors_gateway.server.signals import reap

ORDER = struct.Struct("!I")
"""The number of a worker; its end of the channel comes with it."""
REPORT = struct.Struct("!iii")
"""An `Event`, and two integers that depend on it."""


class Event(IntEnum):
    """What is reported of a worker."""

    FORKED = 1
    """Its number, its process id."""
    REFUSED = 2
    """Its number, the errno for which it could not be forked."""
    ENDED = 3
    """Its process id, its exit code (negative: the signal)."""


class Order(NamedTuple):
    """What a worker is to be."""

    descriptor: int
    """Its end of the channel to the supervisor."""
    number: int


def await_order(line: socket.socket, *, ignored: Collection[int]) -> Order | None:
    """Fork whenever that is ordered. Returns once in every process: in a worker its order; here, at the end of the line, None.

    Until a worker handles them, it ignores the same signals as this process.
    """
    for number in ignored:
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, ignored)  # who started this process blocked them
    woken, waker = socket.socketpair()
    with line, woken, waker:
        waker.setblocking(False)
        signal.signal(signal.SIGCHLD, lambda _number, _frame: None)
        signal.set_wakeup_fd(waker.fileno(), warn_on_full_buffer=False)
        # A collection writes to what it looks at, and a page that one process writes to is shared no longer.
        gc.collect()
        gc.freeze()
        order = None
        with contextlib.suppress(ConnectionError):  # the supervisor is gone, with reports unread
            order = _fork_as_ordered(line, woken)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    return order


def _fork_as_ordered(line: socket.socket, woken: socket.socket) -> Order | None:
    waiting = select.poll()
    waiting.register(line, select.POLLIN)
    waiting.register(woken, select.POLLIN)
    while True:
        ready = {descriptor for descriptor, _ in waiting.poll()}
        if woken.fileno() in ready:
            woken.recv(4096)
        if line.fileno() in ready:
            order = _receive(line)
            if order is None:
                return None
            try:
                pid = os.fork()
            except OSError as error:
                report = REPORT.pack(Event.REFUSED, order.number, error.errno)
            else:
                if pid == 0:
                    return order
                report = REPORT.pack(Event.FORKED, order.number, pid)
            os.close(order.descriptor)
            line.sendall(report)
        # After the report that it was forked, however soon it ended.
        for pid, code in reap():
            line.sendall(REPORT.pack(Event.ENDED, pid, code))


def _receive(line: socket.socket) -> Order | None:
    data, descriptors, _, _ = socket.recv_fds(line, ORDER.size, 1)
    if not data or not descriptors:  # the kernel drops a descriptor for which there is no room here
        return None
    return Order(descriptors[0], ORDER.unpack(data)[0])
