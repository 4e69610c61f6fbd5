"""The access log: one line for each request on standard output, as JSON, in the combined format, or short for people.

Formatting happens when the request is over, writing in a thread, a batch at a time. No byte that a client sent can
end a line or start a field: what is not plain ASCII is escaped. Cookies, Authorization and query strings are never
written.
"""

import asyncio
import json
import time
from typing import TYPE_CHECKING, TypeVar

from cors_gateway.http1.memo import MIB, OVERHEAD, Key, Memo, Room
from cors_gateway.observe.background_writer import BackgroundWriter
from cors_gateway.observe.metrics import RouteStats, Tally
from cors_gateway.observe.record import RequestRecord
from cors_gateway.observe.trouble import Trouble
from cors_gateway.policy.reason import Kind, Reason
from cors_gateway.snapshot import AccessLog as Form

if TYPE_CHECKING:
    from collections.abc import Callable

K = TypeVar("K", bound=Key)

BATCH_SECONDS = 0.2
BATCH_LINES = 512
MAX_VALUE = 2048
"""Bytes of one value that are written."""
MAX_ORIGIN = 256
MAX_REMEMBERED = 4096
"""Values of one kind that are remembered as they were written."""

# Printable ASCII but for what JSON escapes: a value of these bytes alone can be written as it is.
_PLAIN = bytes(set(range(0x20, 0x7F)) - {0x22, 0x5C})
_UNKNOWN = b"-"
_UPSTREAM = b',"upstream_connect_ms":%.1f,"upstream_ms":%.1f,"upstream_total_ms":%.1f,"request_id":"%b"'


class AccessLog:
    """Writes finished requests down. `record` never blocks and never raises."""

    def __init__(self, form: Form, writer: BackgroundWriter, loop: asyncio.AbstractEventLoop) -> None:
        self.form = form
        self._format: Callable[[RequestRecord, float], bytes]
        self._format = _FORMATS[form]().line
        self._writer = writer
        self._loop = loop
        self._lines: list[bytes] = []
        self._timer: asyncio.TimerHandle | None = None
        self._told = 0

    @property
    def dropped(self) -> int:
        """Lines that could not be written."""
        return self._writer.dropped

    def take_dropped(self) -> int:
        """Lines that could not be written since this was last asked."""
        new = self._writer.dropped - self._told
        self._told += new
        return new

    def record(self, record: RequestRecord) -> None:
        """Write down one request with the present time."""
        self._lines.append(self._format(record, time.time()))
        if self._timer is None:
            self._timer = self._loop.call_later(BATCH_SECONDS, self.flush)
        elif len(self._lines) >= BATCH_LINES:
            self.flush()

    def flush(self) -> None:
        """Hand what was recorded to the writer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._lines:
            self._writer.put(b"".join(self._lines), len(self._lines))
            self._lines.clear()

    def close(self) -> None:
        self.flush()
        self._writer.close()


class JsonFormat:
    """One JSON object a line; the names are documented in `docs/operations.md`.

    What hardly changes from one line to the next is written once and remembered: where a request went, and from whom.
    """

    def __init__(self) -> None:
        self._second = -1
        self._stamp = b""
        self._where: Memo[tuple[RouteStats, bytes, bytes, str], bytes] = _memo()
        self._paths: Memo[bytes, bytes] = _memo()
        self._whence: Memo[tuple[str, Tally, bytes | None, str], bytes] = _memo()

    def line(self, record: RequestRecord, now: float) -> bytes:
        second = int(now)
        if second != self._second:
            self._second = second
            self._stamp = time.strftime('{"ts":"%Y-%m-%dT%H:%M:%S', time.gmtime(second)).encode("ascii")
        path = record.target.partition(b"?")[0]
        line = (
            b'%b.%03dZ"%b,"generation":%d,"path":%b,"status":%d,"bytes_in":%d,"bytes_out":%d,"duration_ms":%.1f%b'
            % (
                self._stamp,
                (now - second) * 1000,
                self._where.get((record.stats, record.method, record.host, record.protocol))
                or self._write_where(record),
                record.generation,
                self._paths.get(path) or self._write_path(path),
                record.status,
                record.bytes_in,
                record.bytes_out,
                record.seconds * 1000,
                self._whence.get((record.client, record.tally, record.origin, record.upstream))
                or self._write_whence(record),
            )
        )
        if record.upstream:  # the common case, in one piece
            connect = record.connect_seconds
            line += _UPSTREAM % (
                connect * 1000,
                record.upstream_seconds * 1000,
                (record.seconds - connect) * 1000,
                record.request_id,
            )
        elif record.request_id:
            line += b',"request_id":"%b"' % record.request_id
        if record.trouble is not None:
            line += _trouble(record.trouble)
        if record.method_asked is not None:
            headers = record.headers_asked or b""
            line += b',"asked":{"method":%b,"headers":%b}' % (_json(record.method_asked), _json(headers))
        trace = record.traceparent
        if trace is not None and len(trace) >= 35:
            line += b',"trace_id":' + _json(trace[3:35])
        return line + b"}\n"

    def _write_where(self, record: RequestRecord) -> bytes:
        written = b',"level":"info","event":"request","route":%b,"method":%b,"host":%b,"protocol":"%b"' % (
            _json(record.stats.name.encode("utf-8")),
            _json(record.method),
            _json(record.host),
            record.protocol.encode("ascii"),
        )
        key = (record.stats, record.method, record.host, record.protocol)
        _keep(self._where, key, written, len(record.host))
        return written

    def _write_path(self, path: bytes) -> bytes:
        written = _json(path)
        _keep(self._paths, path, written, len(path))
        return written

    def _write_whence(self, record: RequestRecord) -> bytes:
        written = b',"client":%b%b' % (_json(record.client.encode("ascii", "replace")), _cors(record.tally))
        if record.origin is not None:
            written += b',"origin":' + _json(record.origin[:MAX_ORIGIN])
        if record.upstream:
            written += b',"upstream":' + _json(record.upstream.encode("utf-8"))
        key = (record.client, record.tally, record.origin, record.upstream)
        _keep(self._whence, key, written, len(record.origin or b""))
        return written


class CombinedFormat:
    """The format that Apache and nginx call `combined`, without query strings and users."""

    def __init__(self) -> None:
        self._second = -1
        self._stamp = b""

    def line(self, record: RequestRecord, now: float) -> bytes:
        second = int(now)
        if second != self._second:
            self._second = second
            self._stamp = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime(second)).encode("ascii")
        return b'%b - - [%b] "%b %b %b" %d %d "%b" "%b"\n' % (
            record.client.encode("ascii") or _UNKNOWN,
            self._stamp,
            _escaped(record.method),
            _escaped(record.target.partition(b"?")[0]),
            record.protocol.encode("ascii"),
            record.status,
            record.bytes_out,
            _escaped((record.field(b"referer") or _UNKNOWN).partition(b"?")[0]),
            _escaped(record.field(b"user-agent") or _UNKNOWN),
        )


class TextFormat:
    """A short line for people who watch: when, what came of it, what was asked, how long it took, and what was amiss."""

    def line(self, record: RequestRecord, now: float) -> bytes:
        parts = [
            time.strftime("%H:%M:%S", time.localtime(now)).encode("ascii"),
            b"%d" % record.status,
            _escaped(record.method),
            _escaped(record.host + record.target.partition(b"?")[0]),
            b"%.1fms" % (record.seconds * 1000),
            record.stats.name.encode("ascii", "backslashreplace"),
        ]
        tally, trouble = record.tally, record.trouble
        if record.origin is not None:
            parts.append(b"from " + _escaped(record.origin[:MAX_ORIGIN]))
        if tally.kind != Kind.NOT_CORS or tally.reason != Reason.NOT_CORS:
            parts.append(f"{tally.kind} {tally.outcome}: {tally.reason}".encode("ascii"))
        if record.method_asked is not None:
            parts.append(b"asked " + _escaped(record.method_asked))
            if record.headers_asked:
                parts.append(b"with " + _escaped(record.headers_asked))
        if trouble is not None:
            parts.append(b"! " + trouble.cause.encode("ascii"))
            if trouble.detail:
                parts.append(b"(" + _escaped(trouble.detail.encode("utf-8")) + b")")
        return b" ".join(parts) + b"\n"


_FORMATS: dict[Form, type[JsonFormat | CombinedFormat | TextFormat]] = {
    Form.JSON: JsonFormat,
    Form.COMBINED: CombinedFormat,
    Form.TEXT: TextFormat,
}


def _trouble(trouble: Trouble) -> bytes:
    """The cause, what is known of it, and the class of failure if the upstream failed."""
    written = b',"cause":"%b"' % trouble.cause.encode("ascii")
    if trouble.detail:
        written += b',"detail":' + _json(trouble.detail.encode("utf-8"))
    if trouble.failure:
        written += b',"failure":"%b"' % trouble.failure.encode("ascii")
    return written


def _memo() -> Memo[K, bytes]:
    room = Room(entries=MAX_REMEMBERED, size=2 * MIB)
    return Memo(room, longest=MAX_ORIGIN, cost=lambda _, written: OVERHEAD + 2 * len(written))


def _keep(memory: Memo[K, bytes], key: K, written: bytes, size: int) -> None:
    """Remember what was written for a key of which clients choose `size` bytes."""
    if size <= MAX_ORIGIN:
        memory.offer(key, written)


def _cors(tally: Tally) -> bytes:
    names = (tally.kind, tally.outcome, tally.reason)
    return b',"cors":{"kind":"%b","outcome":"%b","reason":"%b"}' % tuple(
        name.encode("ascii") for name in names
    )


def _json(value: bytes) -> bytes:
    """A JSON string of any bytes, in ASCII."""
    value = value[:MAX_VALUE]
    if not value.translate(None, _PLAIN):
        return b'"' + value + b'"'
    return json.dumps(value.decode("utf-8", "backslashreplace")).encode("ascii")


def _escaped(value: bytes) -> bytes:
    """Any bytes inside quotation marks, as nginx escapes them."""
    value = value[:MAX_VALUE]
    if not value.translate(None, _PLAIN):
        return value
    return b"".join(b"%c" % byte if byte in _PLAIN else b"\\x%02X" % byte for byte in value)
