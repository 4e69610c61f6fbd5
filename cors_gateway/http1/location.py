"""Where an answer sends its client: redirects that the gateway makes, and those of a backend made fit to follow.

A backend that knows itself by its own address, or not by the prefix that its paths have outside, writes a `Location` or
`Refresh` that leads a browser nowhere. What names somebody else, and what is relative, is left as it came.
"""

import re
from collections.abc import Collection

from cors_gateway.http1.grammar import without_default_port
from cors_gateway.http1.prefix import PrefixMap, under

_ABSOLUTE = re.compile(rb"(?:(https?):)?//([^/?#\\]*)([^?#]*)(.*)", re.IGNORECASE | re.DOTALL)
_PATH = re.compile(rb"(/[^?#]*)(.*)", re.DOTALL)
_REFRESH = re.compile(
    rb"""([ \t]*[0-9.]+[ \t]*[;,]?[ \t]*(?:url[ \t]*=[ \t]*)?)   # HTML, shared declarative refresh steps
         (?: (?P<quote>["']) (?P<quoted>(?:(?!(?P=quote)).)*) (?P<end>.*) | (?P<plain>.+) )""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
_DEFAULT_PORTS = {b"http": b"80", b"https": b"443"}


def redirect_location(to: bytes, target: bytes) -> bytes:
    """The `Location` of a redirect to `to` (without a slash at the end) with the path and query of `target` added."""
    return under(to, target if target.startswith(b"/") else b"/")


class BackendLocations:
    """Makes the places that one backend names into those that the clients of one route can follow."""

    __slots__ = ("_map", "_own")

    def __init__(self, own: Collection[tuple[bytes, int]], prefix: PrefixMap | None) -> None:
        """`own`: hosts (lower case, IPv6 in brackets) and ports by which the backend may call itself."""
        self._own = frozenset((host, b"%d" % port) for host, port in own)
        self._map = prefix

    def location(self, value: bytes, host: bytes) -> bytes:
        """The value of a `Location`; `host` is the `Host` of the client's request.

        An address of the backend itself is replaced by the path alone, which holds for any host and scheme that the
        client knows the gateway by. One that names `host` keeps it, with the scheme that the backend chose.
        """
        value = _without_tabs(value)
        if value.startswith(b"/") and not value.startswith((b"//", b"/\\")):
            return self._mapped(value) if self._map is not None else value
        parts = _ABSOLUTE.fullmatch(value)
        if parts is None:
            return value
        scheme, authority, path, rest = parts.groups()
        if self._names_backend(scheme, authority.lower()):
            return self._mapped(under(b"", path)) + rest
        if self._map is not None and without_default_port(authority) == without_default_port(host):
            return value[: parts.start(3)] + self._mapped(path or b"/") + rest
        return value

    def refresh(self, value: bytes, host: bytes) -> bytes:
        """The value of a `Refresh`, such as `5; url=/next`."""
        parts = _REFRESH.fullmatch(value)
        if parts is None:
            return value
        if parts["plain"] is not None:
            return parts[1] + self.location(parts["plain"], host)
        quote: bytes = parts["quote"]
        return parts[1] + quote + self.location(parts["quoted"], host) + parts["end"]

    def _names_backend(self, scheme: bytes | None, authority: bytes) -> bool:
        name, port = _split_port(authority)
        if port:
            return (name, port) in self._own
        schemes = (b"http", b"https") if scheme is None else (scheme.lower(),)
        return any((name, _DEFAULT_PORTS[each]) in self._own for each in schemes)

    def _mapped(self, reference: bytes) -> bytes:
        """A reference that begins with a path."""
        parts = _PATH.fullmatch(reference)
        if parts is None or self._map is None:
            return reference
        return self._map.back(parts[1]) + parts[2]


def _without_tabs(value: bytes) -> bytes:
    """What browsers read: they drop tabs wherever these stand (URL standard, basic URL parser), so `/<tab>/a` names a host."""
    return value.replace(b"\t", b"")


def _split_port(authority: bytes) -> tuple[bytes, bytes]:
    """Host and port of an authority; the port is empty if it is not there."""
    name, colon, port = authority.rpartition(b":")
    if not colon or b"]" in port:
        return authority, b""
    return name, port.lstrip(b"0")
