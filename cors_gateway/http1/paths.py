"""How a request path can be read, so that no reading selects another route than the one that was checked.

A backend may decode a path once more than the gateway, take a backslash for a slash, cut path parameters or merge
slashes. `resolve` lists what such backends would see; the caller refuses the request if the readings select different
routes (CVE-2019-18978 and its kin). The bytes that are forwarded are those that came: no rewriting here.
"""

import re
from urllib.parse import unquote_to_bytes

PLAIN_PATH = rb"/|(?:/[A-Za-z0-9_~!$&'()*+,=:@-][A-Za-z0-9._~!$&'()*+,=:@-]*)+/?"
"""No escape, no `;`, no empty segment, none that begins with a dot: there is only one reading."""

_PLAIN = re.compile(PLAIN_PATH)

_TEXT = re.compile(rb"(?:/(?!\.)(?:[!$&-.0-:=@-\[\]-~]|%(?:2[023]|3[CEFcef]|[89A-Fa-f][0-9A-Fa-f]))+)+/?")
"""The same with escapes of what cannot stand unescaped and separates nothing, such as blanks and non-ASCII text."""

_WELL_FORMED = re.compile(rb"/(?:[!$&-;=@-\[\]-~]|%[0-9A-Fa-f]{2})*")
_ESCAPED_OR_ODD = re.compile(rb"%[0-9A-Fa-f]{2}|[^!$&-;=@-~]")
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_DOT_SEGMENT = re.compile(rb"/\.\.?(?=/|\Z)")
_PARAMETERS = re.compile(rb";[^/]*")
_SLASHES = re.compile(rb"//+")
_UNRESERVED = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~")


class PathFault(Exception):
    """The path has no safe reading; the argument says why."""


def resolve(path: bytes) -> tuple[bytes, ...]:
    """All readings of the path of a request target, without query; the first is the canonical one.

    Raises `PathFault` for what browsers never send and backends disagree about: dot segments and control characters
    in any encoding, backslashes, malformed escapes, delimiters.
    """
    if _PLAIN.fullmatch(path):
        return (path,)
    if _TEXT.fullmatch(path):
        return (_canonical(path),)
    if not _WELL_FORMED.fullmatch(path):
        raise PathFault("malformed path")
    canonical = _canonical(path)
    if _CONTROL.search(unquote_to_bytes(path)):
        raise PathFault("escaped control character in the path")
    readings = {canonical}
    for view in _VIEWS:
        readings |= set(map(view, readings))
    if any(map(_DOT_SEGMENT.search, readings)):
        raise PathFault("dot segment in the path")
    return tuple(dict.fromkeys([canonical, *sorted(map(_canonical, readings))]))


def _canonical(path: bytes) -> bytes:
    """Unreserved characters decoded, hexadecimal digits in upper case, what cannot stand in a path escaped."""
    return _ESCAPED_OR_ODD.sub(_normalise, path)


def _normalise(found: re.Match[bytes]) -> bytes:
    text = found[0]
    byte = text[0] if len(text) == 1 else int(text[1:], 16)
    return bytes((byte,)) if byte in _UNRESERVED else b"%%%02X" % byte


def _without_parameters(path: bytes) -> bytes:
    return _PARAMETERS.sub(b"", path)


def _with_slashes(path: bytes) -> bytes:
    return path.replace(b"\\", b"/")


def _merged(path: bytes) -> bytes:
    return _SLASHES.sub(b"/", path)


_VIEWS = (
    _without_parameters,
    unquote_to_bytes,
    unquote_to_bytes,
    _with_slashes,
    _without_parameters,
    _merged,
)
"""What backends do to a path; each is applied to every reading so far, so all combinations in this order are seen."""
