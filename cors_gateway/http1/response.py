"""The head of a backend's response: status, framing, and which of its fields go on to the client.

Pure. CORS is not decided here: the fields of the Access-Control family, Vary and those that a policy may manage are
set apart, for `render.py` to drop, merge or keep. Everything a backend got wrong raises `ProtocolFault`; the caller
answers 502.
"""

import re

from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.grammar import (
    connection_options,
    has_only_value_bytes,
    parse_content_length,
    split_field_line,
)

MAX_HEAD = 64 * 1024
MAX_LINE = 16 * 1024
MAX_FIELDS = 200

MAX_REMEMBERED_LINES = 4096
MAX_REMEMBERED_LINE = 1024

UNTIL_CLOSE = -1
CHUNKED = -2

_KEEP = 0
_DROP = 1
_CONTENT_LENGTH = 2
_TRANSFER_ENCODING = 3
_CONNECTION = 4
_UPGRADE = 5
_KEEP_ALIVE = 6
# Kept or not by the policy.
_DATE = 16
_CORS = 17
_VARY = 18
_MANAGED = 19

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

_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2})(?: (.*))?\Z", re.DOTALL)
_KEEP_ALIVE_TIMEOUT = re.compile(rb"(?:^|[,; \t])timeout=([0-9]{1,5})(?:$|[,; \t])", re.IGNORECASE)
# A backend cannot have these removed by naming them in Connection.
_NEVER_NOMINATED = (b"set-cookie", b"content-", b"cache-control", b"vary", b"access-control-")


class ResponseField:
    """One field line of a response. `line` is what the client gets, without CRLF."""

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
    """What a response head says. `fields` are the end-to-end fields in order, CORS and Vary among them."""

    __slots__ = (
        "closes",
        "content_length",
        "fields",
        "has_date",
        "has_policy_fields",
        "keep_alive",
        "length",
        "reason",
        "status",
        "upgrade",
    )

    def __init__(self, status: int, reason: bytes, is_http11: bool) -> None:
        self.status = status
        self.reason = reason
        self.fields: list[ResponseField] = []
        self.length = UNTIL_CLOSE
        """Bytes of the body that follows, or UNTIL_CLOSE, or CHUNKED; what HEAD changes is the caller's."""
        self.content_length: int | None = None
        self.closes = not is_http11
        self.keep_alive: int | None = None
        """Seconds the backend promises to keep the idle connection (`Keep-Alive: timeout=`)."""
        self.upgrade: bytes | None = None
        self.has_date = False
        self.has_policy_fields = False
        """Whether any field is of the CORS family, Vary, or one a policy may manage."""


class ResponseReader:
    """Reads response heads; remembers lines across responses."""

    __slots__ = ("_lines",)

    def __init__(self) -> None:
        self._lines: dict[bytes, ResponseField] = {}

    def read(self, head: bytes) -> ResponseHead:
        """Read a head: status line and field lines joined by CRLF, without the final CRLF CRLF."""
        lines = head.split(b"\r\n")
        if len(lines) > MAX_FIELDS + 1:
            raise ProtocolFault(502, "too many header fields")
        response, is_http11 = _read_status_line(lines[0])
        known = self._lines.get
        fields = response.fields
        framing: list[ResponseField] = []
        nominated: frozenset[bytes] = frozenset()
        for line in lines[1:]:
            field = known(line)
            if field is None:
                field = self._remember(line)
            what = field.kind
            if what == _KEEP:
                fields.append(field)
            elif what >= _DATE:
                fields.append(field)
                if what == _DATE:
                    response.has_date = True
                else:
                    response.has_policy_fields = True
            elif what == _CONNECTION:
                nominated |= connection_options(field.value)
            elif what == _KEEP_ALIVE:
                if match := _KEEP_ALIVE_TIMEOUT.search(field.value):
                    response.keep_alive = int(match[1])
            elif what == _UPGRADE:
                response.upgrade = field.value
            elif what != _DROP:
                framing.append(field)
        _frame(response, framing, is_http11)
        if nominated:
            _apply_connection(response, nominated, is_http11)
        return response

    def _remember(self, line: bytes) -> ResponseField:
        if len(line) > MAX_LINE:
            raise ProtocolFault(502, "header field too large")
        name, value = split_field_line(line)
        lower = name.lower()
        kind = _CORS if lower.startswith(b"access-control-") else _KINDS.get(lower, _KEEP)
        field = ResponseField(kind, lower, value, name + b": " + value)
        if len(line) <= MAX_REMEMBERED_LINE:
            if len(self._lines) >= MAX_REMEMBERED_LINES:
                self._lines.clear()
            self._lines[line] = field
        return field


def has_no_body(status: int, is_head_request: bool) -> bool:
    """Whether the response ends with its head whatever its fields say (RFC 9112 6.3, rule 1)."""
    return is_head_request or status < 200 or status in {204, 304}


def _read_status_line(line: bytes) -> tuple[ResponseHead, bool]:
    if len(line) > MAX_LINE:
        raise ProtocolFault(502, "status line too long")
    match = _STATUS_LINE.match(line)
    if match is None:
        raise ProtocolFault(502, "malformed status line")
    reason = match[3] or b""
    if not has_only_value_bytes(reason):
        raise ProtocolFault(502, "control character in the reason phrase")
    is_http11 = match[1] == b"1"
    response = ResponseHead(int(match[2]), reason, is_http11)
    # RFC 9110 15: no such class of status is defined; whoever sends one is not relied on for a second response.
    response.closes = response.closes or response.status >= 600
    return response, is_http11


def _frame(response: ResponseHead, framing: list[ResponseField], is_http11: bool) -> None:
    """RFC 9112 6.3. Refuses every combination that two recipients could read differently."""
    if not framing:
        return
    status = response.status
    if status < 200:  # framing fields mean nothing on an interim response; that they are there does
        response.closes = True
        return
    lengths = {field.value for field in framing if field.kind == _CONTENT_LENGTH}
    codings = [field.value for field in framing if field.kind == _TRANSFER_ENCODING]
    if codings:
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
    elif not is_http11 and b"keep-alive" in options:
        response.closes = False

    def removable(name: bytes) -> bool:
        return name in options and not name.startswith(_NEVER_NOMINATED)

    response.fields = [field for field in response.fields if not removable(field.name)]
