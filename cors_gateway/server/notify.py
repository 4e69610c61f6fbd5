"""Telling the service manager in which phase the process is, by the protocol of sd_notify(3): one datagram for each.

A unit with `Type=notify` counts as started when the gateway serves, and a reload as done when it is done. Without
`NOTIFY_SOCKET` in the environment, nobody is told and nothing is spent.
"""

import logging
import socket
import time
from collections.abc import Callable, Mapping

from cors_gateway.observe.event import emit
from cors_gateway.server.lifecycle import Phase

VARIABLE = "NOTIFY_SOCKET"

Tell = Callable[[Phase], None]


def open_notifier(environ: Mapping[str, str]) -> Tell:
    """What tells the service manager named in the environment of each phase that is entered.

    It never raises and never waits: a service manager that cannot be reached is an event, and the traffic goes on.
    """
    address = environ.get(VARIABLE, "")
    if not address:
        return _tell_nobody
    if address[0] not in "/@":
        _report(address, "the address is neither a path nor an abstract socket (@name)")
        return _tell_nobody
    # An abstract socket is written with @ in place of the NUL that its name begins with.
    target = "\0" + address[1:] if address[0] == "@" else address

    def tell(phase: Phase) -> None:
        message = message_of(phase, time.clock_gettime_ns(time.CLOCK_MONOTONIC))
        if message:
            _send(target, address, message)

    return tell


def message_of(phase: Phase, now: int) -> bytes:
    """The datagram that announces `phase`, empty if there is none; `now` is CLOCK_MONOTONIC in nanoseconds.

    A reload must carry the time at which it began, so that the `READY=1` that ends it cannot be taken for an older one.
    """
    match phase:
        case Phase.READY:
            return b"READY=1\nSTATUS=serving"
        case Phase.RELOADING:
            return b"RELOADING=1\nMONOTONIC_USEC=%d\nSTATUS=reading the configuration" % (now // 1000)
        case Phase.DRAINING:
            return b"STOPPING=1\nSTATUS=finishing requests in progress"
        case Phase.STARTING | Phase.STOPPED:
            return b""


def _send(target: str, address: str, message: bytes) -> None:
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as sock:
            sock.setblocking(False)
            sock.sendto(message, target)
    except OSError as error:
        _report(address, (error.strerror or str(error)).lower())


def _report(address: str, reason: str) -> None:
    emit(
        "notify_failed",
        level=logging.WARNING,
        message=f'the service manager at {VARIABLE}="{address}" cannot be told about the state: {reason}',
    )


def _tell_nobody(phase: Phase) -> None:
    pass
