"""The head of a backend's response: status, framing, and which of its fields go on to the client.

Pure. CORS is not decided here: the fields of the Access-Control family, Vary and those that a policy may manage are
set apart, for `render.py` to drop, merge or keep. Everything a backend got wrong raises `ProtocolFault`; the caller
answers 502.
"""

import re
from typing import NamedTuple

from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.grammar import (
    connection_options,
    has_only_value_bytes,
    parse_content_length,
    split_field_line,
)
from cors_gateway.http1.memo import Memo

MAX_HEAD = 64 * 1024
MAX_LINE = 16 * 1024
MAX_FIELDS = 200

UNTIL_CLOSE = -1
CHUNKED = -2

_KEEP = 0
_DROP = 1
_CONTENT_LENGTH = 2
_TRANSFER_ENCODING = 3
_CONNECTION = 4
_UPGRADE = 5
_KEEP_ALIVE = 6
# Looked at, and kept or not as the policy says.
_DATE = 16
_CORS = 17
_VARY = 18
_MANAGED = 19
_END_TO_END = frozenset({_KEEP, _DATE, _CORS, _VARY, _MANAGED})

_KINDS = {
    b"content-length": _CONTENT_LENGTH,
    b"transfer-encoding": _TRANSFER_ENCODING,
    b"connection": _CONNECTION,
    b"upgrade": _UPGRADE,
    b"keep-alive": _KEEP_ALIVE,
    b"proxy-connection": _DROP,
    b"proxy-authenticate": _DROP,
    b"proxy-authorization": _DROP,
    b"proxy-authentication-info": _DROP,
    b"te": _DROP,
    b"trailer": _DROP,
    b"date": _DATE,
    b"vary": _VARY,
    b"timing-allow-origin": _MANAGED,
    b"cross-origin-resource-policy": _MANAGED,
}

_WITHOUT_BODY = frozenset({*range(100, 200), 204, 304})
_NAMES: Memo[tuple[bytes, int]] = Memo(size=1024, longest=64)
_OPTIONS: Memo[frozenset[bytes]] = Memo(size=256, longest=128)
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: (.*))?\Z", re.DOTALL)
_KEEP_ALIVE_TIMEOUT = re.compile(rb"(?:^|[,; \t])timeout=([0-9]{1,5})(?:$|[,; \t])", re.IGNORECASE)
# A backend cannot have these removed by naming them in Connection.
_CONNECTION_ALONE = frozenset({b"close", b"keep-alive"})
_NEVER_NOMINATED = (b"set-cookie", b"content-", b"cache-control", b"vary", b"access-control-")


class ResponseField:
    """One field line of a response. `line` is what the client gets, with CRLF."""

    __slots__ = ("kind", "line", "name", "value")

    def __init__(self, kind: int, name: bytes, value: bytes, line: bytes) -> None:
        self.kind = kind
        self.name = name
        self.value = value
        self.line = line

    @property
    def is_cors(self) -> bool:
        return self.kind == _CORS

    @property
    def is_vary(self) -> bool:
        return self.kind == _VARY


class ResponseHead:
    """What a response head says. The defaults stand on the class: an instance only holds what its response has."""

    start_line: bytes
    """The status line for the client, with CRLF."""
    fields: list[ResponseField]
    """The end-to-end fields in order, CORS and Vary among them."""
    length = UNTIL_CLOSE
    """Bytes of the body that follows, or UNTIL_CLOSE, or CHUNKED; what HEAD changes is the caller's."""
    content_length: int | None = None
    closes = False
    keep_alive: int | None = None
    """Seconds the backend promises to keep the idle connection (`Keep-Alive: timeout=`)."""
    upgrade: bytes | None = None
    has_no_body = False
    """The response ends with its head whatever its fields say (RFC 9112 6.3, rule 1); so does any answer to HEAD."""
    has_date = False
    has_policy_fields = False
    """Whether any field is of the CORS family, Vary, or one a policy may manage."""

    def __init__(self, status: int, start_line: bytes, fields: list[ResponseField]) -> None:
        self.status = status
        self.start_line = start_line
        self.fields = fields


class ResponseReader:
    """Reads response heads; remembers lines across responses."""

    __slots__ = ("_lines", "_status_lines")

    def __init__(self) -> None:
        self._lines: Memo[ResponseField] = Memo(size=4096, longest=1024)
        self._status_lines: Memo[_StatusLine] = Memo(size=256, longest=128)

    def read(self, head: bytes) -> ResponseHead:
        """Read a head: status line and field lines joined by CRLF, without the final CRLF CRLF."""
        lines = head.split(b"\r\n")
        if len(lines) > MAX_FIELDS + 1:
            raise ProtocolFault(502, "too many header fields")
        status_line = self._status_lines.get(lines[0]) or self._read_status_line(lines[0])
        known = self._lines.get
        del lines[0]
        fields = [known(line) or self._read_line(line) for line in lines]
        response = ResponseHead(
            status_line.status,
            status_line.start_line,
            [field for field in fields if field.kind in _END_TO_END],
        )
        if status_line.closes:
            response.closes = True
        if status_line.status in _WITHOUT_BODY:
            response.has_no_body = True
        special = [field for field in fields if field.kind]
        if special:
            _interpret(response, special, status_line.is_http11)
        return response

    def _read_status_line(self, line: bytes) -> "_StatusLine":
        status_line = _read_status_line(line)
        self._status_lines.offer(line, status_line)
        return status_line

    def _read_line(self, line: bytes) -> ResponseField:
        if len(line) > MAX_LINE:
            raise ProtocolFault(502, "header field too large")
        name, value = split_field_line(line)
        known = _NAMES.get(name)
        if known is None:
            lower = name.lower()
            kind = _CORS if lower.startswith(b"access-control-") else _KINDS.get(lower, _KEEP)
            known = (lower, kind)
            _NAMES.offer(name, known)
        lower, kind = known
        field = ResponseField(kind, lower, value, b"%b: %b\r\n" % (name, value))
        self._lines.offer(line, field)
        return field


class _StatusLine(NamedTuple):
    status: int
    start_line: bytes
    is_http11: bool
    closes: bool


def _read_status_line(line: bytes) -> _StatusLine:
    if len(line) > MAX_LINE:
        raise ProtocolFault(502, "status line too long")
    match = _STATUS_LINE.match(line)
    if match is None:
        raise ProtocolFault(502, "malformed status line")
    reason = match[3] or b""
    if not has_only_value_bytes(reason):
        raise ProtocolFault(502, "control character in the reason phrase")
    is_http11 = match[1] == b"1"
    status = int(match[2])
    # RFC 9110 15: no class of status from 600 on is defined; whoever sends one is not relied on for a second response.
    closes = not is_http11 or status >= 600
    return _StatusLine(status, b"HTTP/1.1 %d %b\r\n" % (status, reason), is_http11, closes)


def _interpret(response: ResponseHead, special: list[ResponseField], is_http11: bool) -> None:
    lengths: set[bytes] = set()
    codings: list[bytes] = []
    nominated: frozenset[bytes] = frozenset()
    for field in special:
        what = field.kind
        if what == _CONTENT_LENGTH:
            lengths.add(field.value)
        elif what == _DATE:
            response.has_date = True
        elif what > _DATE:
            response.has_policy_fields = True
        elif what == _CONNECTION:
            nominated |= _options_of(field.value)
        elif what == _TRANSFER_ENCODING:
            codings.append(field.value)
        elif what == _KEEP_ALIVE:
            if match := _KEEP_ALIVE_TIMEOUT.search(field.value):
                response.keep_alive = int(match[1])
        elif what == _UPGRADE:
            response.upgrade = field.value
    if nominated:
        _apply_connection(response, nominated, is_http11)
    if lengths or codings:
        _frame(response, lengths, codings, is_http11)


def _frame(response: ResponseHead, lengths: set[bytes], codings: list[bytes], is_http11: bool) -> None:
    """RFC 9112 6.3. Refuses every combination that two recipients could read differently."""
    if response.status < 200:  # framing fields mean nothing on an interim response; that they are there does
        response.closes = True
    elif codings:
        if lengths:
            raise ProtocolFault(502, "both Content-Length and Transfer-Encoding")
        if len(codings) > 1 or codings[0].lower() != b"chunked":
            raise ProtocolFault(502, "unsupported transfer coding")
        if not is_http11:
            raise ProtocolFault(502, "Transfer-Encoding in an HTTP/1.0 response")
        response.length = CHUNKED
    elif len(lengths) > 1:
        raise ProtocolFault(502, "differing Content-Length fields")
    else:
        response.length = response.content_length = parse_content_length(lengths.pop())


def _apply_connection(response: ResponseHead, options: frozenset[bytes], is_http11: bool) -> None:
    if b"close" in options:
        response.closes = True
    elif not is_http11 and b"keep-alive" in options and response.status < 600:
        response.closes = False
    nominated = {name for name in options - _CONNECTION_ALONE if not name.startswith(_NEVER_NOMINATED)}
    if nominated:
        response.fields = [field for field in response.fields if field.name not in nominated]


def _options_of(value: bytes) -> frozenset[bytes]:
    options = _OPTIONS.get(value)
    if options is None:
        options = connection_options(value)
        _OPTIONS.offer(value, options)
    return options
