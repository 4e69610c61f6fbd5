"""How the access log says what came of a request: as JSON, in the combined format, or short for people.

No byte that a client sent can end a line or start a field: what is not plain ASCII is escaped. Cookies, Authorization
and query strings are never written.

Writing lines is most of what a log costs. So what hardly changes from one line to the next is remembered as it was
written: where requests go and from whom, the time, and small numbers.
"""

import json
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from cors_gateway.http1.memo import MIB, OVERHEAD, Key, Memo, Room
from cors_gateway.http1.request import RequestHead
from cors_gateway.observe.record import RequestRecord
from cors_gateway.observe.trouble import Trouble
from cors_gateway.policy.reason import Kind, Reason
from cors_gateway.snapshot import AccessLog as Form

if TYPE_CHECKING:
    from cors_gateway.observe.metrics import RouteStats, Tally

K = TypeVar("K", bound=Key)

MAX_VALUE = 2048
"""Bytes of one value that are written."""
MAX_ORIGIN = 256
MAX_REMEMBERED = 4096
"""Values of one kind that are remembered as they were written."""
MAX_NUMBER = 2048
"""Numbers below this one are remembered."""

# Printable ASCII but for what JSON escapes: a value of these bytes alone can be written as it is.
_PLAIN = bytes(set(range(0x20, 0x7F)) - {0x22, 0x5C})
_UNKNOWN = b"-"


class Numbers(dict[int, str]):
    """Whole numbers as they are written, each kept when it is first asked for."""

    def __missing__(self, number: int) -> str:
        written = self.write(number)
        if 0 <= number < MAX_NUMBER:
            self[number] = written
        return written

    @staticmethod
    def write(number: int) -> str:
        return str(number)


class Tenths(Numbers):
    """Tenths with their decimal point: 15 is 1.5."""

    @staticmethod
    def write(number: int) -> str:
        return f"{number // 10}.{number % 10}"


NUMBERS = Numbers()
TENTHS = Tenths()
TO_TENTHS = 10_000
"""What seconds are multiplied with to be tenths of a millisecond."""


class Stamp:
    """The time of a line. What was written last is right until the next second."""

    __slots__ = ("_broken_down", "_format", "_second", "_written")

    def __init__(self, form: str, broken_down: Callable[[float], time.struct_time] = time.gmtime) -> None:
        """`form` is one of `strftime`."""
        self._format = form
        self._broken_down = broken_down
        self._second = -1
        self._written = ""

    def of(self, second: int) -> str:
        """Of a moment in whole seconds since 1970."""
        if second != self._second:
            self._second = second
            self._written = time.strftime(self._format, self._broken_down(second))
        return self._written


class Values(Memo[bytes, str]):
    """Values as they are written; what comes again is remembered."""

    __slots__ = ("_write",)

    def __init__(self, write: Callable[[bytes], str]) -> None:
        super().__init__(_room(), longest=MAX_ORIGIN, cost=_cost)
        self._write = write

    def __missing__(self, value: bytes) -> str:
        written = self._write(value)
        self.offer(value, written)
        return written


class JsonFormat:
    """One JSON object a line; the names are documented in `docs/observability.md`."""

    def __init__(self) -> None:
        self._seconds = Stamp('{"ts":"%Y-%m-%dT%H:%M:%S.')
        self._stamp = ""
        """Of the millisecond that begins at `_from`, and goes until `_until`."""
        self._from = self._until = 0.0
        self._where: Memo[tuple[RouteStats, bytes, bytes, str, int], str] = Memo(
            _room(), longest=MAX_ORIGIN, cost=_cost
        )
        self._paths = Values(_json_path)
        self._whence: Memo[tuple[str, Tally, bytes | None, str], str] = Memo(
            _room(), longest=MAX_ORIGIN, cost=_cost
        )

    def line(self, record: RequestRecord, now: float) -> str:
        """What came of a request that ended at `now` (seconds since 1970)."""
        if not self._from <= now < self._until:
            self._set_stamp(now)
        where = self._where.get(
            (record.stats, record.method, record.host, record.protocol, record.generation)
        ) or self._write_where(record)
        whence = self._whence.get(
            (record.client, record.tally, record.origin, record.upstream)
        ) or self._write_whence(record)
        rest = ""
        if record.upstream:
            seconds, connect = record.seconds, record.connect_seconds
            duration = TENTHS[round(seconds * TO_TENTHS)]
            rest = (
                f',"upstream_connect_ms":{TENTHS[round(connect * TO_TENTHS)]}'
                f',"upstream_ms":{TENTHS[round(record.upstream_seconds * TO_TENTHS)]}'
                f',"upstream_total_ms":{TENTHS[round((seconds - connect) * TO_TENTHS)]}'
                f',"request_id":"{record.request_id.decode("ascii")}"'
            )
        else:
            duration = TENTHS[round(record.seconds * TO_TENTHS)]
            if record.request_id:
                rest = f',"request_id":"{record.request_id.decode("ascii")}"'
        if record.trouble is not None:
            rest += _trouble(record.trouble)
        if record.asked is not None:
            rest += _asked(record.asked)
        section = record.section
        if section is not None and (record.trace is not None or section.layout.is_traced):
            rest += _trace_id(record.traceparent or b"")
        return (
            f'{self._stamp}{where}{self._paths[record.target]},"status":{NUMBERS[record.status]}'
            f',"bytes_in":{NUMBERS[record.bytes_in]},"bytes_out":{NUMBERS[record.bytes_out]}'
            f',"duration_ms":{duration}{whence}{rest}}}\n'
        )

    def _set_stamp(self, now: float) -> None:
        millisecond = int(now * 1000)
        self._stamp = f'{self._seconds.of(millisecond // 1000)}{millisecond % 1000:03}Z"'
        self._from, self._until = millisecond / 1000, (millisecond + 1) / 1000

    def _write_where(self, record: RequestRecord) -> str:
        written = (
            f',"level":"info","event":"request","route":{_json(record.stats.name.encode("utf-8"))}'
            f',"method":{_json(record.method)},"host":{_json(record.host)},"protocol":"{record.protocol}"'
            f',"generation":{record.generation},"path":'
        )
        key = (record.stats, record.method, record.host, record.protocol, record.generation)
        _keep(self._where, key, written, len(record.host))
        return written

    def _write_whence(self, record: RequestRecord) -> str:
        tally = record.tally
        written = (
            f',"client":{_json(record.client.encode("ascii", "replace"))}'
            f',"cors":{{"kind":"{tally.kind}","outcome":"{tally.outcome}","reason":"{tally.reason}"}}'
        )
        if record.origin is not None:
            written += f',"origin":{_json(record.origin[:MAX_ORIGIN])}'
        if record.upstream:
            written += f',"upstream":{_json(record.upstream.encode("utf-8"))}'
        key = (record.client, tally, record.origin, record.upstream)
        _keep(self._whence, key, written, len(record.origin or b""))
        return written


class CombinedFormat:
    """The format that Apache and nginx call `combined`, without query strings and users."""

    def __init__(self) -> None:
        self._stamp = Stamp("%d/%b/%Y:%H:%M:%S +0000")
        self._paths = Values(_escaped_path)
        self._values = Values(_escaped)

    def line(self, record: RequestRecord, now: float) -> str:
        """As `JsonFormat.line`."""
        paths, values = self._paths, self._values
        referer, agent = record.field(b"referer") or _UNKNOWN, record.field(b"user-agent") or _UNKNOWN
        return (
            f"{record.client or '-'} - - [{self._stamp.of(int(now))}]"
            f' "{values[record.method]} {paths[record.target]} {record.protocol}"'
            f" {NUMBERS[record.status]} {NUMBERS[record.bytes_out]}"
            f' "{paths[referer]}" "{values[agent]}"\n'
        )


class TextFormat:
    """A short line for people who watch: when, what came of it, what was asked, how long it took, and what was amiss."""

    def __init__(self) -> None:
        self._stamp = Stamp("%H:%M:%S", time.localtime)
        self._paths = Values(_escaped_path)
        self._values = Values(_escaped)

    def line(self, record: RequestRecord, now: float) -> str:
        """As `JsonFormat.line`."""
        values = self._values
        parts = [
            self._stamp.of(int(now)),
            NUMBERS[record.status],
            values[record.method],
            values[record.host] + self._paths[record.target],
            f"{TENTHS[round(record.seconds * TO_TENTHS)]}ms",
            record.stats.name.encode("ascii", "backslashreplace").decode("ascii"),
        ]
        tally, trouble = record.tally, record.trouble
        if record.origin is not None:
            parts.append("from " + values[record.origin[:MAX_ORIGIN]])
        if tally.kind != Kind.NOT_CORS or tally.reason != Reason.NOT_CORS:
            parts.append(f"{tally.kind} {tally.outcome}: {tally.reason}")
        if record.asked is not None:
            parts.append("asked " + _escaped(b", ".join(record.asked.method_asked)))
            if headers := b", ".join(record.asked.headers_asked):
                parts.append("with " + _escaped(headers))
        if trouble is not None:
            parts.append("! " + trouble.cause)
            if trouble.detail:
                parts.append("(" + _escaped(trouble.detail.encode("utf-8")) + ")")
        return " ".join(parts) + "\n"


_FORMATS: dict[Form, type[JsonFormat | CombinedFormat | TextFormat]] = {
    Form.JSON: JsonFormat,
    Form.COMBINED: CombinedFormat,
    Form.TEXT: TextFormat,
}


def line_writer(form: Form) -> Callable[[RequestRecord, float], str]:
    """What writes lines in a form, with memories of its own."""
    return _FORMATS[form]().line


def _trouble(trouble: Trouble) -> str:
    """The cause, what is known of it, and the class of failure if the upstream failed."""
    written = f',"cause":"{trouble.cause}"'
    if trouble.detail:
        written += f',"detail":{_json(trouble.detail.encode("utf-8"))}'
    if trouble.failure:
        written += f',"failure":"{trouble.failure}"'
    return written


def _asked(head: RequestHead) -> str:
    """What a refused preflight asked for: without it the refusal cannot be mended."""
    method, headers = b", ".join(head.method_asked), b", ".join(head.headers_asked)
    return f',"asked":{{"method":{_json(method)},"headers":{_json(headers)}}}'


def _trace_id(traceparent: bytes) -> str:
    return f',"trace_id":{_json(traceparent[3:35])}' if len(traceparent) >= 35 else ""


def _room() -> Room:
    return Room(entries=MAX_REMEMBERED, size=2 * MIB)


def _cost(_: Key, written: str) -> int:
    return OVERHEAD + 2 * len(written)


def _keep(memory: Memo[K, str], key: K, written: str, size: int) -> None:
    """Remember what was written for a key of which clients choose `size` bytes."""
    if size <= MAX_ORIGIN:
        memory.offer(key, written)


def _json(value: bytes) -> str:
    """A JSON string of any bytes, in ASCII."""
    value = value[:MAX_VALUE]
    if not value.translate(None, _PLAIN):
        return f'"{value.decode("ascii")}"'
    return json.dumps(value.decode("utf-8", "backslashreplace"))


def _json_path(target: bytes) -> str:
    return _json(target.partition(b"?")[0])


def _escaped_path(target: bytes) -> str:
    return _escaped(target.partition(b"?")[0])


def _escaped(value: bytes) -> str:
    """Any bytes inside quotation marks, as nginx escapes them."""
    value = value[:MAX_VALUE]
    if not value.translate(None, _PLAIN):
        return value.decode("ascii")
    return "".join(chr(byte) if byte in _PLAIN else f"\\x{byte:02X}" for byte in value)
