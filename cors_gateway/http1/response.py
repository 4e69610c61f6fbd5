"""The head of a backend's response: status, framing, and which of its fields go on to the client.

Pure. CORS is not decided here: the fields of the Access-Control family, Vary and those that a policy may manage are
set apart, for whoever writes the client's head to drop, merge or keep. Everything a backend got wrong raises
`ProtocolFault`; the caller answers 502.
"""

import re
from collections.abc import Sequence
from typing import cast

from cors_gateway.http1.cause import Cause
from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.fields import CRLF, END, REVIEW, Field, Pattern, Section, picking, read_as_variation
from cors_gateway.http1.grammar import (
    check_options,
    connection_options,
    parse_content_length,
    split_field_line,
)
from cors_gateway.http1.login import offers_connection_login
from cors_gateway.http1.memo import KIB, MIB, OVERHEAD, Memo, Room
from cors_gateway.http1.status_line import StatusLine, read_status_line

MAX_FIELDS = 200
MAX_REMEMBERED = 4096
"""Bytes of a head whose meaning is remembered."""

UNTIL_CLOSE = -1
CHUNKED = -2

_END_SIZE = len(END)

_KEEP = 0
_DROP = 1
_CONTENT_LENGTH = 2
_TRANSFER_ENCODING = 3
_CONNECTION = 4
_UPGRADE = 5
_KEEP_ALIVE = 6
# Looked at, and for the client, too.
_LOGIN = 15
# Only that it is there matters.
_DATE = 16
# Looked at, and kept or not as the policy says.
_CORS = 17
_VARY = 18
_MANAGED = 19
# Looked at, and made fit for the client to follow.
_PLACE = 20
_END_TO_END = frozenset({_KEEP, _LOGIN, _DATE, _CORS, _VARY, _MANAGED, _PLACE})
_CARRIED = frozenset({_KEEP, _DROP, _DATE})

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
    b"www-authenticate": _LOGIN,
    b"persistent-auth": _LOGIN,
    b"date": _DATE,
    b"vary": _VARY,
    b"timing-allow-origin": _MANAGED,
    b"cross-origin-resource-policy": _MANAGED,
    b"location": _PLACE,
    b"refresh": _PLACE,
}

_WITHOUT_BODY = frozenset({*range(100, 200), 204, 304})
_NAMES: Memo[bytes, tuple[bytes, int]] = Memo(Room(entries=1024, size=512 * KIB), longest=64)
_OPTIONS: Memo[bytes, frozenset[bytes]] = Memo(Room(entries=256, size=512 * KIB), longest=128)
_KEEP_ALIVE_TIMEOUT = re.compile(rb"(?:^|[,; \t])timeout=([0-9]{1,5})(?:$|[,; \t])", re.IGNORECASE)
# A backend cannot have these removed by naming them in Connection.
_CONNECTION_ALONE = frozenset({b"close", b"keep-alive"})
_NEVER_NOMINATED = (b"set-cookie", b"content-", b"cache-control", b"vary", b"access-control-")


class ResponseField(Field):
    """One field line of a response."""

    __slots__ = ("is_cors", "is_end_to_end", "is_vary")

    def __init__(self, kind: int, name: bytes, spelling: bytes, value: bytes) -> None:
        super().__init__(kind, name, spelling, value, is_carried=kind in _CARRIED)
        self.is_end_to_end = kind in _END_TO_END
        self.is_cors = kind == _CORS
        self.is_vary = kind == _VARY


class ReadResponseField(ResponseField):
    """A field whose value has a meaning."""

    __slots__ = ("value",)

    def __init__(self, kind: int, name: bytes, spelling: bytes, value: bytes) -> None:
        super().__init__(kind, name, spelling, value)
        self.value = value


class ResponseHead:
    """What a response head says; shared by all that say the same, so never changed.

    The defaults stand on the class: an instance only holds what its response has.
    """

    start_line: bytes
    """The status line for the client, without CRLF."""
    length = UNTIL_CLOSE
    """Bytes of the body that follows, or UNTIL_CLOSE, or CHUNKED; what HEAD changes is the caller's."""
    content_length: int | None = None
    closes = False
    nominated: frozenset[bytes] = frozenset()
    """Names of fields that Connection declares to be for this hop."""
    keep_alive: int | None = None
    """Seconds the backend promises to keep the idle connection (`Keep-Alive: timeout=`)."""
    upgrade: bytes | None = None
    """Hop by hop, except that a 426 without it says nothing (RFC 9110 15.5.22): whoever relays one writes it anew."""
    has_no_body = False
    """The response ends with its head whatever its fields say (RFC 9112 6.3, rule 1); so does any answer to HEAD."""
    is_connection_login = False
    """The backend logs in the connection, not the request (RFC 4559 6): never share it."""
    policy_fields: tuple[ReadResponseField, ...] = ()
    """The fields of the CORS family, Vary, those that a policy may manage, and those that name a place to go."""

    def __init__(self, status: int, start_line: bytes) -> None:
        self.status = status
        self.start_line = start_line

    @property
    def announces_body(self) -> bool:
        """Whether a 204, which has no body, says that it has one: its bytes may still be on the way."""
        return self.status == 204 and (self.length > 0 or self.length == CHUNKED)


class ResponseLayout:
    """Which names stand on which lines; shared by sections that differ in values only."""

    __slots__ = ("has_date", "is_end_to_end", "meaningful")

    def __init__(self, fields: list[ResponseField]) -> None:
        self.is_end_to_end = [field.is_end_to_end for field in fields]
        """For each line whether it is for the client, too."""
        self.meaningful = picking([not field.carried_prefix for field in fields])
        """Takes the fields of those lines that mean something."""
        self.has_date = any(field.kind == _DATE for field in fields)


class ResponseSection(Section[ResponseField]):
    """A response head line by line, as it goes on, and what it says."""

    __slots__ = ("head", "layout")

    def __init__(
        self,
        fields: list[ResponseField],
        layout: ResponseLayout,
        head: ResponseHead,
        pattern: Pattern[ResponseField],
        values: Sequence[bytes] = (),
    ) -> None:
        self.fields = fields
        self.layout = layout
        self.head = head
        self.pattern = pattern
        self.values = values

    @property
    def is_event_stream(self) -> bool:
        """Whether what follows has no end and may wait long for what it has to say (HTML, "server-sent events")."""
        kinds = [value.partition(b";")[0].strip().lower() for value in self.values_of(b"content-type")]
        return kinds == [b"text/event-stream"]

    def values_of(self, name: bytes) -> list[bytes]:
        """The values of a field by its lower-case name."""
        pairs = zip(self.fields, self.lines, strict=True)
        return [line[len(name) + 2 :] for field, line in pairs if field.name == name]


class ResponseReader:
    """Reads response heads; remembers lines across responses, and what they say."""

    __slots__ = ("_heads", "_lines", "_status_lines")

    def __init__(self) -> None:
        self._lines: Memo[bytes, ResponseField] = Memo(Room(entries=4096, size=4 * MIB), longest=1024)
        self._status_lines: Memo[bytes, StatusLine] = Memo(Room(entries=256, size=512 * KIB), longest=128)
        self._heads: Memo[tuple[object, ...], ResponseHead] = Memo(
            Room(entries=1024, size=4 * MIB), longest=64, cost=_cost_of_head
        )

    def read(self, head: bytes, before: ResponseSection | None = None) -> ResponseSection:
        """Read a head: status line and field lines joined by CRLF, without the final CRLF CRLF.

        `before` is the response before on the same connection, of which this one may be a variation. Raises
        ProtocolFault(502).
        """
        lines = head.split(CRLF)
        status_line = lines.pop(0)
        try:
            if before is not None and before.pattern.start[:-2] == status_line:
                variation = read_as_variation(before, lines, self._lines, self._read_line)
                if variation is not None:
                    fields, pattern, values = variation
                    said = before.head
                    if fields is not before.fields:
                        said = self._head(status_line, fields, before.layout, len(head))
                    if said.nominated == before.head.nominated:
                        return ResponseSection(fields, before.layout, said, pattern, values)
            if len(lines) > MAX_FIELDS:
                raise ProtocolFault(Cause.TOO_MANY_FIELDS, limit=MAX_FIELDS)
            read = self._read_line
            known = self._lines.get
            fields = [known(line) or read(line) for line in lines]
            layout = ResponseLayout(fields)
            said = self._head(status_line, fields, layout, len(head))
        except ProtocolFault as fault:
            _locate(fault, status_line, lines)
            raise
        if said.nominated:
            layout.is_end_to_end = [
                field.is_end_to_end and field.name not in said.nominated for field in fields
            ]
        pattern = Pattern(status_line + CRLF, [field.line for field in fields], fields)
        return ResponseSection(fields, layout, said, pattern)

    def read_variation(
        self, data: bytes, before: ResponseSection, max_bytes: int
    ) -> tuple[ResponseSection, int] | None:
        """The head that `data` begins with, and where it ends with its empty line.

        Only if it has the pattern of the head before, and no fault; else find its end, and `read` it. Where only
        carried values differ it is `before` itself, which has them from now on: nobody else holds it by then.
        """
        pattern = before.pattern
        found = pattern.values_at(data, 0)
        if found is None:
            return None
        values, end = found
        if end - _END_SIZE > max_bytes:
            return None
        fields, head = before.fields, before.head
        if pattern.read:
            try:
                varied = pattern.fields_with(values, fields, self._lines, self._read_line)
                if varied is None:
                    return None
                if varied is not fields:
                    fields, head = varied, self._head(pattern.start[:-2], varied, before.layout, end)
            except ProtocolFault:
                return None
            if head.nominated != before.head.nominated:
                return None
        if not pattern.uses % REVIEW:
            return ResponseSection(fields, before.layout, head, *pattern.reviewed(values, fields)), end
        if fields is not before.fields:
            return ResponseSection(fields, before.layout, head, pattern, values), end
        before.values = values
        return before, end

    def _head(
        self, received: bytes, fields: list[ResponseField], layout: ResponseLayout, size: int
    ) -> ResponseHead:
        """What the status line and the fields that mean something say together."""
        read = layout.meaningful(fields)
        status_line = self._status_lines.get(received)
        if status_line is None:
            status_line = read_status_line(received)
            self._status_lines.offer(received, status_line)
        key = (status_line, read)
        head = self._heads.get(key)
        if head is None:
            head = ResponseHead(status_line.status, status_line.start_line)
            _interpret(head, cast("tuple[ReadResponseField, ...]", read), status_line)
            if size <= MAX_REMEMBERED:
                self._heads.offer(key, head)
        return head

    def _read_line(self, line: bytes) -> ResponseField:
        field = _read_field(line)
        self._lines.offer(line, field)
        return field


def _cost_of_head(key: tuple[object, ...], head: ResponseHead) -> int:
    """Of the fields and what they say together."""
    read = cast("tuple[ReadResponseField, ...]", key[1])
    return OVERHEAD * (2 + len(read)) + 2 * len(b"".join([field.line for field in read]))


def _locate(fault: ProtocolFault, status_line: bytes, lines: list[bytes]) -> None:
    """Tell a fault in which line it is, if it is one line's."""
    for at, line in enumerate((status_line, *lines), start=1):
        try:
            _read_field(line) if at > 1 else read_status_line(line)
        except ProtocolFault as found:
            if found.cause is fault.cause:
                fault.line = at
            return


def _read_field(line: bytes) -> ResponseField:
    name, value = split_field_line(line)
    known = _NAMES.get(name)
    if known is None:
        lower = name.lower()
        kind = _CORS if lower.startswith(b"access-control-") else _KINDS.get(lower, _KEEP)
        known = (lower, kind)
        _NAMES.offer(name, known)
    lower, kind = known
    return (ResponseField if kind in _CARRIED else ReadResponseField)(kind, lower, name, value)


def _interpret(response: ResponseHead, read: Sequence[ReadResponseField], status_line: StatusLine) -> None:
    response.closes = status_line.closes
    response.has_no_body = status_line.status in _WITHOUT_BODY
    is_http11 = status_line.is_http11
    lengths: set[bytes] = set()
    codings: list[bytes] = []
    nominated: frozenset[bytes] = frozenset()
    policy_fields = []
    for field in read:
        what = field.kind
        if what == _CONTENT_LENGTH:
            lengths.add(field.value)
        elif what > _DATE:
            policy_fields.append(field)
        elif what == _CONNECTION:
            nominated |= _options_of(field.value)
        elif what == _TRANSFER_ENCODING:
            codings.append(field.value)
        elif what == _KEEP_ALIVE:
            if match := _KEEP_ALIVE_TIMEOUT.search(field.value):
                response.keep_alive = int(match[1])
        elif what == _UPGRADE:
            response.upgrade = b", ".join(filter(None, (response.upgrade, field.value)))
        elif what == _LOGIN:
            response.is_connection_login |= _is_connection_login(field)
    if nominated:
        check_options(nominated)
        _apply_connection(response, nominated, is_http11)
    response.policy_fields = tuple(field for field in policy_fields if field.name not in response.nominated)
    if lengths or codings:
        _frame(response, lengths, codings, is_http11)


def _is_connection_login(field: ReadResponseField) -> bool:
    """Whether WWW-Authenticate or Persistent-Auth says that the backend takes the connection for the user."""
    if field.name == b"persistent-auth":
        return field.value.lower() == b"true"
    return offers_connection_login(field.value)


def _frame(response: ResponseHead, lengths: set[bytes], codings: list[bytes], is_http11: bool) -> None:
    """RFC 9112 6.3. Refuses every combination that two recipients could read differently."""
    if response.status < 200:  # framing fields mean nothing on an interim response; that they are there does
        response.closes = True
    elif codings:
        if lengths:
            raise ProtocolFault(Cause.TWO_FRAMINGS)
        if len(codings) > 1:
            raise ProtocolFault(Cause.TRANSFER_ENCODING_REPEATED)
        if codings[0].lower() != b"chunked":
            raise ProtocolFault(Cause.TRANSFER_CODING)
        if not is_http11:
            raise ProtocolFault(Cause.TRANSFER_ENCODING_HTTP10)
        response.length = CHUNKED
    elif len(lengths) > 1:
        raise ProtocolFault(Cause.CONTENT_LENGTH_REPEATED)
    else:
        response.length = response.content_length = parse_content_length(lengths.pop())


def _apply_connection(response: ResponseHead, options: frozenset[bytes], is_http11: bool) -> None:
    if b"close" in options:
        response.closes = True
    elif not is_http11 and b"keep-alive" in options and response.status < 600:
        response.closes = False
    named = options - _CONNECTION_ALONE
    response.nominated = frozenset(name for name in named if not name.startswith(_NEVER_NOMINATED))


def _options_of(value: bytes) -> frozenset[bytes]:
    options = _OPTIONS.get(value)
    if options is None:
        options = connection_options(value)
        _OPTIONS.offer(value, options)
    return options
