"""The head of a response as fields of a stream (RFC 9113 8.2, 8.3.2), from what it is in HTTP/1.1.

Written before by whoever writes it for HTTP/1.1 too, so that both say the same; what belongs to a connection is left
out here, and names are put into lower case.
"""

from cors_gateway.http1.memo import MIB, Memo, Room

MAX_REMEMBERED_LINE = 1024

Field = tuple[bytes, bytes]

_OF_CONNECTION = frozenset(
    {b"connection", b"keep-alive", b"proxy-connection", b"transfer-encoding", b"upgrade"}
)
_DROPPED: Field = (b"", b"")

# For all connections: spelling alone.
_FIELDS: Memo[bytes, Field] = Memo(Room(entries=4096, size=4 * MIB), longest=MAX_REMEMBERED_LINE)


def response_fields(head: bytes) -> list[Field]:
    """The fields of a response head, status line and empty line included in `head`; pseudo-header fields first."""
    lines = head.split(b"\r\n")
    known = _FIELDS.get
    fields = [(b":status", lines[0][9:12])]
    for line in lines[1:-2]:
        field = known(line) or _read(line)
        if field is not _DROPPED:
            fields.append(field)
    return fields


def _read(line: bytes) -> Field:
    name, _, value = line.partition(b":")
    name = name.lower()
    field = _DROPPED if name in _OF_CONNECTION else (name, value.strip(b" \t"))
    _FIELDS.offer(line, field)
    return field
