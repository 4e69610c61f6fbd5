"""What each field line of a request means to a gateway: kept, dropped, refused or looked at.

A line is classified once and remembered by whoever reads it (`request.py`): a line seen before costs one look-up, so
the strict grammar is paid for once per distinct line.
"""

from cors_gateway.http1.cause import Cause
from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.fields import Field
from cors_gateway.http1.grammar import (
    MAX_FIELD_TOLD,
    connection_options,
    is_valid_host,
    parse_content_length,
    split_field_line,
)
from cors_gateway.http1.login import logs_in_connection, scheme_of
from cors_gateway.http1.memo import KIB, Memo, Room

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
UNDERSCORED = 11
# Looked at, and forwarded in its place.
LOOKED_AT_AND_KEPT = 16
ORIGIN = 16
REQUEST_METHOD = 17
REQUEST_HEADERS = 18
REQUEST_PRIVATE_NETWORK = 19
SEC_FETCH_SITE = 20
SEC_FETCH_MODE = 21
WEBSOCKET_KEY = 22
WEBSOCKET_VERSION = 23
AUTHORIZATION = 24
CONNECTION_LOGIN = 25

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
    b"sec-fetch-mode": SEC_FETCH_MODE,
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
    # CGI programs take it for the environment variable HTTP_PROXY ("httpoxy").
    b"proxy": DROP,
    b"authorization": AUTHORIZATION,
}

_FORWARDING_PREFIX = b"x-forwarded-"
# Who the client is and what it asked for is told by the gateway (forwarded.py), not by the client: the family of
# X-Forwarded-*, and what load balancers and content networks write for the same end.
_FORWARDING = frozenset(
    {b"forwarded", b"x-real-ip", b"x-client-ip", b"client-ip", b"true-client-ip", b"x-cluster-client-ip"}
    | {b"x-original-forwarded-for", b"x-original-host", b"x-remote-ip", b"x-remote-addr", b"x-proxyuser-ip"}
    | {b"cf-connecting-ip", b"cf-connecting-ipv6", b"cf-pseudo-ipv4", b"fastly-client-ip"}
    | {b"x-azure-clientip", b"x-azure-socketip", b"x-envoy-external-address", b"x-appengine-user-ip"}
    | {b"proxy-client-ip", b"wl-proxy-client-ip", b"x-scheme", b"x-url-scheme", b"front-end-https"}
)

# End-to-end fields that decisions rest on: a client may neither have them removed by naming them in Connection
# nor smuggle them in as `X_Y` to a backend that reads both spellings as one.
_PROTECTED = frozenset(
    {b"host", b"content-length", b"transfer-encoding", b"connection", b"origin", b"authorization", b"cookie"}
    | {b"content-type", b"via", b"x-request-id", b"upgrade"}
)
_PROTECTED_PREFIXES = (b"access-control-", _FORWARDING_PREFIX, b"sec-")
# CGI and PHP make `_` of every character of a name that is neither letter nor digit.
_FOLDED = bytes.maketrans(b"!#$%&'*+.^_`|~", b"-" * 14)
_NO_OPTIONS: frozenset[bytes] = frozenset()
# Fields of which every value is kept, in order, for whoever decides: repeating one must not hide another. Of an
# underscored one it is the name instead, of credentials the scheme.
_COLLECTED = {
    ORIGIN: "origin",
    SEC_FETCH_SITE: "sec_fetch_site",
    SEC_FETCH_MODE: "sec_fetch_mode",
    REQUEST_METHOD: "method_asked",
    REQUEST_HEADERS: "headers_asked",
    REQUEST_PRIVATE_NETWORK: "private_network",
    VIA: "via",
    UPGRADE: "upgrade",
    MAX_FORWARDS: "max_forwards",
    WEBSOCKET_KEY: "websocket_key",
    WEBSOCKET_VERSION: "websocket_version",
    CONNECTION_LOGIN: "connection_logins",
    UNDERSCORED: "underscored",
}
# `upgrade`, `close`, `keep-alive` and `te` are what Connection is there for.
_NOMINABLE = frozenset({b"upgrade"})


class RequestField(Field):
    """One field line of a request. Without a meaning here: passed on (`is_kept`) or dropped."""

    __slots__ = ("is_kept",)

    def __init__(self, kind: int, name: bytes, spelling: bytes, value: bytes) -> None:
        super().__init__(kind, name, spelling, value, is_carried=kind <= DROP)
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
                raise ProtocolFault(Cause.HOST)
        elif kind == CONNECTION:
            self.options = connection_options(value)
            check_nominations(self.options)
        elif kind == CONTENT_LENGTH:
            self.number = parse_content_length(value)
        elif kind == UNDERSCORED:
            self.values = (name,)
        elif kind == CONNECTION_LOGIN:
            self.values = (scheme_of(value).lower(),)
        elif kind == EXPECT and value.lower() != b"100-continue":
            raise ProtocolFault(Cause.EXPECTATION)


class FieldNames:
    """What the names of fields mean under one listener's options; remembers their spellings."""

    __slots__ = ("_passes_underscores", "known")

    def __init__(self, *, passes_underscores: bool = False) -> None:
        """Names with an underscore go on like others, or are left to whoever knows the route (`UNDERSCORED`)."""
        self._passes_underscores = passes_underscores
        self.known: Memo[bytes, tuple[bytes, int]] = Memo(Room(entries=1024, size=512 * KIB), longest=64)
        """What `read` gave for names that came more than once."""

    def read(self, name: bytes) -> tuple[bytes, int]:
        """A name in lower case and its kind. Raises ProtocolFault(400) for one that does not go on at any price."""
        lower = name.lower()
        meaning = (lower, self._kind_of(lower))
        self.known.offer(name, meaning)
        return meaning

    def _kind_of(self, name: bytes) -> int:
        kind = _KINDS.get(name, KEEP)
        if kind != KEEP:
            return kind
        if imitates_protected(name):
            raise ProtocolFault(Cause.IMITATED_NAME, field=name[:MAX_FIELD_TOLD])
        if is_forwarding(name):
            return FORWARDING
        return KEEP if b"_" not in name or self._passes_underscores else UNDERSCORED


_DEFAULT_NAMES = FieldNames()


def read_field(line: bytes, names: FieldNames = _DEFAULT_NAMES) -> RequestField:
    """Classify one field line and read its value.

    Raises ProtocolFault: 400 malformed, 417 an expectation nobody knows.
    """
    name, value = split_field_line(line)
    lower, kind = names.known.get(name) or names.read(name)
    if kind == AUTHORIZATION:
        return _read_authorization(lower, name, value)
    return (ReadField if kind > DROP else RequestField)(kind, lower, name, value)


def is_forwarding(name: bytes) -> bool:
    """Whether the field with this lower-case name tells who the client is or what it asked for."""
    return name.startswith(_FORWARDING_PREFIX) or name in _FORWARDING


def is_dropped(name: bytes) -> bool:
    """Whether the field with this lower-case name ends here, whoever sends it: it is for one hop, or not for clients."""
    return _KINDS.get(name) == DROP


def is_protected(name: bytes) -> bool:
    """Whether decisions rest on the field with this lower-case name."""
    return name in _PROTECTED or name in _FORWARDING or name.startswith(_PROTECTED_PREFIXES)


def folded(name: bytes) -> bytes:
    """A lower-case name as one spelling of all those that some backend takes for the same."""
    return name.translate(_FOLDED)


def imitates_protected(name: bytes) -> bool:
    """Whether a backend may take this lower-case name for another one, which is protected: `x_forwarded.for`."""
    meant = folded(name)
    return meant != name and (is_protected(meant) or is_dropped(meant))


def check_nominations(options: frozenset[bytes]) -> None:
    """Refuse a Connection field that would have a protected field removed. Raises ProtocolFault(400)."""
    for option in options:
        if is_protected(option) and option not in _NOMINABLE:
            raise ProtocolFault(Cause.PROTECTED_NOMINATED, field=option[:MAX_FIELD_TOLD])


def _read_authorization(name: bytes, spelling: bytes, value: bytes) -> RequestField:
    """Credentials are carried as long as their scheme is the same, so that another kind is not overlooked."""
    if logs_in_connection(value):
        return ReadField(CONNECTION_LOGIN, name, spelling, value)
    field = RequestField(KEEP, name, spelling, value)
    scheme = scheme_of(value)
    is_carried = value[len(scheme) : len(scheme) + 1] == b" "
    field.carried_prefix = b"%b: %b " % (spelling, scheme) if is_carried else b""
    return field
