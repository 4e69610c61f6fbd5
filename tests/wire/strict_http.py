"""A strict reader of HTTP/1.1 messages: the second opinion of the wire tests.

It shares no code with the gateway, knows no leniency, and works on complete buffers: a message is
returned, is `IncompleteError` so far, or is `MalformedError`. Text is latin-1, so a character is a byte.
"""

import re
from dataclasses import dataclass, field

MAX_BLANK_LINES = 4
MAX_LINE = 1 << 16

_REQUEST_LINE = re.compile(rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+) ([\x21-\x7e]+) HTTP/1\.([01])")
_STATUS_LINE = re.compile(rb"HTTP/1\.([01]) ([1-9][0-9]{2}) ([\t\x20-\x7e\x80-\xff]*)")
_FIELD_LINE = re.compile(
    rb"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*((?:[\x21-\x7e\x80-\xff]"
    rb"(?:[\t\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff])?)?)[ \t]*"
)
_CHUNK_LINE = re.compile(rb"([0-9A-Fa-f]+)(?:[ \t]*;[\t\x20-\x7e\x80-\xff]*)?")

Fields = tuple[tuple[str, str], ...]


class MalformedError(Exception):
    """The bytes can never become a valid message."""


class IncompleteError(Exception):
    """The bytes may become a valid message once at least `needed` of them are there."""

    def __init__(self, needed: int = 0) -> None:
        super().__init__(needed)
        self.needed = needed


@dataclass(frozen=True, slots=True)
class Request:
    method: str
    target: str
    version: str
    fields: Fields
    body: bytes = b""
    trailers: Fields = ()
    chunked: bool = False

    def values(self, name: str) -> list[str]:
        """The values of every line of that name, in order."""
        return values_of(self.fields, name)

    @property
    def identity(self) -> tuple[str, str, bytes]:
        """What a backend acts upon."""
        return self.method, origin_form(self.target), self.body


@dataclass(frozen=True, slots=True)
class Response:
    status: int
    reason: str
    version: str
    fields: Fields
    body: bytes = b""
    trailers: Fields = ()
    framing: str = "none"  # none | length | chunked | eof
    complete: bool = True

    def values(self, name: str) -> list[str]:
        """The values of every line of that name, in order."""
        return values_of(self.fields, name)


@dataclass(slots=True)
class Chunks:
    """A chunked body as far as it has been read."""

    data: bytearray = field(default_factory=bytearray)
    trailers: Fields = ()
    end: int = 0
    is_complete: bool = False


def values_of(fields: Fields, name: str) -> list[str]:
    """The values of every line called `name`, whatever its case."""
    return [value for key, value in fields if key.lower() == name.lower()]


def origin_form(target: str) -> str:
    """The path and query of a target, which may be in absolute form (RFC 9112, 3.2.2)."""
    match = re.fullmatch(r"https?://[^/?#]*(.*)", target, re.IGNORECASE)
    if match is None:
        return target
    rest = match[1]
    return rest if rest.startswith("/") else "/" + rest


def parse_request(data: bytes, start: int = 0) -> tuple[Request, int]:
    """The request that begins at `start`, and where it ends. Raises IncompleteError or MalformedError."""
    head, position = parse_request_head(data, start)
    if head.chunked:
        chunks = read_chunks(data, position)
        if not chunks.is_complete:
            raise IncompleteError
        body, trailers, position = bytes(chunks.data), chunks.trailers, chunks.end
    else:
        length = content_length(head.fields) or 0
        if len(data) < position + length:
            raise IncompleteError(position + length)
        body, trailers, position = data[position : position + length], (), position + length
    return (
        Request(head.method, head.target, head.version, head.fields, bytes(body), trailers, head.chunked),
        position,
    )


def parse_request_head(data: bytes, start: int = 0) -> tuple[Request, int]:
    """The request line and fields alone, and where the body begins."""
    lines, position = _head_lines(data, start)
    match = _REQUEST_LINE.fullmatch(lines[0])
    if match is None:
        raise MalformedError(f"request line {lines[0][:80]!r}")
    method, target, minor = (part.decode("latin-1") for part in match.groups())
    fields = _fields(lines[1:])
    _check_target(method, target)
    _check_host(fields, minor)
    return Request(method, target, minor, fields, chunked=_is_chunked(fields, minor)), position


def parse_requests(data: bytes) -> tuple[list[Request], str]:
    """Every complete request in `data`, and why reading stopped: `end`, `incomplete` or a fault."""
    requests: list[Request] = []
    position = 0
    while position < len(data):
        position = _skip_blank_lines(data, position)
        try:
            request, position = parse_request(data, position)
        except IncompleteError:
            return requests, "incomplete"
        except MalformedError as fault:
            return requests, str(fault)
        requests.append(request)
        if is_last(request):
            break
    return requests, "end"


def is_last(request: Request) -> bool:
    """Whether nothing may follow that request on its connection."""
    tokens = [token.strip().lower() for value in request.values("connection") for token in value.split(",")]
    return request.version == "0" or "close" in tokens or request.method == "CONNECT"


def parse_response(
    data: bytes, method: str = "GET", *, start: int = 0, at_end: bool = False, is_lenient: bool = False
) -> tuple[Response, int]:
    """The response that begins at `start` and answers `method`, and where it ends.

    With `at_end` no more bytes will come: an unfinished body is returned with `complete` false. `is_lenient` lets a
    backend do what real ones do: leave out the space after the status, repeat Content-Length, frame messages that
    have no body, end chunk lines with spaces or a bare LF.
    """
    lines, position = _head_lines(data, start)
    line = lines[0] + b" " if is_lenient and len(lines[0]) == len("HTTP/1.1 200") else lines[0]
    match = _STATUS_LINE.fullmatch(line)
    if match is None:
        raise MalformedError(f"status line {lines[0][:80]!r}")
    minor, status, reason = match[1].decode(), int(match[2]), match[3].decode("latin-1")
    fields = _fields(lines[1:])
    has_no_body = method == "HEAD" or status < 200 or status in (204, 304)
    if has_no_body and is_lenient:
        return Response(status, reason, minor, fields), position
    is_chunked = _is_chunked(fields, minor)
    length = content_length(fields, may_repeat=is_lenient)
    if (is_chunked or length is not None) and (status < 200 or status == 204):
        raise MalformedError(f"a {status} response with framing (RFC 9110, 8.6; RFC 9112, 6.1)")
    if has_no_body:
        return Response(status, reason, minor, fields), position
    if is_chunked:
        chunks = read_chunks(data, position, is_lenient=is_lenient)
        if not chunks.is_complete and not at_end:
            raise IncompleteError
        body = bytes(chunks.data)
        return (
            Response(status, reason, minor, fields, body, chunks.trailers, "chunked", chunks.is_complete),
            chunks.end,
        )
    if length is None:
        if not at_end:
            raise IncompleteError
        return Response(status, reason, minor, fields, bytes(data[position:]), (), "eof"), len(data)
    end = position + length
    if len(data) < end and not at_end:
        raise IncompleteError(end)
    body = bytes(data[position:end])
    return Response(status, reason, minor, fields, body, (), "length", len(data) >= end), min(end, len(data))


def read_chunks(data: bytes, position: int, *, is_lenient: bool = False) -> Chunks:
    """The chunked body at `position`, as far as it goes (RFC 9112, 7.1)."""
    chunks = Chunks(end=position)
    while True:
        line, position = _line(data, position, is_lenient=is_lenient)
        if line is None:
            return chunks
        match = _CHUNK_LINE.fullmatch(line.rstrip(b" \t") if is_lenient else line)
        if match is None or len(match[1]) > 16:
            raise MalformedError(f"chunk line {line[:80]!r}")
        size = int(match[1], 16)
        if size == 0:
            break
        chunks.data += data[position : position + size]
        position += size
        if data[position : position + 1] not in (b"", b"\r", b"\n"):
            raise MalformedError("chunk data is longer than its size")
        line, position = _line(data, position, is_lenient=is_lenient)
        if line is None:
            return chunks
        if line:
            raise MalformedError("chunk data is longer than its size")
        chunks.end = position
    trailers: list[bytes] = []
    while True:
        line, position = _line(data, position, is_lenient=is_lenient)
        if line is None:
            return chunks
        if not line:
            chunks.trailers, chunks.end, chunks.is_complete = _fields(trailers), position, True
            return chunks
        trailers.append(line)


def content_length(fields: Fields, *, may_repeat: bool = False) -> int | None:
    """The one Content-Length, None when there is none. Raises MalformedError."""
    lengths = values_of(fields, "content-length")
    if not lengths:
        return None
    if may_repeat:
        lengths = list(dict.fromkeys(lengths))
    if len(lengths) > 1 or re.fullmatch("[0-9]{1,19}", lengths[0]) is None:
        raise MalformedError(f"Content-Length {lengths}")
    return int(lengths[0])


def _line(data: bytes, position: int, *, is_lenient: bool) -> tuple[bytes | None, int]:
    """The line at `position` without its end, and where the next begins; None while its end is missing."""
    end = data.find(b"\n", position)
    if end < 0:
        if len(data) - position > MAX_LINE:
            raise MalformedError("endless line")
        return None, position
    line = bytes(data[position:end])
    if line.endswith(b"\r"):
        return line[:-1], end + 1
    if not is_lenient:
        raise MalformedError("bare LF")
    return line, end + 1


def _head_lines(data: bytes, start: int) -> tuple[list[bytes], int]:
    end = data.find(b"\r\n\r\n", start)
    if end < 0:
        raise IncompleteError
    return bytes(data[start:end]).split(b"\r\n"), end + 4


def _fields(lines: list[bytes]) -> Fields:
    fields = []
    for line in lines:
        match = _FIELD_LINE.fullmatch(line)
        if match is None:
            raise MalformedError(f"field line {bytes(line[:80])!r}")
        fields.append((match[1].decode(), match[2].decode("latin-1")))
    return tuple(fields)


def _is_chunked(fields: Fields, minor: str) -> bool:
    codings = values_of(fields, "transfer-encoding")
    if not codings:
        return False
    if len(codings) > 1 or codings[0].lower() != "chunked" or minor != "1":
        raise MalformedError(f"Transfer-Encoding {codings} in HTTP/1.{minor}")
    if values_of(fields, "content-length"):
        raise MalformedError("Content-Length beside Transfer-Encoding")
    return True


def _check_target(method: str, target: str) -> None:
    if "#" in target:
        raise MalformedError("fragment in the target")
    if target.startswith("/") or re.match("https?://[^/?@]+", target, re.IGNORECASE) or method == "CONNECT":
        return
    if not (target == "*" and method == "OPTIONS"):
        raise MalformedError(f"target {target[:80]!r}")


def _check_host(fields: Fields, minor: str) -> None:
    hosts = values_of(fields, "host")
    if len(hosts) > 1 or (minor == "1" and not hosts):
        raise MalformedError(f"Host {hosts}")


def _skip_blank_lines(data: bytes, position: int) -> int:
    for _ in range(MAX_BLANK_LINES):
        if data[position : position + 2] != b"\r\n":
            break
        position += 2
    return position
