"""What can be said about a request that is refused: its route and its origin, so that the answer is readable.

A browser hides an answer without CORS fields and blames CORS. So a head that is refused is looked at once more, line by
line, for what is certain: nothing here is forwarded, and whatever is doubtful counts as not there.
"""

from typing import NamedTuple

from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.grammar import is_token, is_valid_host, split_field_line, without_default_port
from cors_gateway.http1.paths import PathFault, resolve
from cors_gateway.http1.request_line import MAX_METHOD

_LOOKED_FOR = frozenset({b"host", b"origin", b"access-control-request-method"})


class RefusedHead(NamedTuple):
    """What is certain about a head that is refused. Without a path or a host, or with two, it belongs to no route."""

    method: bytes
    """Empty if it is no token."""
    path: bytes
    """As received, without a query; empty if it has no reading or was cut off."""
    readings: tuple[bytes, ...]
    """Of the path, the canonical one first. They may select different routes: then it belongs to none."""
    host: bytes | None
    origin: bytes | None
    method_asked: bytes | None

    @property
    def is_routable(self) -> bool:
        """Whether there is all that a route is selected by."""
        return bool(self.method and self.readings) and self.host is not None

    @property
    def is_preflight(self) -> bool:
        return self.method == b"OPTIONS" and self.origin is not None and self.method_asked is not None


def read_refused(head: bytes) -> RefusedHead:
    """Read what is certain about a refused head, which may be cut off anywhere, of any bytes. Never raises.

    `head` holds nothing that follows the head. A field counts if its line is complete and well-formed and it came once.
    """
    line, line_end, rest = head.partition(b"\r\n")
    method, path, readings, authority = _read_line(line, is_complete=bool(line_end))
    found: dict[bytes, bytes | None] = {}
    for field in rest.split(b"\r\n")[:-1]:  # the last one is empty or was cut off
        if field[:16].lower().startswith((b"host", b"origin", b"access-control-r")):
            try:
                name, value = split_field_line(field)
            except ProtocolFault:  # a Host that nobody can read is one too many
                name, value = field.partition(b":")[0].strip(b" \t"), b""
            if (lower := name.lower()) in _LOOKED_FOR:
                found[lower] = value if lower not in found and value else None
    host = found.get(b"host")
    if host is not None and not is_valid_host(host):
        host = None
    if authority is not None and without_default_port(authority) != without_default_port(host or b""):
        host = None
    asked = found.get(b"access-control-request-method")
    return RefusedHead(
        method,
        path,
        readings,
        host,
        found.get(b"origin"),
        asked if asked is not None and is_token(asked) else None,
    )


def _read_line(line: bytes, *, is_complete: bool) -> tuple[bytes, bytes, tuple[bytes, ...], bytes | None]:
    """Method, path, its readings, and the authority of an absolute-form target."""
    method, blank, target = line.partition(b" ")
    if not blank or not is_token(method) or len(method) > MAX_METHOD:
        return b"", b"", (), None
    target, blank, _ = target.partition(b" ")
    authority = None
    scheme, separator, after = target.partition(b"://")
    if separator and scheme.lower() in {b"http", b"https"}:
        authority, slash, after = after.partition(b"/")
        target = slash + after
    path, question, _ = target.partition(b"?")
    if not (question or (blank and is_complete)):
        return method, b"", (), authority
    try:
        return method, path, resolve(path), authority
    except PathFault:
        return method, b"", (), authority
