"""A request on a stream as the request line and the header section that it would be in HTTP/1.1.

So every rule of `http1/` is applied to it, and everything that is remembered of requests is shared. What only streams
have is judged here (RFC 9113 8.1 to 8.3): pseudo-header fields, lower-case names, fields of a connection that do not
exist. Raises ProtocolFault; nothing is rendered that could be read as more than one line. A WebSocket (RFC 8441) is
written as the handshake that opens one in HTTP/1.1.
"""

import re
from collections.abc import Callable
from typing import NamedTuple

from cors_gateway.http1.cause import Cause
from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.grammar import MAX_FIELD_TOLD, without_default_port
from cors_gateway.http1.memo import MIB, Memo, Room
from cors_gateway.http1.request_fields import is_protected

MAX_REMEMBERED_LINE = 1024
MAX_TRAILER_FIELDS = 32

Fields = tuple[tuple[bytes, bytes], ...]

_PSEUDO = frozenset({b":method", b":path", b":scheme", b":authority", b":protocol"})
_NAME = re.compile(rb"[!#$%&'*+\-.^_`|~0-9a-z]+\Z")
# RFC 9113 8.2.1: neither white space at the ends nor what ends a line or a string.
_VALUE = re.compile(rb"(?![ \t])[^\0\r\n]*\Z")
# RFC 9113 8.2.2.
_OF_CONNECTION = frozenset(
    {b"connection", b"proxy-connection", b"keep-alive", b"transfer-encoding", b"upgrade", b"http2-settings"}
)
_CHUNKED = b"Transfer-Encoding: chunked"
_UPGRADE = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: %b\r\n\r\n"

# What lines were made of, for all connections: grammar alone.
_LINES: Memo[tuple[bytes, bytes], bytes] = Memo(
    Room(entries=4096, size=4 * MIB), longest=2, cost=lambda field, line: 300 + 3 * len(line)
)


class WrittenRequest(NamedTuple):
    """A request as HTTP/1.1 would write it."""

    line: bytes
    """Without its CRLF."""
    block: bytes
    """From the CRLF of the request line to that of the empty line."""
    is_handshake: bool = False
    """It opens a WebSocket: what follows on its stream is no body."""


class RequestWriter:
    """Writes the requests of one connection; one that repeats the fields of the last costs little more than its line."""

    __slots__ = ("_authority", "_block", "_fields", "_is_ended", "_new_key")

    def __init__(self, new_key: Callable[[], bytes]) -> None:
        """`new_key` gives the value of a Sec-WebSocket-Key, another one each time (RFC 6455 4.1)."""
        self._new_key = new_key
        self._fields: Fields = ()
        self._authority: bytes | None = None
        self._is_ended = False
        self._block = b""

    def write(self, fields: Fields, *, is_ended: bool) -> WrittenRequest:
        """Write a request that came with these fields. `is_ended`: it has no body. Raises ProtocolFault."""
        method = path = scheme = authority = protocol = None
        count = 0
        for name, value in fields:
            if name == b":method" and method is None:
                method = value
            elif name == b":path" and path is None:
                path = value
            elif name == b":scheme" and scheme is None:
                scheme = value
            elif name == b":authority" and authority is None:
                authority = value
            elif name == b":protocol" and protocol is None:
                protocol = value
            else:
                break
            count += 1
        if method is None or b"\n" in method or b"\r" in method:
            raise ProtocolFault(Cause.PSEUDO_FIELDS)
        rest = fields[count:]
        if protocol is not None:
            if method != b"CONNECT" or authority is None:
                raise ProtocolFault(Cause.PSEUDO_FIELDS)
            return self._write_handshake(protocol, fields[:count], rest)
        if (
            not self._block
            or rest != self._fields
            or authority != self._authority
            or is_ended != self._is_ended
        ):
            self._block = b""  # also if what follows raises
            self._block = _block(rest, authority, is_ended=is_ended)
            self._fields, self._authority, self._is_ended = rest, authority, is_ended
        if method == b"CONNECT":
            return WrittenRequest(b"CONNECT %b HTTP/1.1" % (authority or b"-"), self._block)
        if path is None or scheme not in {b"https", b"http"}:
            raise ProtocolFault(Cause.PSEUDO_FIELDS)
        # In HTTP/2 there is no absolute form: the authority has a field of its own.
        is_in_form = path[:1] == b"/" or (path == b"*" and method == b"OPTIONS")
        if not is_in_form or b"\n" in path or b"\r" in path:
            raise ProtocolFault(Cause.TARGET)
        return WrittenRequest(b"%b %b HTTP/1.1" % (method, path), self._block)

    def _write_handshake(self, protocol: bytes, pseudo: Fields, fields: Fields) -> WrittenRequest:
        """An extended CONNECT as the GET that it would be. It has no key: what that is good for, a stream does."""
        if protocol.lower() != b"websocket":
            raise ProtocolFault(Cause.PROTOCOL_UNKNOWN)
        asked = [field for field in pseudo if field[0] not in {b":method", b":protocol"}]
        kept = [field for field in fields if field[0] != b"sec-websocket-key"]
        line, block, _ = self.write(((b":method", b"GET"), *asked, *kept), is_ended=True)
        return WrittenRequest(line, block[:-2] + _UPGRADE % self._new_key(), True)


def check_trailers(fields: Fields) -> None:
    """Judge fields after a body; they are dropped, as in HTTP/1.1. Raises ProtocolFault."""
    if len(fields) > MAX_TRAILER_FIELDS:
        raise ProtocolFault(Cause.TRAILERS_TOO_LARGE, limit=MAX_TRAILER_FIELDS)
    for name, value in fields:
        _line(name, value)
        if is_protected(name):
            raise ProtocolFault(Cause.TRAILER_PROTECTED, field=name[:MAX_FIELD_TOLD])


def sketch(fields: Fields) -> bytes:
    """What can be told of the head of a request that is refused, for whoever looks for its route and its origin."""
    method, path = _only(b":method", fields), _only(b":path", fields)
    if method == b"CONNECT" and any(name == b":protocol" for name, _ in fields):
        method = b"GET"  # as which it would have been routed
    hosts = [field for field in fields if field[0] in {b":authority", b"host"}]
    if len(hosts) == 2 and hosts[0][0] != hosts[1][0] and _is_same_host(hosts[0][1], hosts[1][1]):
        del hosts[1]  # it says the same
    lines = [b"%b %b HTTP/1.1" % (method, path), *[b"Host: " + host for _, host in hosts]]
    if any(b"\r" in line or b"\n" in line for line in lines):
        return b""
    others = [b"%b: %b" % field for field in fields if field[0] != b"host" and field[0][:1] != b":"]
    lines += [line for line in others if b"\r" not in line and b"\n" not in line]
    return b"\r\n".join((*lines, b"", b""))


def _block(fields: Fields, authority: bytes | None, *, is_ended: bool) -> bytes:
    host = []
    if authority is not None:
        if not _VALUE.match(authority):
            raise ProtocolFault(Cause.HOST)
        host = [b"Host: " + authority]
    lines: list[bytes] = []
    cookie = -1
    has_host = has_length = False
    for field in fields:
        name, value = field
        line = _LINES.get(field) or _line(name, value)
        if name == b"cookie":  # RFC 9113 8.2.3: one field again, before anybody else reads it
            if cookie >= 0:
                lines[cookie] += b"; " + value
                continue
            cookie = len(lines)
        elif name == b"host" and authority is not None:
            if has_host:
                raise ProtocolFault(Cause.HOST_REPEATED)
            if not _is_same_host(value, authority):
                raise ProtocolFault(Cause.AUTHORITY)
            has_host = True
            continue
        elif name == b"content-length":
            has_length = True
            if is_ended and value.strip(b"0"):
                raise ProtocolFault(Cause.LENGTH_MISMATCH)
        elif name == b"te" and value.lower() != b"trailers":
            raise ProtocolFault(Cause.CONNECTION_FIELD, field=name)
        lines.append(line)
    framing = [] if is_ended or has_length else [_CHUNKED]
    return b"\r\n".join((b"", *host, *lines, *framing, b"", b""))


def _only(name: bytes, fields: Fields) -> bytes:
    """The value of the one field of that name, or nothing."""
    values = [value for found, value in fields if found == name]
    return values[0] if len(values) == 1 else b""


def _is_same_host(one: bytes, other: bytes) -> bool:
    return without_default_port(one.lower()) == without_default_port(other.lower())


def _line(name: bytes, value: bytes) -> bytes:
    """A field as a line, if it may be one. Remembered."""
    if not _NAME.match(name):
        raise ProtocolFault(Cause.PSEUDO_FIELDS if name in _PSEUDO or name[:1] == b":" else Cause.NAME)
    if name in _OF_CONNECTION:
        raise ProtocolFault(Cause.CONNECTION_FIELD, field=name[:MAX_FIELD_TOLD])
    if not _VALUE.match(value) or value[-1:] in {b" ", b"\t"}:
        raise ProtocolFault(Cause.CONTROL_BYTE)
    line = name + b": " + value
    if len(line) <= MAX_REMEMBERED_LINE:
        _LINES.offer((name, value), line)
    return line
