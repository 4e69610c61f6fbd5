"""What the library that speaks HTTP/2 refuses by itself is told, too: in the log, in the metrics, with its cause."""

import asyncio
import logging
from collections.abc import AsyncIterator

import pytest

from cors_gateway.http2 import PREFACE
from cors_gateway.http2.engine import MAX_STREAMS
from cors_gateway.observe.prometheus import Gauges, render
from cors_gateway.observe.record import RequestRecord
from cors_gateway.observe.trouble import Trouble
from cors_gateway.snapshot import Http2
from tests.http2.client import (
    CONTINUATION,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    PING,
    SETTINGS,
    WINDOW_UPDATE,
    Http2Client,
    frame,
    header_block,
    pseudo,
    websocket,
)
from tests.proxy.stage import Records, Stage, Starter, listening, until, upstream
from tests.wire.raw_backend import Answer, RawBackend

PROTOCOL_ERROR = 1


@pytest.fixture
async def stage(serving: Starter, backend: RawBackend) -> AsyncIterator[Stage]:
    backend.script = lambda _: Answer([], then="hold")
    async with listening(backend), serving(upstream(backend), http2=Http2.CLEARTEXT) as stage:
        yield stage


@pytest.fixture
def log(stage: Stage) -> Records:
    return stage.log()


@pytest.mark.parametrize(
    "fields",
    [
        [*pseudo(), ("connection", "close")],
        [*pseudo(), ("Upper", "case")],
        [*pseudo(), ("x", "a\nb")],
        [*pseudo(), ("te", "gzip")],
        [*pseudo(), ("content-length", "x")],
        [*pseudo(), ("content-length", "3")],
        [*pseudo(), ("a", "b"), (":path", "/late")],
        [*pseudo(), (":unknown", "x")],
        pseudo()[:3],
        pseudo(path="nowhere"),
        pseudo(authority="a b"),
        pseudo("CONNECT"),
        [*pseudo(), (":protocol", "websocket")],
        [field for field in websocket() if field[0] != ":authority"],
        [field for field in websocket() if field[0] != ":scheme"],
    ],
)
async def test_a_request_that_is_reset_unread_has_its_line(
    stage: Stage, backend: RawBackend, log: Records, fields: list[tuple[str, str]]
) -> None:
    async with await Http2Client.connect(stage.address) as client:
        answer = await client.answer(client.open(fields))
        await until(lambda: log)
    (record,) = log

    assert (answer.status, answer.reset) == (0, PROTOCOL_ERROR)
    assert (record.method, record.target, record.status, record.bytes_out) == (b"-", b"-", 400, 0)
    assert (record.protocol, record.client, _trouble(record).cause) == (
        "HTTP/2.0",
        "127.0.0.1",
        "http2_malformed",
    )
    assert backend.requests == []
    assert stage.gateway.metrics.unrouted.causes == {"http2_malformed": 1}
    text = render(stage.gateway.metrics, Gauges()).decode()
    assert 'cors_gateway_requests_by_protocol_total{protocol="http1"} 0.0' in text


@pytest.mark.parametrize(
    ("fields", "sent", "cause"),
    [
        ([("content-length", "3")], frame(0, 0, 1, b"four"), "content_length_mismatch"),
        ([("content-length", "3")], frame(0, END_STREAM, 1, b"x"), "content_length_mismatch"),
        (
            [],
            frame(HEADERS, END_HEADERS | END_STREAM, 1, header_block([("Upper", "case")])),
            "http2_malformed",
        ),
        ([], frame(HEADERS, END_HEADERS, 1, header_block([("x", "y")])), "http2_malformed"),
    ],
)
async def test_a_request_that_breaks_a_rule_half_way_did_not_just_leave(
    stage: Stage, backend: RawBackend, log: Records, fields: list[tuple[str, str]], sent: bytes, cause: str
) -> None:
    async with await Http2Client.connect(stage.address) as client:
        stream = client.open([*pseudo("POST", "/here"), *fields], is_ended=False)
        client.raw(sent)
        answer = await client.answer(stream)
        await until(lambda: log)
    (record,) = log

    assert (record.target, record.status, _trouble(record).cause) == (b"/here", 400, cause)
    assert answer.reset == PROTOCOL_ERROR


async def test_streams_beyond_the_bound_have_their_lines_too(
    stage: Stage, backend: RawBackend, log: Records
) -> None:
    """A client that has not acknowledged the settings may not know it: those are refused, and the rest are served."""
    _, writer = await asyncio.open_connection(*stage.address)
    block = header_block(pseudo("POST"))
    opened = [frame(HEADERS, END_HEADERS, 2 * number + 1, block) for number in range(MAX_STREAMS + 2)]
    writer.write(PREFACE + frame(SETTINGS, 0, 0) + b"".join(opened))
    await until(lambda: len(log) == 2)
    await backend.until(lambda: stage.gateway.figures().active_requests == MAX_STREAMS)
    writer.close()

    assert {(one.status, _trouble(one).cause) for one in log[:2]} == {(503, "http2_too_many_streams")}
    await until(lambda: len(log) == MAX_STREAMS + 2)


async def test_a_client_that_leaves_is_still_one(stage: Stage, backend: RawBackend, log: Records) -> None:
    async with await Http2Client.connect(stage.address) as client:
        client.reset(client.open(pseudo("POST"), is_ended=False))
        await until(lambda: len(log) == 1)
        client.open(pseudo(path="/other"))
        await backend.until(lambda: backend.requests)
    await until(lambda: len(log) == 2)

    assert [(one.status, _trouble(one).cause) for one in log] == [(499, "client_left")] * 2


@pytest.mark.parametrize(
    ("sent", "detail"),
    [
        (frame(WINDOW_UPDATE, 0, 1, b"\0\0\0\0"), "error code 1: WINDOW_UPDATE: window_size_increment == 0"),
        (frame(0, 0, 99, b"x"), "error code 1: DATA: stream in idle"),
        (frame(PING, 0, 0, b"x"), "error code 6: "),
        (frame(CONTINUATION, END_HEADERS, 1, b"x"), "error code 1: CONTINUATION: unexpected"),
    ],
)
async def test_a_connection_that_is_ended_says_why_in_each_of_its_lines(
    stage: Stage,
    backend: RawBackend,
    log: Records,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    sent: bytes,
    detail: str,
) -> None:
    monkeypatch.setattr(
        "cors_gateway.proxy.http2_transport._quiet_until", {}
    )  # others may have told it already
    with caplog.at_level(logging.WARNING):
        async with await Http2Client.connect(stage.address) as client:
            client.open(pseudo(path="/here"))
            await backend.until(lambda: backend.requests)
            client.raw(sent)
            await client.until(lambda: client.is_lost)
    (record,) = log

    assert (record.status, _trouble(record).cause, _trouble(record).detail) == (
        499,
        "http2_protocol_error",
        detail,
    )
    assert stage.gateway.metrics.http2_ends == {"http2_protocol_error": 1}
    ended = [vars(one)["fields"] for one in caplog.records if one.getMessage() == "http2_connection_ended"]
    assert [fields["detail"] for fields in ended] == [detail]


async def test_a_client_that_ends_the_connection_with_an_error_breaks_no_rule(stage: Stage) -> None:
    async with await Http2Client.connect(stage.address) as client:
        assert (await client.ask("TRACE")).status == 405
        client.raw(frame(GOAWAY, 0, 0, b"\0\0\0\0\0\0\0\1whatever"))
        await client.until(lambda: client.is_lost)

    assert stage.gateway.metrics.http2_ends == {}


async def test_a_response_head_as_large_as_may_be_arrives(serving: Starter, backend: RawBackend) -> None:
    lines = "".join(f"X-{number}: {'y' * 1000}\r\n" for number in range(200))
    backend.script = lambda _: Answer([f"HTTP/1.1 204 No\r\n{lines}\r\n".encode()])
    async with (
        listening(backend),
        serving(upstream(backend, limits={"response_head": "1MiB"}), http2=Http2.CLEARTEXT) as stage,
        await Http2Client.connect(stage.address) as client,
    ):
        client.h2.decoder.max_header_list_size = 1 << 20
        client.h2.max_inbound_frame_size = 1 << 20
        answer = await client.ask()

    assert (answer.status, len(answer.fields)) == (204, 202)


def _trouble(record: RequestRecord) -> Trouble:
    assert record.trouble is not None
    return record.trouble
