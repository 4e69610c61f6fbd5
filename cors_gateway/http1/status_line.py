"""The beginning of a response: its status line, and what can no longer become one (RFC 9112 4).

The fields that follow are in `response.py`.
"""

import re
from typing import NamedTuple

from cors_gateway.http1.cause import Cause
from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.grammar import has_only_value_bytes

_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: (.*))?\Z", re.DOTALL)
_START = b"HTTP/1."


class StatusLine(NamedTuple):
    """What a status line says, and the one that goes on."""

    status: int
    start_line: bytes
    is_http11: bool
    closes: bool


def read_status_line(line: bytes) -> StatusLine:
    """Read a status line without its CRLF. Raises ProtocolFault(502)."""
    match = _STATUS_LINE.match(line)
    if match is None or not has_only_value_bytes(line):
        raise ProtocolFault(_cause_in(line))
    reason = match[3] or b""
    is_http11 = match[1] == b"1"
    status = int(match[2])
    # RFC 9110 15: no class of status from 600 on is defined; whoever sends one is not relied on for a second response.
    closes = not is_http11 or status >= 600
    return StatusLine(status, b"HTTP/1.1 %d %b" % (status, reason), is_http11, closes)


def check_response_beginning(data: bytes, max_bytes: int) -> None:
    """Refuse the beginning of a response head that can no longer become a good one, instead of waiting for its end.

    Raises ProtocolFault.
    """
    if data[: len(_START)] != _START[: len(data)]:
        raise ProtocolFault(Cause.NOT_HTTP)
    if b"\n" in data.replace(b"\r\n", b""):
        raise ProtocolFault(Cause.BARE_LF)
    if len(data) > max_bytes + 3:  # all but the last byte of the empty line may have come
        raise ProtocolFault(Cause.HEAD_TOO_LARGE, limit=max_bytes)


def _cause_in(line: bytes) -> Cause:
    if not line.startswith(_START):
        return Cause.NOT_HTTP
    if b"\n" in line:
        return Cause.BARE_LF
    return Cause.STATUS_LINE if has_only_value_bytes(line) else Cause.CONTROL_BYTE
