"""The request line: method, target form, version (RFC 9112 3).

The target's path is read in every way a backend could read it (`paths.py`); which route that selects is not decided
here.
"""

import re

from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.grammar import is_token, is_valid_host
from cors_gateway.http1.paths import PLAIN_PATH, PathFault, resolve

MAX_REQUEST_LINE = 8192
MAX_METHOD = 32
MAX_EMPTY_LINES = 4
"""Empty lines before a request line that are overlooked (RFC 9112 2.2)."""

# What nearly every client sends: a common method, a path with one reading, a query. Anything else is read part by part.
_PLAIN = re.compile(
    rb"(GET|HEAD|POST|PUT|PATCH|DELETE|OPTIONS) ((" + PLAIN_PATH + rb")(?:\?[!\"$-~]*)?) HTTP/1\.1"
)
_HEAD_BYTES = bytes([0x09, 0x0A, 0x0D, *range(0x20, 0x7F), *range(0x80, 0x100)])
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


def parse_request_line(line: bytes) -> RequestLine:
    """Read a request line without its CRLF.

    Raises ProtocolFault: 400 malformed, 405 CONNECT, 414 too long, 501 method too long, 505 another HTTP version.
    """
    if len(line) > MAX_REQUEST_LINE:
        raise ProtocolFault(414, "request line too long")
    plain = _PLAIN.fullmatch(line)
    if plain is None:
        return _parse_in_full(line)
    method, target, path = plain.groups()
    return RequestLine(method, target, path, (path,), None, True)


def skip_empty_lines(data: bytes) -> bytes:
    """What follows the empty lines at the beginning. Raises ProtocolFault(400) for too many of them."""
    for _ in range(MAX_EMPTY_LINES):
        data = data.removeprefix(b"\r\n")
    if data[:2] == b"\r\n":
        raise ProtocolFault(400, "too many empty lines before a request")
    return data


def check_beginning(data: bytes, max_block: int) -> None:
    """Refuse the beginning of a head that can no longer become a good one, instead of waiting for its end.

    `max_block` bounds the header section in bytes, 0 for no limit. Raises ProtocolFault: 400 for control bytes, bare
    line ends or a bad request line, 414 or 431 for too long a beginning.
    """
    line_end = data.find(b"\r\n")
    if line_end < 0 and len(data) > MAX_REQUEST_LINE:
        raise ProtocolFault(414, "request line too long")
    if max_block and line_end >= 0 and len(data) - line_end > max_block + 4:
        raise ProtocolFault(431, "header section too large")
    ends = data.count(b"\r\n")
    if (
        data.translate(None, _HEAD_BYTES)
        or data.count(b"\n") != ends
        or data.count(b"\r") - ends > data.endswith(b"\r")
    ):
        raise ProtocolFault(400, "control character or bare line end in a request head")
    if not data[:1].translate(None, b" \t"):
        raise ProtocolFault(400, "white space before the request line")
    if ends == 1:
        parse_request_line(data[:line_end])


def _parse_in_full(line: bytes) -> RequestLine:
    parts = line.split(b" ")
    if len(parts) != 3:
        raise ProtocolFault(400, "malformed request line")
    method, target, version = parts
    if not is_token(method):
        raise ProtocolFault(400, "malformed method")
    is_http11 = version == b"HTTP/1.1"
    if not is_http11 and version != b"HTTP/1.0":
        is_version = re.match(rb"HTTP/[0-9]\.[0-9]\Z", version)
        raise ProtocolFault(505 if is_version else 400, "HTTP version not supported")
    if len(method) > MAX_METHOD:
        raise ProtocolFault(501, "method too long")
    if method == b"CONNECT":
        raise ProtocolFault(405, "CONNECT is not served")
    if not _TARGET.match(target) or b"#" in target:
        raise ProtocolFault(400, "malformed request target")

    authority = None
    if target == b"*":
        if method != b"OPTIONS":
            raise ProtocolFault(400, "asterisk-form with another method than OPTIONS")
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
        raise ProtocolFault(400, f"ambiguous path: {fault}") from None
    return RequestLine(method, target, path, readings, authority, is_http11)


def _split_absolute_form(target: bytes) -> tuple[bytes, bytes]:
    match = _ABSOLUTE.match(target)
    if match is None or not is_valid_host(match[1]):
        raise ProtocolFault(400, "malformed request target")
    rest = match[2]
    if rest is None:
        return match[1], b"*"
    return match[1], rest if rest[:1] == b"/" else b"/" + rest
