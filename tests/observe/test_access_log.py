"""The access log: one line a request, and nothing a client sends can change that."""

import asyncio
import fcntl
import json
import os
import re
import time
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_gateway.http1.cause import Cause
from cors_gateway.http1.fields import Pattern
from cors_gateway.http1.forwarded import HTTP10, HTTP11
from cors_gateway.http1.request import HeaderSection, Layout, RequestHead
from cors_gateway.http1.request_fields import KEEP, RequestField
from cors_gateway.observe.access_log import BATCH_LINES, BATCH_RECORDS, AccessLog
from cors_gateway.observe.background_writer import BackgroundWriter
from cors_gateway.observe.log_format import NUMBERS, TENTHS, CombinedFormat, JsonFormat, TextFormat
from cors_gateway.observe.metrics import RouteStats
from cors_gateway.observe.record import RequestRecord
from cors_gateway.observe.trouble import CLIENT_LEFT, Trouble
from cors_gateway.snapshot import AccessLog as Form

NOON = 1_795_348_800.25
COMBINED = re.compile(r'\S+ - - \[[^\]]+\] "[^"]*" [0-9]+ [0-9]+ "[^"]*" "[^"]*"\n')
FORMATS = (JsonFormat, CombinedFormat, TextFormat)
TRACEPARENT = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"

AnyFormat = JsonFormat | CombinedFormat | TextFormat


def section(fields: dict[str, bytes]) -> HeaderSection:
    """A header section with these fields, whatever bytes they have."""
    read = [RequestField(KEEP, name.encode(), name.encode(), value) for name, value in fields.items()]
    return HeaderSection(
        read, Layout(read), RequestHead(), Pattern(b"", [field.line for field in read], read)
    )


def asked(method: bytes, *headers: bytes) -> RequestHead:
    """The head of a preflight."""
    head = RequestHead()
    head.method_asked, head.headers_asked = (method,), headers
    return head


def record(
    method: bytes = b"GET", target: bytes = b"/api/x?token=1", host: bytes = b"gw.test", **fields: bytes
) -> RequestRecord:
    stats = RouteStats("api")
    return RequestRecord(
        stats,
        stats.decision("actual", "allowed", "granted"),
        method,
        target,
        host,
        "192.0.2.7",
        b"https://app.example.com",
        HTTP11,
        generation=3,
        status=200,
        bytes_out=1234,
        ended=0.0,
        section=section(
            {"traceparent": TRACEPARENT} | {name.replace("_", "-"): value for name, value in fields.items()}
        ),
        seconds=0.0123,
        bytes_in=5,
        request_id=b"abc123",
        upstream="http://backend:8000",
        connect_seconds=0.0012,
        upstream_seconds=0.0101,
    )


def test_a_json_line_says_all_there_is_to_say() -> None:
    assert json.loads(JsonFormat().line(record(), NOON)) == {
        "ts": "2026-11-22T12:00:00.250Z",
        "level": "info",
        "event": "request",
        "route": "api",
        "generation": 3,
        "method": "GET",
        "host": "gw.test",
        "protocol": "HTTP/1.1",
        "path": "/api/x",
        "status": 200,
        "bytes_in": 5,
        "bytes_out": 1234,
        "duration_ms": 12.3,
        "client": "192.0.2.7",
        "cors": {"kind": "actual", "outcome": "granted", "reason": "allowed"},
        "origin": "https://app.example.com",
        "upstream": "http://backend:8000",
        "upstream_connect_ms": 1.2,
        "upstream_ms": 10.1,
        "upstream_total_ms": 11.1,
        "request_id": "abc123",
        "trace_id": "0af7651916cd43dd8448eb211c80319c",
    }


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (
            Trouble("upstream_failed", Cause.FOLDED_LINE, "line 3", "upstream_invalid_response"),
            {"cause": "folded_line", "detail": "line 3", "failure": "upstream_invalid_response"},
        ),
        (
            Trouble("upstream_failed", "upstream_refused", 'say "no"', "upstream_refused"),
            {"cause": "upstream_refused", "detail": 'say "no"', "failure": "upstream_refused"},
        ),
        (CLIENT_LEFT, {"cause": "client_left"}),
    ],
)
def test_a_cause_stands_with_what_is_known_of_it(trouble: Trouble, said: dict[str, str]) -> None:
    told = replace(record(), trouble=trouble)
    row = json.loads(JsonFormat().line(told, NOON))
    assert {name: row[name] for name in ("cause", "detail", "failure") if name in row} == said


def test_a_refused_preflight_says_what_was_asked() -> None:
    told = replace(record(), asked=asked(b"PUT", b"x-a", b"x-b"))
    assert json.loads(JsonFormat().line(told, NOON))["asked"] == {"method": "PUT", "headers": "x-a, x-b"}


def test_the_text_format_is_a_short_line_for_people() -> None:
    made = record()
    quiet = replace(made, origin=None, tally=made.stats.decision("not_cors", "not_cors", "none"))
    loud = replace(
        made,
        tally=made.stats.decision("preflight", "header_not_allowed", "refused"),
        asked=asked(b"PUT", b"x-a\n"),
        trouble=Trouble("request_refused", Cause.HEAD_TOO_LARGE, "limit 100"),
    )

    assert TextFormat().line(quiet, NOON)[9:] == "200 GET gw.test/api/x 12.3ms api\n"
    assert TextFormat().line(loud, NOON)[9:] == (
        "200 GET gw.test/api/x 12.3ms api from https://app.example.com preflight refused: header_not_allowed"
        " asked PUT with x-a\\x0A ! head_too_large (limit 100)\n"
    )


def test_what_there_is_not_is_left_out() -> None:
    bare = replace(record(), origin=None, section=None, upstream="", request_id=b"")
    assert (
        json.loads(JsonFormat().line(bare, NOON))
        .keys()
        .isdisjoint({"origin", "upstream", "upstream_ms", "request_id", "trace_id", "cause", "asked"})
    )


def test_the_combined_format() -> None:
    line = CombinedFormat().line(
        record(referer=b"https://app.example.com/?q=1", user_agent=b'A "quoted" agent'), NOON
    )
    assert line == (
        '192.0.2.7 - - [22/Nov/2026:12:00:00 +0000] "GET /api/x HTTP/1.1" 200 1234 '
        '"https://app.example.com/" "A \\x22quoted\\x22 agent"\n'
    )


@pytest.mark.parametrize("form", FORMATS)
def test_query_strings_cookies_and_credentials_are_never_written(form: type[AnyFormat]) -> None:
    made, told = form(), record(cookie=b"sesame", authorization=b"sesame", referer=b"https://x/?sesame")
    for line in (made.line(told, NOON), made.line(told, NOON), made.line(told, NOON)):
        assert "token" not in line
        assert "sesame" not in line


def test_the_combined_format_has_fields_of_what_went_to_a_backend() -> None:
    answered = replace(record(referer=b"https://x/", user_agent=b"agent"), upstream="", request_id=b"")
    assert CombinedFormat().line(answered, NOON).endswith('200 1234 "-" "-"\n')


@given(st.binary(max_size=40), st.binary(max_size=40), st.binary(max_size=40))
def test_no_bytes_can_forge_a_line(target: bytes, origin: bytes, agent: bytes) -> None:
    made = replace(record(target=target, host=agent, user_agent=agent, traceparent=origin), origin=origin)
    line = JsonFormat().line(made, NOON)
    assert line.count("\n") == 1
    assert line.isascii()
    assert set(json.loads(line)) <= set(json.loads(JsonFormat().line(record(), NOON)))
    combined = CombinedFormat().line(made, NOON)
    assert COMBINED.fullmatch(combined), combined


@pytest.mark.parametrize("form", FORMATS)
def test_a_value_is_written_the_same_again(form: type[AnyFormat]) -> None:
    written = form()
    odd = record(target=b"/caf\xc3\xa9\x00?a", referer=b"/\x00?b", user_agent=b"\xff")
    lines = [written.line(odd, NOON) for _ in range(3)]
    assert len(set(lines)) == 1
    assert lines[0] == form().line(replace(odd, target=b"/caf\xc3\xa9\x00?c"), NOON)


def test_what_is_remembered_of_one_request_is_not_said_of_another() -> None:
    form, told = JsonFormat(), record()
    others = [
        replace(told, generation=4),
        replace(told, host=b"other.test"),
        replace(told, method=b"PUT"),
        replace(told, protocol=HTTP10),
        replace(told, client="192.0.2.8"),
        replace(told, upstream="http://backend:8001"),
        replace(told, tally=told.stats.decision("actual", "origin_not_allowed", "refused")),
        replace(told, target=b"/api/y"),
        replace(told, status=502),
        replace(told, seconds=0.5),
    ]
    for one in [told, *others, told, *others]:
        assert form.line(one, NOON) == JsonFormat().line(one, NOON)
    assert len({form.line(one, NOON) for one in [told, *others]}) == len(others) + 1


@given(st.integers(0, 10**13))
def test_numbers_are_written_whole(number: int) -> None:
    assert NUMBERS[number] == str(number)
    assert TENTHS[number] == str(Decimal(number).scaleb(-1).quantize(Decimal("0.1")))


@given(st.lists(st.floats(0, 4e9), max_size=9))
def test_a_line_has_its_own_time(moments: list[float]) -> None:
    """Also if somebody sets the clock back."""
    form, combined = JsonFormat(), CombinedFormat()
    for now in moments:
        at = datetime.fromtimestamp(int(now * 1000) // 1000, UTC)
        stamp = f"{at:%Y-%m-%dT%H:%M:%S}.{int(now * 1000) % 1000:03}Z"
        assert json.loads(form.line(record(), now))["ts"] == stamp
        assert f"[{datetime.fromtimestamp(int(now), UTC):%d/%b/%Y:%H:%M:%S} +0000]" in combined.line(
            record(), now
        )


@pytest.mark.parametrize("count", [3, BATCH_RECORDS, BATCH_LINES, BATCH_LINES + BATCH_RECORDS + 1])
async def test_lines_come_out_in_order_and_all_of_them_at_the_end(count: int) -> None:
    reader, writer = os.pipe()
    fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 1 << 20)
    log = AccessLog(Form.JSON, BackgroundWriter(writer, name="test"), asyncio.get_running_loop())
    for number in range(count):
        log.record(replace(record(), status=number))
    log.close()
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        assert [json.loads(line)["status"] for line in stream] == list(range(count))
    assert log.dropped == 0


@pytest.mark.parametrize("count", [1, BATCH_RECORDS, BATCH_RECORDS + 1])
async def test_a_line_comes_out_without_another_one_after_it(count: int) -> None:
    reader, writer = os.pipe()
    log = AccessLog(Form.JSON, BackgroundWriter(writer, name="test"), asyncio.get_running_loop())
    for _ in range(count):
        log.record(record())
    with os.fdopen(reader, "rb") as stream:
        lines = await asyncio.to_thread(lambda: [stream.readline() for _ in range(count)])
        assert all(lines)
        log.close()
        os.close(writer)


async def test_a_line_has_the_time_at_which_its_request_was_over() -> None:
    reader, writer = os.pipe()
    log = AccessLog(Form.JSON, BackgroundWriter(writer, name="test"), asyncio.get_running_loop())
    before = time.time()
    log.record(replace(record(), ended=time.monotonic() - 1000))
    log.close()
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        moment = datetime.fromisoformat(json.loads(stream.read())["ts"]).timestamp()
    assert before - 1000.01 < moment < time.time() - 999.99


async def test_a_reader_who_stopped_reading_costs_lines_and_nothing_else() -> None:
    reader, writer = os.pipe()
    log = AccessLog(
        Form.JSON, BackgroundWriter(writer, name="test", capacity=100_000), asyncio.get_running_loop()
    )
    for _ in range(3000):
        log.record(record())
    log.flush()
    assert log.dropped > 1000
    os.close(reader)
    log.close()
    os.close(writer)


async def test_a_closed_output_costs_lines_and_nothing_else() -> None:
    reader, writer = os.pipe()
    os.close(reader)
    log = AccessLog(Form.JSON, BackgroundWriter(writer, name="test"), asyncio.get_running_loop())
    log.record(record())
    log.close()
    os.close(writer)
    assert log.dropped == 1
    assert (log.take_dropped(), log.take_dropped()) == (1, 0)
