"""What each field line of a request means to a gateway: kept, dropped, refused or looked at.

A line is classified once and remembered by whoever reads it (`request.py`): a line seen before costs one look-up, so
the strict grammar is paid for once per distinct line.
"""

from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.fields import Field
from cors_gateway.http1.grammar import (
    connection_options,
    is_valid_host,
    parse_content_length,
    split_field_line,
)
from cors_gateway.http1.memo import Memo

MAX_FIELD_LINE = 8192

# What to do with a field.
KEEP = 0
DROP = 1
# Looked at, and not forwarded as it came.
HOST = 2
CONTENT_LENGTH = 3
TRANSFER_ENCODING = 4
CONNECTION = 5
UPGRADE = 6
EXPECT = 7
FORWARDING = 8
VIA = 9
MAX_FORWARDS = 10
# Looked at, and forwarded in its place.
LOOKED_AT_AND_KEPT = 16
ORIGIN = 16
REQUEST_METHOD = 17
REQUEST_HEADERS = 18
REQUEST_PRIVATE_NETWORK = 19
SEC_FETCH_SITE = 20
WEBSOCKET_KEY = 21
WEBSOCKET_VERSION = 22

_KINDS = {
    b"host": HOST,
    b"content-length": CONTENT_LENGTH,
    b"transfer-encoding": TRANSFER_ENCODING,
    b"connection": CONNECTION,
    b"upgrade": UPGRADE,
    b"expect": EXPECT,
    b"origin": ORIGIN,
    b"access-control-request-method": REQUEST_METHOD,
    b"access-control-request-headers": REQUEST_HEADERS,
    b"access-control-request-private-network": REQUEST_PRIVATE_NETWORK,
    b"sec-fetch-site": SEC_FETCH_SITE,
    b"via": VIA,
    b"max-forwards": MAX_FORWARDS,
    b"sec-websocket-key": WEBSOCKET_KEY,
    b"sec-websocket-version": WEBSOCKET_VERSION,
    # RFC 9110 7.6.1: meant for this hop only. TE and Trailer go with the trailers, which are not forwarded.
    b"keep-alive": DROP,
    b"proxy-connection": DROP,
    b"proxy-authenticate": DROP,
    b"proxy-authorization": DROP,
    b"proxy-authentication-info": DROP,
    b"te": DROP,
    b"trailer": DROP,
    b"http2-settings": DROP,
    # The gateway writes its own, which is the one received where the peer is trusted.
    b"x-request-id": DROP,
    # Some frameworks route by these instead of the target, past the route whose policy was applied.
    b"x-original-url": DROP,
    b"x-rewrite-url": DROP,
    # Who the client is and what it asked for is told by the gateway (forwarded.py), not by the client.
    b"forwarded": FORWARDING,
    b"x-forwarded-for": FORWARDING,
    b"x-forwarded-host": FORWARDING,
    b"x-forwarded-proto": FORWARDING,
    b"x-forwarded-port": FORWARDING,
    b"x-forwarded-prefix": FORWARDING,
    b"x-forwarded-server": FORWARDING,
    b"x-real-ip": FORWARDING,
    b"x-client-ip": FORWARDING,
    b"true-client-ip": FORWARDING,
    b"cf-connecting-ip": FORWARDING,
}

# End-to-end fields that decisions rest on: a client may neither have them removed by naming them in Connection
# nor smuggle them in as `X_Y` to a backend that reads both spellings as one.
_PROTECTED = frozenset(
    {b"host", b"content-length", b"transfer-encoding", b"connection", b"origin", b"authorization", b"cookie"}
    | {b"content-type", b"forwarded", b"via", b"x-real-ip", b"x-request-id", b"upgrade"}
)
_PROTECTED_PREFIXES = (b"access-control-", b"x-forwarded-", b"sec-")
_NO_OPTIONS: frozenset[bytes] = frozenset()
# Fields of which every value is kept, in order, for whoever decides: repeating one must not hide another.
_COLLECTED = {
    ORIGIN: "origin",
    SEC_FETCH_SITE: "sec_fetch_site",
    REQUEST_METHOD: "method_asked",
    REQUEST_HEADERS: "headers_asked",
    REQUEST_PRIVATE_NETWORK: "private_network",
    VIA: "via",
    UPGRADE: "upgrade",
    MAX_FORWARDS: "max_forwards",
    WEBSOCKET_KEY: "websocket_key",
    WEBSOCKET_VERSION: "websocket_version",
}
_NAMES: Memo[bytes, tuple[bytes, int]] = Memo(size=1024, longest=64)
# `upgrade`, `close`, `keep-alive` and `te` are what Connection is there for.
_NOMINABLE = frozenset({b"upgrade"})


class RequestField(Field):
    """One field line of a request. Without a meaning here: passed on (`is_kept`) or dropped."""

    __slots__ = ("is_kept", "kind")

    def __init__(self, kind: int, name: bytes, spelling: bytes, value: bytes) -> None:
        super().__init__(name, spelling, value, is_carried=kind <= DROP)
        self.kind = kind
        self.is_kept = kind == KEEP or kind >= LOOKED_AT_AND_KEPT


class ReadField(RequestField):
    """A field whose value has a meaning. What reading it takes is done once, with the line."""

    __slots__ = ("collected_as", "number", "options", "value", "values")

    def __init__(self, kind: int, name: bytes, spelling: bytes, value: bytes) -> None:
        """Raises ProtocolFault: 400 malformed, 417 an expectation nobody knows."""
        super().__init__(kind, name, spelling, value)
        self.value = value
        self.collected_as = _COLLECTED.get(kind)
        """Name of the attribute of `RequestHead` that collects all values of such fields."""
        self.values = (value,)
        """What collecting starts with."""
        self.options = _NO_OPTIONS
        """Of Connection."""
        self.number = 0
        """Of Content-Length."""
        if kind == HOST:
            if not is_valid_host(value):
                raise ProtocolFault(400, "malformed Host")
        elif kind == CONNECTION:
            self.options = connection_options(value)
            check_nominations(self.options)
        elif kind == CONTENT_LENGTH:
            self.number = parse_content_length(value)
        elif kind == EXPECT and value.lower() != b"100-continue":
            raise ProtocolFault(417, "unknown expectation")


def read_field(line: bytes) -> RequestField:
    """Classify one field line and read its value.

    Raises ProtocolFault: 400 malformed, 417 an expectation nobody knows, 431 too long.
    """
    if len(line) > MAX_FIELD_LINE:
        raise ProtocolFault(431, "header field too large")
    name, value = split_field_line(line)
    known = _NAMES.get(name)
    if known is None:
        known = _read_name(name)
    lower, kind = known
    return (ReadField if kind > DROP else RequestField)(kind, lower, name, value)


def _read_name(name: bytes) -> tuple[bytes, int]:
    lower = name.lower()
    kind = _KINDS.get(lower, KEEP)
    if kind == KEEP and b"_" in name:
        if is_protected(lower.replace(b"_", b"-")):
            raise ProtocolFault(400, "header field name that imitates a protected one")
        kind = DROP
    _NAMES.offer(name, (lower, kind))
    return lower, kind


def is_protected(name: bytes) -> bool:
    """Whether decisions rest on the field with this lower-case name."""
    return name in _PROTECTED or name.startswith(_PROTECTED_PREFIXES)


def check_nominations(options: frozenset[bytes]) -> None:
    """Refuse a Connection field that would have a protected field removed. Raises ProtocolFault(400)."""
    for option in options:
        if is_protected(option) and option not in _NOMINABLE:
            raise ProtocolFault(400, "Connection names a field that must not be removed")
