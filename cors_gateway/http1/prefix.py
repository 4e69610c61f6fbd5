"""A path under one prefix made into a path under another, and back: `replace_prefix` and the redirects of the backend.

Bytes in, bytes out; what follows the prefix stays as it came. No path that comes out begins with two slashes, which
browsers and some servers take for the name of a host.
"""

from cors_gateway.http1.cause import Cause
from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.paths import PathFault, resolve


class PrefixMap:
    """From the paths of a route to those of its backend. Prefixes are canonical (`paths.py`), and end at a segment."""

    __slots__ = ("_base", "_is_exact", "_prefix", "_segments")

    def __init__(self, prefix: bytes, replacement: bytes, *, is_exact: bool = False) -> None:
        """`is_exact`: `prefix` is the whole path, and `replacement` what the backend gets instead."""
        self._is_exact = is_exact
        self._prefix = prefix if is_exact else prefix.rstrip(b"/")
        self._base = replacement if is_exact else replacement.rstrip(b"/")
        self._segments = self._prefix.count(b"/")

    def forward(self, target: bytes) -> bytes:
        """The target for the backend of a request that the route serves; one that is not a path stays as it is.

        The prefix is counted in segments, because a client may spell it with escapes. Raises ProtocolFault if somebody
        could read what comes out as having an authority, such as `/%2Fhost/path`.
        """
        if not target.startswith(b"/"):
            return target
        path, question, query = target.partition(b"?")
        if self._is_exact:
            return self._base + question + query
        parts = path.split(b"/", self._segments + 1)
        rest = b"/" + parts[self._segments + 1] if len(parts) > self._segments + 1 else b""
        replaced = under(self._base, rest)
        if _may_name_host(replaced):
            raise ProtocolFault(Cause.PATH_AMBIGUOUS)
        return replaced + question + query

    def back(self, path: bytes) -> bytes:
        """The path for the client of a path that the backend names; one that the route does not serve stays as it is.

        A backend that gets its paths without prefix may know the prefix and write it itself.
        """
        if self._is_exact:
            return self._prefix if path == self._base else path
        if self._base:
            return under(self._prefix, path[len(self._base) :]) if _is_under(path, self._base) else path
        return path if _is_under(path, self._prefix) else under(self._prefix, path)


def under(base: bytes, rest: bytes) -> bytes:
    """A path below `base`, which has no slash at the end; `rest` is empty or begins with a slash."""
    return base + rest if base else b"/" + rest.lstrip(b"/\\")


def _may_name_host(path: bytes) -> bool:
    try:
        return any(reading.startswith(b"//") for reading in resolve(path))
    except PathFault as fault:
        raise ProtocolFault(fault.cause) from None


def _is_under(path: bytes, prefix: bytes) -> bool:
    return path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in (b"", b"/")
