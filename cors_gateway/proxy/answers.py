"""Answers that the gateway makes itself: preflights and problem documents (RFC 9457).

On a governed route they carry the same CORS fields as the backend's would, so that an outage is not misread as a CORS
error. They never repeat a byte that the client sent.
"""

import json
from http import HTTPStatus

from cors_gateway.proxy.rewrite import CONNECTION_CLOSE

_REASON_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_STATUS_LINES = {
    status.value: b"HTTP/1.1 %d %b\r\n" % (status, status.phrase.encode("ascii")) for status in HTTPStatus
}
_LINES_OF_LAST_ANSWERS = {
    426: b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
    503: b"Retry-After: 1\r\n",
}
ALLOWED_METHODS = b"Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS\r\n"


def empty_answer(status: int, *, lines: bytes, date_line: bytes, closes: bool) -> bytes:
    """An answer without content. A 204 has no framing fields (RFC 9110 8.6), any other status says length 0."""
    return b"".join(
        (
            _status_line(status),
            date_line,
            lines,
            b"" if status == 204 else b"Content-Length: 0\r\n",
            CONNECTION_CLOSE if closes else b"",
            b"\r\n",
        )
    )


def last_answer(status: int, reason: str, detail: str, date_line: bytes, request: bytes) -> bytes:
    """A problem document before a close, for a request that was not understood; `request` is how it began.

    To what may or may not count as a HEAD request an empty body is right both ways.
    """
    lines = _LINES_OF_LAST_ANSWERS.get(status, b"")
    if request[:5] == b"HEAD ":
        return empty_answer(status, lines=lines, date_line=date_line, closes=True)
    return problem(status, reason, detail, lines=lines, date_line=date_line, closes=True)


def problem(
    status: int,
    reason: str,
    detail: str,
    *,
    lines: bytes,
    date_line: bytes,
    closes: bool,
    is_head_request: bool = False,
    request_id: bytes = b"",
) -> bytes:
    """A problem document. `reason` is the stable word for machines, `detail` a sentence for people.

    `lines` are further complete header lines: the grant, Vary, Allow, Retry-After.
    """
    document = {
        "type": "about:blank",
        "title": _REASON_PHRASES.get(status, "Error"),
        "status": status,
        "detail": detail,
        "reason": reason,
    }
    if request_id:
        document["request_id"] = request_id.decode("latin-1")
    body = json.dumps(document).encode("ascii") + b"\n"
    return b"".join(
        (
            _status_line(status),
            date_line,
            b"Content-Type: application/problem+json\r\nContent-Length: %d\r\n" % len(body),
            b"Cache-Control: no-store\r\n",
            lines,
            CONNECTION_CLOSE if closes else b"",
            b"\r\n",
            b"" if is_head_request else body,
        )
    )


def _status_line(status: int) -> bytes:
    return _STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status
