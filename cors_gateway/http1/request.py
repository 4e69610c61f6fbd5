"""The header section of a request, read as a whole: framing, connection handling, and what is forwarded.

Pure: bytes in, `HeaderSection` out, `ProtocolFault` for everything that two parsers could read differently. What goes on
is put together from lines that were understood, never copied through as a whole.
"""

from collections.abc import Container, Hashable, Sequence
from typing import Any

from cors_gateway.http1 import request_fields as kind
from cors_gateway.http1.body import ChunkedDecoder, SizedBody
from cors_gateway.http1.cause import Cause
from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.fields import CRLF, END, REVIEW, Pattern, Section, picking, read_as_variation
from cors_gateway.http1.grammar import check_options, is_token
from cors_gateway.http1.memo import KIB, MIB, OVERHEAD, Memo, Room
from cors_gateway.http1.request_fields import FieldNames, ReadField, RequestField, folded, read_field

MAX_REMEMBERED = 4096
"""Bytes of a section whose meaning is remembered."""

_AROUND = len(CRLF + END)

# Options that are no field names.
_CONNECTION_ALONE = frozenset({b"close", b"keep-alive"})

# Fields with a meaning that the short way through the gateway minds too. One that is not here goes the long way.
_PLAIN = frozenset(
    (
        *(kind.HOST, kind.CONTENT_LENGTH, kind.TRANSFER_ENCODING, kind.CONNECTION, kind.FORWARDING),
        *(kind.ORIGIN, kind.REQUEST_METHOD, kind.REQUEST_HEADERS, kind.REQUEST_PRIVATE_NETWORK),
        *(kind.SEC_FETCH_SITE, kind.SEC_FETCH_MODE, kind.WEBSOCKET_KEY, kind.WEBSOCKET_VERSION),
    )
)

_CORS = (b"cors",)
_FOREIGN_SITES = ((b"same-site",), (b"cross-site",))

NO_BODY = 0
SIZED = 1
CHUNKED = 2


class RequestHead:
    """What a header section says. Values are as received, without surrounding white space.

    Shared by all sections that say the same, so never changed. The defaults stand on the class: an instance only holds
    what its requests have.
    """

    is_plain = False
    """There is a Host, and no field but such as every path through the gateway minds: the common case, tested once."""
    asks_preflight = False
    """An OPTIONS request with this head is a preflight."""
    host: bytes | None = None
    framing = NO_BODY
    content_length = 0
    connection: frozenset[bytes] = frozenset()
    nominated: frozenset[bytes] = frozenset()
    """Names of fields that Connection declares to be for this hop."""
    closes = False
    expects_continue = False
    connection_logins: tuple[bytes, ...] = ()
    """Schemes of Authorization that log in the connection, not the request: never share it (see `login.py`)."""
    underscored: tuple[bytes, ...] = ()
    """Names of fields that do not go on because of an underscore, unless the route's policy lists them."""
    lacks_origin = False
    """Browsers send such a request with an Origin only: something removed it on the way."""
    forwarding: tuple[ReadField, ...] = ()
    upgrade: tuple[bytes, ...] = ()
    origin: tuple[bytes, ...] = ()
    method_asked: tuple[bytes, ...] = ()
    headers_asked: tuple[bytes, ...] = ()
    private_network: tuple[bytes, ...] = ()
    sec_fetch_site: tuple[bytes, ...] = ()
    sec_fetch_mode: tuple[bytes, ...] = ()
    via: tuple[bytes, ...] = ()
    max_forwards: tuple[bytes, ...] = ()
    websocket_key: tuple[bytes, ...] = ()
    websocket_version: tuple[bytes, ...] = ()

    def body(self) -> SizedBody | ChunkedDecoder:
        """A reader for the body that follows."""
        return ChunkedDecoder(is_request=True) if self.framing == CHUNKED else SizedBody(self.content_length)


class Layout:
    """Which names stand on which lines; shared by sections that differ in values only."""

    __slots__ = ("_positions", "is_kept", "is_traced", "meaningful")

    def __init__(self, fields: list[RequestField]) -> None:
        self.is_kept = [field.is_kept for field in fields]
        """For each line whether it goes on to the backend."""
        self.meaningful = picking([field.kind > kind.DROP for field in fields])
        """Takes the fields of those lines that mean something."""
        self.is_traced = any(field.name == b"traceparent" for field in fields)
        """Whether the request belongs to a trace (W3C Trace Context)."""
        self._positions: dict[bytes, list[int]] | None = None

    def find(self, fields: list[RequestField], name: bytes) -> Sequence[int]:
        """The lines with a lower-case name; `fields` are those of a section with this layout."""
        if self._positions is None:
            self._positions = {}
            for position, field in enumerate(fields):
                self._positions.setdefault(field.name, []).append(position)
        return self._positions.get(name, ())


class HeaderSection(Section[RequestField]):
    """A header section line by line, as it goes on, and what it says."""

    __slots__ = ("head", "layout")

    def __init__(
        self,
        fields: list[RequestField],
        layout: Layout,
        head: RequestHead,
        pattern: Pattern[RequestField],
        values: Sequence[bytes] = (),
    ) -> None:
        self.fields = fields
        self.layout = layout
        self.head = head
        self.pattern = pattern
        self.values = values

    def kept_without(self, names: frozenset[bytes], is_kept: list[bool]) -> list[bool]:
        """As `is_kept`, without the lines of these names, which are `folded`, and of those that imitate them."""
        return [
            is_kept_else and folded(field.name) not in names
            for is_kept_else, field in zip(is_kept, self.fields, strict=True)
        ]

    def kept_with(self, names: Container[bytes], is_kept: list[bool]) -> list[bool]:
        """As `is_kept`, with the lines whose name has an underscore and is one of these lower-case names."""
        return [
            is_kept_anyhow
            or (
                field.kind == kind.UNDERSCORED
                and field.name in names
                and field.name not in self.head.nominated
            )
            for is_kept_anyhow, field in zip(is_kept, self.fields, strict=True)
        ]

    def values_of(self, name: bytes) -> list[bytes]:
        """The values of a field by its lower-case name (for logs and identifiers; not for decisions)."""
        return [self.lines[position][len(name) + 2 :] for position in self.layout.find(self.fields, name)]

    def value_of(self, name: bytes) -> bytes | None:
        """The first of `values_of`."""
        positions = self.layout.find(self.fields, name)
        return self.lines[positions[0]][len(name) + 2 :] if positions else None


class RequestReader:
    """Reads header sections under the limits of one listener; remembers lines across requests, and what they say."""

    __slots__ = ("_heads", "_lines", "_max_bytes", "_max_fields", "_names")

    def __init__(
        self,
        *,
        max_bytes: int,
        max_fields: int,
        origins: int = 0,
        passes_underscores: bool = False,
    ) -> None:
        """`max_bytes` bounds the section, and so each of its lines; 0 is no limit, for `max_fields` too.

        `origins` is how many sites are expected to ask: each has an Origin and a Referer of its own. A name with an
        underscore goes on if `passes_underscores`, else if the route's policy lists it (`RequestHead.underscored`).
        """
        self._max_bytes = max_bytes
        self._max_fields = max_fields
        self._names = FieldNames(passes_underscores=passes_underscores)
        self._lines: Memo[bytes, RequestField] = Memo(
            Room(entries=4096 + 2 * origins, size=8 * MIB + 2 * origins * KIB), longest=1024
        )
        self._heads: Memo[tuple[RequestField, ...], RequestHead] = Memo(
            Room(entries=1024 + origins, size=8 * MIB + 6 * origins * KIB), longest=64, cost=_cost_of_head
        )

    def read(self, block: bytes, before: HeaderSection | None = None) -> HeaderSection:
        """Read a header section: field lines joined by CRLF, without the last CRLF and the empty line.

        `before` is the section of the request before on the same connection, of which this one may be a variation.
        Raises ProtocolFault with the status to answer: 400, 417, 431 or 501.
        """
        if self._max_bytes and len(block) > self._max_bytes:
            raise ProtocolFault(Cause.HEAD_TOO_LARGE, limit=self._max_bytes)
        lines = block.split(CRLF) if block else []
        try:
            if before is not None:
                variation = read_as_variation(before, lines, self._lines, self._read_line)
                if variation is not None:
                    fields, pattern, values = variation
                    is_other = fields is not before.fields
                    head = self._head(fields, before.layout, len(block)) if is_other else before.head
                    if head.nominated == before.head.nominated:
                        return HeaderSection(fields, before.layout, head, pattern, values)
            if self._max_fields and len(lines) > self._max_fields:
                raise ProtocolFault(Cause.TOO_MANY_FIELDS, limit=self._max_fields)
            read = self._read_line
            known = self._lines.get
            fields = [known(line) or read(line) for line in lines]
            layout = Layout(fields)
            head = self._head(fields, layout, len(block))
        except ProtocolFault as fault:
            self._locate(fault, lines)
            raise
        if head.nominated:
            layout.is_kept = [field.is_kept and field.name not in head.nominated for field in fields]
        return HeaderSection(fields, layout, head, Pattern(CRLF, [field.line for field in fields], fields))

    def read_variation(self, data: bytes, at: int, before: HeaderSection) -> tuple[HeaderSection, int] | None:
        """The section that begins at `at` with the CRLF of the line before it, and where it ends with its empty line.

        Only if it has the pattern of the section before, and no fault; else find its end, and `read` it.
        """
        pattern = before.pattern
        found = pattern.values_at(data, at)
        if found is None:
            return None
        values, end = found
        size = end - at - _AROUND
        if 0 < self._max_bytes < size:
            return None
        fields, head = before.fields, before.head
        if pattern.read:
            said = pattern.said(values) if pattern.patience else None
            variant = pattern.variants.get(said) or self._variant(before, values, said, size)
            if variant is None:
                return None
            fields, head = variant
        if pattern.uses % REVIEW:
            return HeaderSection(fields, before.layout, head, pattern, values), end
        return HeaderSection(fields, before.layout, head, *pattern.reviewed(values, fields)), end

    def _variant(
        self, before: HeaderSection, values: list[bytes], said: Hashable, size: int
    ) -> tuple[list[RequestField], RequestHead] | None:
        """The fields of a section with these values, and what they say; None if it is none like the one before.

        It is remembered by what is `said`, if that is, where it was remembered for all before.
        """
        pattern, layout = before.pattern, before.layout
        pattern.missed += 1
        try:
            fields = pattern.fields_with(values, before.fields, self._lines, self._read_line)
            if fields is None:
                return None
            if fields is before.fields:
                return fields, before.head
            known = self._heads.get(layout.meaningful(fields))
            head = known or self._new_head(fields, layout, size)
        except ProtocolFault:
            return None
        if head.nominated != before.head.nominated:
            return None
        variant = fields, head
        if known is not None and said is not None and not head.nominated:
            pattern.remember(said, values, variant)
        return variant

    def _read_line(self, line: bytes) -> RequestField:
        field = read_field(line, self._names)
        self._lines.offer(line, field)
        return field

    def _locate(self, fault: ProtocolFault, lines: list[bytes]) -> None:
        """Tell a fault in which line it is, if it is one line's."""
        for at, line in enumerate(lines, start=2):
            try:
                read_field(line, self._names)
            except ProtocolFault as found:
                if found.cause is fault.cause:
                    fault.line = at
                return

    def _head(self, fields: list[RequestField], layout: Layout, size: int) -> RequestHead:
        """What the fields say that mean something."""
        return self._heads.get(layout.meaningful(fields)) or self._new_head(fields, layout, size)

    def _new_head(self, fields: list[RequestField], layout: Layout, size: int) -> RequestHead:
        """What the fields that mean something say together; remembered like the lines they were read from.

        The same line may have been read into several fields, by connections that were there before it came twice. From
        here on all have the one that is remembered, or each of them would have heads of its own remembered.
        """
        known = self._lines
        for at, field in enumerate(fields):
            if field.line in known:
                fields[at] = known[field.line]
        # So they are `ReadField`; to cast would be a call.
        read: Any = layout.meaningful(fields)
        head = self._heads.get(read)
        if head is None:
            head = RequestHead()
            _interpret(head, read)
            if size <= MAX_REMEMBERED:
                self._heads.offer(read, head)
        return head


def _cost_of_head(read: tuple[RequestField, ...], head: RequestHead) -> int:
    """Of the fields and what they say together."""
    return OVERHEAD * (2 + len(read)) + 2 * len(b"".join([field.line for field in read]))


def check_version(head: RequestHead, is_http11: bool) -> None:
    """The rules that need the version: Host is required in 1.1, Transfer-Encoding is faulty in 1.0."""
    if head.host is None and is_http11:
        raise ProtocolFault(Cause.HOST_MISSING)
    if head.framing == CHUNKED and not is_http11:
        raise ProtocolFault(Cause.TRANSFER_ENCODING_HTTP10)


def _interpret(head: RequestHead, read: Sequence[ReadField]) -> None:
    transfer_encoding: bytes | None = None
    has_length = False
    is_plain = True
    for field in read:
        what = field.kind
        if what not in _PLAIN:
            is_plain = False
        name = field.collected_as
        if name is not None:
            before = getattr(head, name)
            setattr(head, name, (*before, *field.values) if before else field.values)
            continue
        if what == kind.HOST:
            if head.host is not None:
                raise ProtocolFault(Cause.HOST_REPEATED)
            head.host = field.value
        elif what == kind.CONNECTION:
            head.connection |= field.options
        elif what == kind.CONTENT_LENGTH:
            if has_length:
                raise ProtocolFault(Cause.CONTENT_LENGTH_REPEATED)
            has_length = True
            head.content_length = field.number
        elif what == kind.TRANSFER_ENCODING:
            if transfer_encoding is not None:
                raise ProtocolFault(Cause.TRANSFER_ENCODING_REPEATED)
            transfer_encoding = field.value
        elif what == kind.EXPECT:
            head.expects_continue = True
        else:
            head.forwarding = (*head.forwarding, field)
    if transfer_encoding is not None:
        _check_transfer_encoding(transfer_encoding, has_length)
        head.framing = CHUNKED
    elif has_length:
        head.framing = SIZED
    head.is_plain = is_plain and head.host is not None
    _settle(head)


def _settle(head: RequestHead) -> None:
    if head.connection:
        check_options(head.connection)
        head.nominated = head.connection - _CONNECTION_ALONE
        head.closes = b"close" in head.connection
    head.asks_preflight = bool(head.origin and head.method_asked)
    # Fetch, "append a request Origin header": whatever is cross-origin in mode `cors` has one.
    is_foreign = head.sec_fetch_site in _FOREIGN_SITES and head.sec_fetch_mode == _CORS
    if not head.origin and (is_foreign or head.method_asked):
        head.lacks_origin = True
        head.is_plain = False


def _check_transfer_encoding(value: bytes, has_length: bool) -> None:
    """RFC 9112 6.3, refusing what it merely allows to repair. Raises ProtocolFault 400 or 501."""
    if has_length:
        raise ProtocolFault(Cause.TWO_FRAMINGS)
    if value.lower() != b"chunked":
        codings = [coding.strip(b" \t").lower() for coding in value.split(b",")]
        if codings[-1] == b"chunked" and codings.count(b"chunked") == 1 and all(map(is_token, codings)):
            raise ProtocolFault(Cause.TRANSFER_CODING)
        raise ProtocolFault(Cause.TRANSFER_ENCODING)
