"""Where a redirect leads: to which origin, if it is another than that of the request."""

import re

MAX_ORIGIN = 256
"""Bytes of an origin that are told."""

_ABSOLUTE = re.compile(rb"(?:(https?):)?//([^/?#]*)", re.IGNORECASE)
_SCHEME = re.compile(rb"([a-z][a-z0-9+.-]*):", re.IGNORECASE)
_DEFAULT_PORTS = {b"http": b":80", b"https": b":443"}


def other_origin(location: bytes, scheme: bytes, host: bytes) -> bytes:
    """The origin that a `Location` leads to, if it is not `scheme://host`; of what has no authority, the scheme alone.

    Empty for one that stays. Browsers drop tabs wherever these stand, and read a backslash as a slash (URL standard, basic
    URL parser and special schemes).
    """
    read = location.replace(b"\t", b"").strip(b" ").replace(b"\\", b"/")
    named = _ABSOLUTE.match(read)
    if named is None:
        other = _SCHEME.match(read)
        return other[1].lower() + b":" if other is not None else b""
    to = _origin((named[1] or scheme).lower(), named[2].rpartition(b"@")[2])
    return to[:MAX_ORIGIN] if to != _origin(scheme, host) else b""


def _origin(scheme: bytes, authority: bytes) -> bytes:
    return scheme + b"://" + authority.lower().removesuffix(_DEFAULT_PORTS[scheme]).removesuffix(b":")
