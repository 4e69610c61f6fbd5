"""The request line: method, target form, version (RFC 9112 3).

The target's path is read in every way a backend could read it (`paths.py`); which route that selects is not decided
here.
"""

import re

from cors_gateway.http1.cause import Cause
from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.grammar import is_token, is_valid_host
from cors_gateway.http1.paths import PLAIN_PATH, PathFault, resolve

MAX_METHOD = 32

# What nearly every client sends: a common method, a path with one reading, a query. Anything else is read part by part.
_QUERY = rb"(?:\?[!\"$-~]*)?"
_PLAIN = re.compile(
    rb"(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS|QUERY) ((" + PLAIN_PATH + rb")" + _QUERY + rb") HTTP/1\.1"
)
_PLAIN_OPTIONS = re.compile(rb"OPTIONS (" + PLAIN_PATH + rb")" + _QUERY + rb" HTTP/1\.1")
_TARGET = re.compile(rb"[\x21-\x7e]+\Z")
_ABSOLUTE = re.compile(rb"https?://([^/?#]*)([/?].*)?\Z", re.IGNORECASE)


class RequestLine:
    """A request line that was understood.

    `target` is what goes upstream, in origin form (or `*`), byte for byte as received. `readings` are the canonical
    path and every other reading of it; empty for `*`. `authority` is that of an absolute-form target.
    """

    __slots__ = ("authority", "is_http11", "is_plain", "method", "path", "readings", "target")

    def __init__(
        self,
        method: bytes,
        target: bytes,
        path: bytes,
        readings: tuple[bytes, ...],
        authority: bytes | None,
        is_http11: bool,
    ) -> None:
        self.method = method
        self.target = target
        self.path = path
        self.readings = readings
        self.authority = authority
        self.is_http11 = is_http11
        self.is_plain = is_http11 and authority is None and bool(readings)
        """HTTP/1.1 in origin form."""


def parse_request_line(line: bytes, max_bytes: int = 0) -> RequestLine:
    """Read a request line without its CRLF, of at most `max_bytes` (0 is no limit).

    Raises ProtocolFault: 400 malformed, 405 CONNECT, 414 too long, 501 method too long, 505 another HTTP version.
    """
    if 0 < max_bytes < len(line):
        raise ProtocolFault(Cause.REQUEST_LINE_TOO_LONG, limit=max_bytes)
    plain = _PLAIN.fullmatch(line)
    if plain is None:
        return _parse_in_full(line)
    method, target, path = plain.groups()
    return RequestLine(method, target, path, (path,), None, True)


def path_of_options(line: bytes, max_bytes: int = 0) -> bytes:
    """The path of a request line with OPTIONS that is as nearly every client sends it; else nothing, and
    `parse_request_line` says what it is."""
    plain = _PLAIN_OPTIONS.fullmatch(line)
    return b"" if plain is None or 0 < max_bytes < len(line) else plain[1]


def _parse_in_full(line: bytes) -> RequestLine:
    parts = line.split(b" ")
    if len(parts) != 3:
        raise ProtocolFault(Cause.REQUEST_LINE)
    method, target, version = parts
    if not is_token(method):
        raise ProtocolFault(Cause.METHOD)
    is_http11 = version == b"HTTP/1.1"
    if not is_http11 and version != b"HTTP/1.0":
        is_version = re.match(rb"HTTP/[0-9]\.[0-9]\Z", version)
        raise ProtocolFault(Cause.VERSION if is_version else Cause.REQUEST_LINE)
    if len(method) > MAX_METHOD:
        raise ProtocolFault(Cause.METHOD_TOO_LONG, limit=MAX_METHOD)
    if method == b"CONNECT":
        raise ProtocolFault(Cause.METHOD_NOT_SERVED)
    if not _TARGET.match(target) or b"#" in target:
        raise ProtocolFault(Cause.TARGET)

    authority = None
    if target == b"*":
        if method != b"OPTIONS":
            raise ProtocolFault(Cause.TARGET)
        return RequestLine(method, target, b"", (), None, is_http11)
    if target[:1] != b"/":
        authority, target = _split_absolute_form(target)
        if (
            target == b"*"
        ):  # RFC 9112 3.2.4: OPTIONS for an authority without path means the server as a whole
            if method == b"OPTIONS":
                return RequestLine(method, target, b"", (), authority, is_http11)
            target = b"/"
    path = target.partition(b"?")[0]
    try:
        readings = resolve(path)
    except PathFault as fault:
        raise ProtocolFault(fault.cause) from None
    return RequestLine(method, target, path, readings, authority, is_http11)


def _split_absolute_form(target: bytes) -> tuple[bytes, bytes]:
    match = _ABSOLUTE.match(target)
    if match is None or not is_valid_host(match[1]):
        raise ProtocolFault(Cause.TARGET)
    rest = match[2]
    if rest is None:
        return match[1], b"*"
    return match[1], rest if rest[:1] == b"/" else b"/" + rest
