"""How a request path can be read, so that no reading selects another route than the one that was checked.

A backend may decode a path once more than the gateway, take a backslash for a slash, cut path parameters, merge
slashes, or parse the target as a URL that has an authority, a query and a fragment. `resolve` lists what such backends
would see; the caller refuses the request if the readings select different routes (CVE-2019-18978 and its kin). The
bytes that are forwarded are those that came.
"""

import itertools
import re
import unicodedata
from collections.abc import Callable
from urllib.parse import unquote_to_bytes

from cors_gateway.http1.cause import Cause

PLAIN_PATH = rb"/|(?:/[A-Za-z0-9_~!$&'()*+,=:@-][A-Za-z0-9._~!$&'()*+,=:@-]*)+/?"
"""No escape, no `;`, no empty segment, none that begins with a dot: there is only one reading."""

MAX_ODD_PATH = 8192
"""Bytes of a path that has to be read in several ways."""
MAX_READ = 256 * 1024
"""Bytes of all its readings together: a long path may have few of them, a short one many."""

_PLAIN = re.compile(PLAIN_PATH)

_TEXT = re.compile(rb"(?:/(?!\.)(?:[!$&-.0-:=@-\[\]-~]|%(?:2[02]|3[CEce]|[89A-Fa-f][0-9A-Fa-f]))+)+/?")
"""The same with escapes of what cannot stand unescaped and separates nothing: blanks, quotes, bytes beyond ASCII."""

_WELL_FORMED = re.compile(rb"/(?:[!$&-;=@-\[\]-~]|%[0-9A-Fa-f]{2})*")
_ODD = re.compile(rb"[^!$-;=@-~]")
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]+")
_CUT_AT_CONTROL = re.compile(rb"[\x00-\x1f\x7f].*", re.DOTALL)
_CUT_AT_DELIMITER = re.compile(rb"[?#].*", re.DOTALL)
_DOT_SEGMENT = re.compile(rb"/\.\.?(?=/|\Z)")
_PARAMETERS = re.compile(rb";[^/]*")
_SLASHES = re.compile(rb"//+")
_AUTHORITY = re.compile(rb"//+[^/]*")
_OVERLONG = re.compile(rb"(?:[\xc0\xc1]|\xe0[\x80\x81]|\xf0\x80[\x80\x81])[\x80-\xbf]")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")
_ESCAPED = [b"%%%02X" % byte for byte in range(256)]
_ESCAPES = {
    bytes((high, low)): bytes((byte,)) if byte in _UNRESERVED else _ESCAPED[byte]
    for byte in range(256)
    for high, low in itertools.product(*(f"{digit:x}{digit:X}".encode() for digit in divmod(byte, 16)))
}
"""The one spelling of each escape, by its two digits."""
_SPELLINGS = [_ESCAPED[byte] if _ODD.match(bytes((byte,))) else bytes((byte,)) for byte in range(256)]
"""The one spelling of each byte; a percent sign may begin an escape."""


class PathFault(Exception):
    """The path has no safe reading; the cause says why."""

    def __init__(self, cause: Cause) -> None:
        super().__init__(cause.sentence)
        self.cause = cause


def resolve(path: bytes) -> tuple[bytes, ...]:
    """All readings of the path of a request target, without query; the first is the canonical one.

    Raises `PathFault` for what browsers never send and backends disagree about: dot segments and NUL in any encoding,
    backslashes, malformed escapes, delimiters. Other escaped control characters are sent by browsers: they are read in
    the ways backends read them.
    """
    if _PLAIN.fullmatch(path):
        return (path,)
    if _TEXT.fullmatch(path) and _is_settled(unquote_to_bytes(path)):
        return (_canonical(path),)
    if not _WELL_FORMED.fullmatch(path):
        raise PathFault(Cause.PATH)
    canonical = _canonical(path)
    readings = _read_all(canonical)
    if any(b"\0" in reading for reading in readings):
        raise PathFault(Cause.PATH_NUL)
    if any(map(_DOT_SEGMENT.search, readings)):
        raise PathFault(Cause.PATH_DOT_SEGMENT)
    return tuple(dict.fromkeys([canonical, *sorted(map(_canonical, readings))]))


def _read_all(canonical: bytes) -> set[bytes]:
    readings = {canonical}
    size = len(canonical)
    if size > MAX_ODD_PATH:
        raise PathFault(Cause.PATH_TOO_AMBIGUOUS)
    for view in _VIEWS:
        readings |= set(map(view, readings))
        if len(readings) * size > MAX_READ:
            raise PathFault(Cause.PATH_TOO_AMBIGUOUS)
    return readings


def _canonical(path: bytes) -> bytes:
    """Unreserved characters decoded, hexadecimal digits in upper case, what cannot stand in a path escaped."""
    if _ODD.search(path):
        path = b"".join(map(_SPELLINGS.__getitem__, path))
    start, *escaped = path.split(b"%")
    return start + b"".join([_ESCAPES.get(part[:2], b"%25" + part[:2]) + part[2:] for part in escaped])


def _is_settled(text: bytes) -> bool:
    """Whether nobody reads decoded text as other characters than it spells."""
    return text.isascii() or (_compatible(text) == text and not _OVERLONG.search(text))


def _without_authority(path: bytes) -> bytes:
    """As URL parsers read a reference that begins with `//` (RFC 3986 4.2; WHATWG URL skips further slashes)."""
    found = _AUTHORITY.match(path)
    return path if found is None else path[found.end() :] or b"/"


def _without_parameters(path: bytes) -> bytes:
    return _PARAMETERS.sub(b"", path)


def _shortest_form(path: bytes) -> bytes:
    """As lax decoders of UTF-8 read overlong forms of ASCII characters (RFC 3629 10)."""
    return _OVERLONG.sub(_shorten, path)


def _shorten(found: re.Match[bytes]) -> bytes:
    return bytes(((found[0][-2] & 1) << 6 | found[0][-1] & 0x3F,))


def _compatible(path: bytes) -> bytes:
    """As whoever normalises to compatibility forms reads it (Unicode NFKC): a fullwidth slash is a slash."""
    if path.isascii():
        return path
    text = path.decode("utf-8", "surrogateescape")
    return unicodedata.normalize("NFKC", text).encode("utf-8", "surrogateescape")


def _without_controls(path: bytes) -> bytes:
    """As URL parsers read it: WHATWG URL removes tabs and line ends everywhere."""
    return _CONTROL.sub(b"", path) if b"\0" not in path else path


def _before_control(path: bytes) -> bytes:
    return _CUT_AT_CONTROL.sub(b"", path)


def _before_delimiter(path: bytes) -> bytes:
    return _CUT_AT_DELIMITER.sub(b"", path)


def _with_slashes(path: bytes) -> bytes:
    return path.replace(b"\\", b"/")


def _merged(path: bytes) -> bytes:
    return _SLASHES.sub(b"/", path)


_VIEWS: tuple[Callable[[bytes], bytes], ...] = (
    _without_authority,
    _without_parameters,
    unquote_to_bytes,
    _shortest_form,
    _compatible,
    unquote_to_bytes,
    _shortest_form,
    _compatible,
    _without_controls,
    _before_control,
    _before_delimiter,
    _with_slashes,
    _without_parameters,
    _without_authority,
    _merged,
)
"""What backends do to a path; each is applied to every reading so far, so all combinations in this order are seen."""
