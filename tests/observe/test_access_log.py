"""The access log: one line a request, and nothing a client sends can change that."""

import asyncio
import json
import os
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_gateway.http1.cause import Cause
from cors_gateway.observe.access_log import AccessLog, CombinedFormat, JsonFormat, TextFormat
from cors_gateway.observe.background_writer import BackgroundWriter
from cors_gateway.observe.metrics import RouteStats
from cors_gateway.observe.record import RequestRecord
from cors_gateway.observe.trouble import CLIENT_LEFT, Trouble
from cors_gateway.snapshot import AccessLog as Form

NOON = 1_795_348_800.25
COMBINED = re.compile(rb'\S+ - - \[[^\]]+\] "[^"]*" [0-9]+ [0-9]+ "[^"]*" "[^"]*"\n')


class Recorded(RequestRecord):
    """A record with fields of its own."""

    fields: dict[bytes, bytes]

    def field(self, name: bytes) -> bytes | None:
        return self.fields.get(name)


def record(
    method: bytes = b"GET", target: bytes = b"/api/x?token=1", host: bytes = b"gw.test", **fields: bytes
) -> Recorded:
    stats = RouteStats("api")
    made = Recorded(stats, stats.decision("actual", "allowed", "granted"), method, target, host, "192.0.2.7")
    made.status = 200
    made.bytes_in, made.bytes_out = 5, 1234
    made.seconds, made.connect_seconds, made.upstream_seconds = 0.0123, 0.0012, 0.0101
    made.origin = b"https://app.example.com"
    made.upstream = "http://backend:8000"
    made.request_id = b"abc123"
    made.traceparent = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    made.generation = 3
    made.fields = {name.replace("_", "-").encode(): value for name, value in fields.items()}
    return made


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
    told = record()
    told.trouble = trouble
    row = json.loads(JsonFormat().line(told, NOON))
    assert {name: row[name] for name in ("cause", "detail", "failure") if name in row} == said


def test_a_refused_preflight_says_what_was_asked() -> None:
    told = record()
    told.method_asked, told.headers_asked = b"PUT", b"x-a, x-b"
    assert json.loads(JsonFormat().line(told, NOON))["asked"] == {"method": "PUT", "headers": "x-a, x-b"}


def test_the_text_format_is_a_short_line_for_people() -> None:
    quiet, loud = record(), record()
    quiet.origin, quiet.tally = None, quiet.stats.decision("not_cors", "not_cors", "none")
    loud.tally = loud.stats.decision("preflight", "header_not_allowed", "refused")
    loud.method_asked, loud.headers_asked = b"PUT", b"x-a\n"
    loud.trouble = Trouble("request_refused", Cause.HEAD_TOO_LARGE, "limit 100")

    assert TextFormat().line(quiet, NOON)[9:] == b"200 GET gw.test/api/x 12.3ms api\n"
    assert TextFormat().line(loud, NOON)[9:] == (
        b"200 GET gw.test/api/x 12.3ms api from https://app.example.com preflight refused: header_not_allowed"
        b" asked PUT with x-a\\x0A ! head_too_large (limit 100)\n"
    )


def test_what_there_is_not_is_left_out() -> None:
    bare = record()
    bare.origin = bare.traceparent = None
    bare.upstream, bare.request_id = "", b""
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
        b'192.0.2.7 - - [22/Nov/2026:12:00:00 +0000] "GET /api/x HTTP/1.1" 200 1234 '
        b'"https://app.example.com/" "A \\x22quoted\\x22 agent"\n'
    )


@pytest.mark.parametrize("form", [JsonFormat, CombinedFormat, TextFormat])
def test_query_strings_cookies_and_credentials_are_never_written(
    form: type[JsonFormat | CombinedFormat],
) -> None:
    line = form().line(record(cookie=b"sesame", authorization=b"sesame", referer=b"https://x/?sesame"), NOON)
    assert b"token" not in line
    assert b"sesame" not in line


@given(st.binary(max_size=40), st.binary(max_size=40), st.binary(max_size=40))
def test_no_bytes_can_forge_a_line(target: bytes, origin: bytes, agent: bytes) -> None:
    made = record(target=target, host=agent, user_agent=agent)
    made.origin = origin
    made.traceparent = origin
    line = JsonFormat().line(made, NOON)
    assert line.count(b"\n") == 1
    assert line.isascii()
    assert set(json.loads(line)) <= set(json.loads(JsonFormat().line(record(), NOON)))
    combined = CombinedFormat().line(made, NOON)
    assert COMBINED.fullmatch(combined), combined


def test_a_value_is_written_the_same_again() -> None:
    form = JsonFormat()
    odd = record(target=b"/caf\xc3\xa9\x00")
    assert form.line(odd, NOON) == form.line(odd, NOON)
    assert json.loads(form.line(odd, NOON))["path"] == "/café\x00"


async def test_lines_come_out_in_batches_and_at_the_end() -> None:
    reader, writer = os.pipe()
    log = AccessLog(Form.JSON, BackgroundWriter(writer, name="test"), asyncio.get_running_loop())
    for _ in range(3):
        log.record(record())
    log.close()
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        assert len(stream.read().splitlines()) == 3
    assert log.dropped == 0


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
