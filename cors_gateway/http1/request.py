"""The header section of a request, read as a whole: framing, connection handling, and what is forwarded.

Pure: bytes in, `RequestHead` out, `ProtocolFault` for everything that two parsers could read differently. The head is
rebuilt from what was understood, never copied through.
"""

import base64
import binascii

from cors_gateway.http1 import request_fields as kind
from cors_gateway.http1.body import ChunkedDecoder, SizedBody
from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.grammar import is_token
from cors_gateway.http1.memo import Memo
from cors_gateway.http1.request_fields import RequestField, SpecialField, read_field

# Options that are no field names.
_CONNECTION_ALONE = frozenset({b"close", b"keep-alive"})

NO_BODY = 0
SIZED = 1
CHUNKED = 2


class RequestHead:
    """What a header section says. Values are as received, without surrounding white space.

    The defaults stand on the class: an instance only holds what its request has.
    """

    fields: list[RequestField]
    """All fields in the order received, those that are not forwarded (`is_kept`) among them."""
    is_plain = True
    """There is a Host, and nothing that asks for special treatment: the common case, tested once."""
    host: bytes | None = None
    framing = NO_BODY
    content_length = 0
    connection: frozenset[bytes] = frozenset()
    closes = False
    expects_continue = False
    forwarding: tuple[RequestField, ...] = ()
    upgrade: tuple[bytes, ...] = ()
    origin: tuple[bytes, ...] = ()
    method_asked: tuple[bytes, ...] = ()
    headers_asked: tuple[bytes, ...] = ()
    private_network: tuple[bytes, ...] = ()
    sec_fetch_site: tuple[bytes, ...] = ()
    via: tuple[bytes, ...] = ()
    max_forwards: tuple[bytes, ...] = ()
    request_id: tuple[bytes, ...] = ()
    websocket_key: tuple[bytes, ...] = ()
    websocket_version: tuple[bytes, ...] = ()
    traceparent: tuple[bytes, ...] = ()

    def __init__(self, fields: list[RequestField]) -> None:
        self.fields = fields

    def kept_lines(self, *, without_origin: bool = False) -> list[bytes]:
        """The lines that go on to the backend, each with its CRLF."""
        if without_origin:
            return [field.line for field in self.fields if field.is_kept and field.name != b"origin"]
        return [field.line for field in self.fields if field.is_kept]

    def body(self) -> SizedBody | ChunkedDecoder:
        """A reader for the body that follows."""
        return ChunkedDecoder(is_request=True) if self.framing == CHUNKED else SizedBody(self.content_length)

    def value_of(self, name: bytes) -> bytes | None:
        """The first value of a field by its lower-case name (for logs; not for decisions)."""
        return next((field.value for field in self.fields if field.name == name), None)


class RequestReader:
    """Reads header sections under the limits of one listener; remembers lines across requests."""

    __slots__ = ("_lines", "_max_bytes", "_max_fields")

    def __init__(self, *, max_bytes: int, max_fields: int) -> None:
        self._max_bytes = max_bytes
        self._max_fields = max_fields
        self._lines: Memo[RequestField] = Memo(size=4096, longest=1024)

    @property
    def max_bytes(self) -> int:
        """Bytes of a header section; 0 is no limit."""
        return self._max_bytes

    def read(self, block: bytes) -> RequestHead:
        """Read a header section: field lines joined by CRLF, without the last CRLF and the empty line.

        Raises ProtocolFault with the status to answer: 400, 417, 431 or 501.
        """
        if self._max_bytes and len(block) > self._max_bytes:
            raise ProtocolFault(431, "header section too large")
        lines = block.split(b"\r\n") if block else []
        if self._max_fields and len(lines) > self._max_fields:
            raise ProtocolFault(431, "too many header fields")
        known = self._lines.get
        fields = [known(line) or self._read_line(line) for line in lines]
        head = RequestHead(fields)
        _interpret(head, [field for field in fields if isinstance(field, SpecialField)])
        return head

    def _read_line(self, line: bytes) -> RequestField:
        field = read_field(line)
        self._lines.offer(line, field)
        return field


def check_version(head: RequestHead, is_http11: bool) -> None:
    """The rules that need the version: Host is required in 1.1, Transfer-Encoding is faulty in 1.0."""
    if head.host is None and is_http11:
        raise ProtocolFault(400, "missing Host")
    if head.framing == CHUNKED and not is_http11:
        raise ProtocolFault(400, "Transfer-Encoding in an HTTP/1.0 request")


def is_websocket(method: bytes, head: RequestHead, is_http11: bool) -> bool:
    """Whether this is a WebSocket handshake to be relayed (RFC 6455 4.2.1).

    Raises ProtocolFault 400 or 426 for a request that asks for `websocket` and is not a valid handshake. Any other
    protocol in Upgrade, and an Upgrade that Connection does not name, is ignored: the request is served as it is.
    """
    if b"upgrade" not in head.connection or not is_http11:
        return False
    if len(head.upgrade) != 1 or head.upgrade[0].lower() != b"websocket":
        return False
    if method != b"GET" or head.framing != NO_BODY:
        raise ProtocolFault(400, "WebSocket handshake with another method than GET, or with a body")
    if head.websocket_version != (b"13",):
        raise ProtocolFault(426 if head.websocket_version else 400, "WebSocket version is not 13")
    if len(head.websocket_key) != 1 or not _is_websocket_key(head.websocket_key[0]):
        raise ProtocolFault(400, "malformed Sec-WebSocket-Key")
    return True


def _interpret(head: RequestHead, special: list[SpecialField]) -> None:
    transfer_encoding: bytes | None = None
    has_length = False
    for field in special:
        name = field.collected_as
        if name is not None:
            before = getattr(head, name)
            setattr(head, name, (*before, field.value) if before else field.values)
            continue
        what = field.kind
        if what == kind.HOST:
            if head.host is not None:
                raise ProtocolFault(400, "repeated Host")
            head.host = field.value
        elif what == kind.CONNECTION:
            head.connection |= field.options
        elif what == kind.CONTENT_LENGTH:
            if has_length:
                raise ProtocolFault(400, "repeated Content-Length")
            has_length = True
            head.content_length = field.number
        elif what == kind.TRANSFER_ENCODING:
            if transfer_encoding is not None:
                raise ProtocolFault(400, "repeated Transfer-Encoding")
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
    _settle(head)


def _settle(head: RequestHead) -> None:
    if head.connection:
        nominated = head.connection - _CONNECTION_ALONE
        if nominated:
            head.fields = [field for field in head.fields if field.name not in nominated]
        head.closes = b"close" in head.connection
    if head.host is None or head.upgrade or head.expects_continue or head.max_forwards or head.via:
        head.is_plain = False


def _check_transfer_encoding(value: bytes, has_length: bool) -> None:
    """RFC 9112 6.3, refusing what it merely allows to repair. Raises ProtocolFault 400 or 501."""
    if has_length:
        raise ProtocolFault(400, "both Content-Length and Transfer-Encoding")
    if value.lower() != b"chunked":
        codings = [coding.strip(b" \t").lower() for coding in value.split(b",")]
        if codings[-1] == b"chunked" and codings.count(b"chunked") == 1 and all(map(is_token, codings)):
            raise ProtocolFault(501, "unsupported transfer coding")
        raise ProtocolFault(400, "malformed Transfer-Encoding")


def _is_websocket_key(value: bytes) -> bool:
    try:
        return len(base64.b64decode(value, validate=True)) == 16
    except (binascii.Error, ValueError):
        return False
