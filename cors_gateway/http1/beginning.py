"""The beginning of a request while its head is not complete, and what of several faults counts.

A head may come in one piece or byte by byte, and the answer must be the same (RFC 9112 2.2). So of the faults in a head
the one counts that shows first as its bytes come: a byte that may not stand in a head, a request line that is
malformed or too long, a header section that is too large. Only then its fields count, which are read when all are there.
"""

import re

from cors_gateway.http1.cause import Cause
from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.request_line import parse_request_line

MAX_EMPTY_LINES = 4
"""Empty lines before a request line that are overlooked (RFC 9112 2.2)."""

_HEAD_BYTES = bytes([0x09, 0x0A, 0x0D, *range(0x20, 0x7F), *range(0x80, 0x100)])
_BAD_BYTE = re.compile(rb"\r(?!\n)(?!\Z)|(?<!\r)\n|[^\t\n\r\x20-\x7e\x80-\xff]")
_ENDINGS = {b"\r": Cause.BARE_CR, b"\n": Cause.BARE_LF}


def after_empty_lines(data: bytes) -> int:
    """Where the request line begins after the empty lines at the beginning; -1 if that cannot be told yet.

    Until it can, the empty lines are to be kept: their number and their time are bounded like those of a head. Raises
    ProtocolFault(400) for too many of them.
    """
    start = 0
    while data.startswith(b"\r\n", start):
        start += 2
        if start > 2 * MAX_EMPTY_LINES:
            raise ProtocolFault(Cause.EMPTY_LINES, limit=MAX_EMPTY_LINES)
    return -1 if data[start:] in {b"", b"\r"} else start


def check_beginning(data: bytes, max_bytes: int, fresh: int = 0) -> None:
    """Refuse the beginning of a head that can no longer become a good one, instead of waiting for its end.

    `max_bytes` bounds the request line and the header section, 0 for no limit. `fresh` is how many bytes at the end have
    come since this was asked before; 0 means all. Raises ProtocolFault: 400 for control
    bytes, bare line ends or a bad request line, 414 or 431 for too long a beginning. Empty lines at the beginning have
    been looked at by `after_empty_lines`.
    """
    if data[:2] == b"\r\n":
        return
    known = len(data) - fresh if 0 < fresh < len(data) else 0
    new = data[known - data.endswith(b"\r", 0, known) :]
    ends = new.count(b"\r\n")
    line_end = data.find(b"\r\n")
    if (
        new.translate(None, _HEAD_BYTES)
        or new.count(b"\n") != ends
        or new.count(b"\r") - ends > new.endswith(b"\r")
        or not data[:1].translate(None, b" \t")
        or 0 < max_bytes < len(data) - (line_end + 2 if line_end >= 0 else 0)
    ):
        fault = first_fault(data, max_bytes)
        if fault is not None:
            raise fault
    elif line_end + 2 > known and line_end > 0:
        _parse(data[:line_end])


def first_fault(data: bytes, max_bytes: int) -> ProtocolFault | None:
    """The fault of a head, complete or not, that shows first as its bytes come; None if there is none yet.

    Faults of fields and of the head as a whole are not looked for. `max_bytes` as in `check_beginning`; `data` begins
    with the request line and holds nothing that follows the head.
    """
    if data[:1] in {b" ", b"\t"}:
        return ProtocolFault(Cause.LEADING_BLANK)
    bad = _BAD_BYTE.search(data)
    # How many bytes it takes to see it.
    seen = len(data) + 1
    fault: ProtocolFault | None = None
    if bad is not None:
        seen = bad.end() + (bad[0] == b"\r")
        fault = ProtocolFault(_ENDINGS.get(bad[0], Cause.CONTROL_BYTE))
    line_end = data.find(b"\r\n")
    if max_bytes:
        limit, ending, cause = max_bytes, b"\r\n", Cause.REQUEST_LINE_TOO_LONG
        if 0 <= line_end <= max_bytes:
            limit, ending, cause = line_end + 2 + max_bytes, b"\r\n\r\n", Cause.HEAD_TOO_LARGE
            if data.startswith(b"\r\n", line_end + 2):  # no fields
                limit = len(data)
        exceeded = _exceeded(data, limit, ending)
        if 0 < exceeded < seen:
            seen = exceeded
            fault = ProtocolFault(cause, limit=max_bytes)
    if 0 <= line_end < seen - 1:
        try:
            _parse(data[:line_end])
        except ProtocolFault as found:
            return found
    return fault


def first_of(fault: ProtocolFault, data: bytes, max_bytes: int) -> ProtocolFault:
    """Of a fault and those that show before it in the head at the beginning of `data` the one that counts."""
    end = data.find(b"\r\n\r\n")
    head = data if end < 0 else data[: end + 4]
    return fault if data[:2] == b"\r\n" else first_fault(head, max_bytes) or fault


def _parse(line: bytes) -> None:
    try:
        parse_request_line(line)
    except ProtocolFault as fault:
        fault.line = 1
        raise


def _exceeded(data: bytes, limit: int, ending: bytes) -> int:
    """How many bytes show that more than `limit` come before `ending`; 0 if that is not shown."""
    for at, byte in enumerate(ending, start=limit):
        if at >= len(data):
            return 0
        if data[at] != byte:
            return at + 1
    return 0
