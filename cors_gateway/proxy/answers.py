"""Answers that the gateway makes itself: preflights and problem documents (RFC 9457).

The one place that knows which fields they carry. On a governed route they carry the same CORS fields as the backend's
would, so that an outage is not misread as a CORS error. They never repeat a byte that the client sent.
"""

import json
from http import HTTPStatus
from typing import NamedTuple

from cors_gateway.policy.grant import Grant
from cors_gateway.proxy.response_head import CONNECTION_CLOSE

_ALLOWED_METHODS = b"Allow: GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS, QUERY\r\n"
_PROBLEM_LINES = b"Content-Type: application/problem+json\r\nCache-Control: no-store\r\n"
# What a status must or should be accompanied by (RFC 9110 15.5.6, 15.5.22, 15.6.4).
_LINES_OF_STATUS = {
    405: _ALLOWED_METHODS,
    426: b"Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n",
    503: b"Retry-After: 1\r\n",
}
_REASON_PHRASES = {status.value: status.phrase for status in HTTPStatus}
_STATUS_LINES = {
    status.value: b"HTTP/1.1 %d %b\r\n" % (status, status.phrase.encode("ascii")) for status in HTTPStatus
}


class OwnAnswer(NamedTuple):
    """An answer of the gateway's own, but for what the protocol adds: date, length, and the end of the connection."""

    status: int
    lines: bytes = b""
    """Complete field lines."""
    content: bytes = b""


OPTIONS_OF_GATEWAY = OwnAnswer(204, _ALLOWED_METHODS)
"""To OPTIONS about the gateway itself (RFC 9110 9.3.7)."""


def problem(
    status: int, reason: str, detail: str, *, cause: str = "", lines: bytes = b"", request_id: bytes = b""
) -> OwnAnswer:
    """A problem document. `reason` is the stable word for machines, `detail` a sentence for people.

    `cause` says more exactly what is wrong with the request. `lines` are further complete field lines, such as `grant_lines`.
    """
    document = {
        "type": "about:blank",
        "title": _REASON_PHRASES.get(status, "Error"),
        "status": status,
        "detail": detail,
        "reason": reason,
    }
    if cause:
        document["cause"] = cause
    if request_id:
        document["request_id"] = request_id.decode("latin-1")
    content = json.dumps(document).encode("ascii") + b"\n"
    return OwnAnswer(status, _PROBLEM_LINES + _LINES_OF_STATUS.get(status, b"") + lines, content)


def without_content(answer: OwnAnswer, lines: bytes) -> OwnAnswer:
    """For what may or may not have been a HEAD request: an empty body is right both ways. `lines` as in `problem`."""
    return OwnAnswer(answer.status, _LINES_OF_STATUS.get(answer.status, b"") + lines)


def grant_lines(grant: Grant) -> bytes:
    """The fields by which script may read an answer that the policy grants."""
    return grant.vary_line + grant.lines if grant.rewrite else b""


def render(answer: OwnAnswer, *, date_line: bytes, closes: bool, is_head_request: bool = False) -> bytes:
    """The answer in HTTP/1.1. `closes`: the connection ends with it."""
    before, after = render_around_date(answer, closes=closes, is_head_request=is_head_request)
    return before + date_line + after


def render_around_date(
    answer: OwnAnswer, *, closes: bool = False, is_head_request: bool = False
) -> tuple[bytes, bytes]:
    """What stands before and after the Date line of `render`. A 204 has no Content-Length (RFC 9110 8.6)."""
    status, lines, content = answer
    return _STATUS_LINES.get(status) or b"HTTP/1.1 %d \r\n" % status, b"".join(
        (
            lines,
            b"" if status == 204 else b"Content-Length: %d\r\n" % len(content),
            CONNECTION_CLOSE if closes else b"",
            b"\r\n",
            b"" if is_head_request else content,
        )
    )
