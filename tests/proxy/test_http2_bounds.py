"""What one connection may do with HTTP/2, how long it is waited for, and how it ends; what is told about it."""

import asyncio
import contextlib

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cors_gateway.http2 import PREFACE
from cors_gateway.http2.cause import ConnectionCause
from cors_gateway.http2.engine import MAX_STREAMS
from cors_gateway.observe.prometheus import Gauges, render
from cors_gateway.snapshot import Http2
from tests.http2.client import (
    CONTINUATION,
    END_HEADERS,
    END_STREAM,
    GOAWAY,
    HEADERS,
    LIMIT,
    PING,
    PRIORITY,
    RST_STREAM,
    SETTINGS,
    WINDOW_UPDATE,
    Http2Client,
    frame,
    header_block,
    pseudo,
    websocket,
)
from tests.proxy.stage import ORIGIN, Stage, Starter, listening, until, upstream
from tests.wire.raw_backend import Answer, RawBackend

CALM = 0xB
OPENING = PREFACE + frame(SETTINGS, 0, 0)
HOLD = Answer([], then="hold")


def _ends(stage: Stage) -> dict[str, int]:
    return stage.gateway.metrics.http2_ends


@pytest.mark.parametrize(
    ("sent", "code", "cause"),
    [
        (frame(SETTINGS, 0, 0) * 40, CALM, ConnectionCause.SETTINGS),
        (frame(PING, 0, 0, b"12345678") * 200, CALM, ConnectionCause.PINGS),
        (frame(PRIORITY, 0, 1, b"\0\0\0\0\1") * 600, CALM, ConnectionCause.PRIORITIES),
        (frame(RST_STREAM, 0, 1, b"\0\0\0\x08") * 600, CALM, ConnectionCause.RESETS),
        (frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\1") * 1100, CALM, ConnectionCause.WINDOWS),
        (frame(HEADERS, 0, 3, header_block(pseudo())) + frame(CONTINUATION, 0, 3) * 40, CALM, ConnectionCause.HEADER_BLOCK),
        (frame(HEADERS, 0, 3, b"") + frame(CONTINUATION, 0, 3, header_block([("x", "y" * 16000)])) * 9, CALM, ConnectionCause.HEADER_BLOCK),
        (frame(HEADERS, END_HEADERS, 3, header_block([*pseudo("POST"), *[("x", "")] * 900])), CALM, ConnectionCause.LIMIT),
        (frame(HEADERS, END_HEADERS, 3, header_block(pseudo("POST"))) + frame(0, 0, 3) * 200, CALM, ConnectionCause.EMPTY_FRAMES),
        (frame(HEADERS, END_HEADERS | END_STREAM, 3, b"\x80"), 9, ConnectionCause.PROTOCOL),
        (frame(0, 0, 0, b"x"), 1, ConnectionCause.PROTOCOL),
        (b"\xff" * 100, 6, ConnectionCause.PROTOCOL),
    ],
)  # fmt: skip
async def test_a_flood_ends_the_connection_with_its_code_and_its_cause(
    serving: Starter, backend: RawBackend, sent: bytes, code: int, cause: ConnectionCause | None
) -> None:
    async with listening(backend), serving(upstream(backend), http2=Http2.CLEARTEXT) as stage:
        async with await Http2Client.connect(stage.address) as client:
            assert (await client.ask()).status == 200
            client.raw(sent)
            await client.until(lambda: client.is_lost)
            assert client.goaway == code
        async with await Http2Client.connect(stage.address) as other:
            assert (await other.ask()).status == 200
        if cause is not None:
            assert _ends(stage) == {cause: 1}
            line = f'cors_gateway_http2_connections_ended_total{{cause="{cause}"}} 1.0'
            assert line in render(stage.gateway.metrics, Gauges()).decode()


async def test_one_connection_has_no_more_than_its_turn(serving: Starter, backend: RawBackend) -> None:
    """Somebody who sends a body byte by byte is served, and others in between."""
    async with (
        listening(backend),
        serving(upstream(backend), http2=Http2.CLEARTEXT) as stage,
        await Http2Client.connect(stage.address) as client,
        await Http2Client.connect(stage.address) as other,
    ):
        streams = [client.open(pseudo("POST"), is_ended=False) for _ in range(8)]
        for stream in streams:
            client.raw(frame(0, 0, stream, b"x") * 8000)
        for stream in streams:
            client.raw(frame(0, END_STREAM, stream, b"y"))
        early = await other.ask()
        finished = [stream for stream in streams if client.answers[stream].is_complete]
        answers = [await client.answer(stream) for stream in streams]

    assert (early.status, finished) == (200, [])
    assert {(answer.status, bytes(answer.body)) for answer in answers} == {(200, b"x" * 8000 + b"y")}


async def test_rapid_resets_end_the_connection(serving: Starter, backend: RawBackend) -> None:
    backend.script = lambda _: HOLD
    async with listening(backend), serving(upstream(backend), http2=Http2.CLEARTEXT) as stage:
        async with await Http2Client.connect(stage.address) as client:
            for _ in range(400):
                client.reset(client.open(pseudo()))
            await client.until(lambda: client.is_lost)

        assert client.goaway == CALM
        assert _ends(stage) == {ConnectionCause.RESETS: 1}
        await until(lambda: not stage.pool.servers[0].active)


@pytest.mark.parametrize("method", ["OPTIONS", "TRACE"], ids=["preflights", "refusals"])
async def test_answers_that_nobody_waits_for_make_up_for_no_reset(
    serving: Starter, backend: RawBackend, method: str
) -> None:
    asked = [("origin", ORIGIN), ("access-control-request-method", "POST")]
    async with listening(backend), serving(upstream(backend), http2=Http2.CLEARTEXT) as stage:
        async with await Http2Client.connect(stage.address) as client:
            for number in range(4000):
                if not number % 50:
                    await asyncio.sleep(0)
                if client.is_lost:
                    break
                client.reset(client.open([*pseudo(method), *asked]))
            await client.until(lambda: client.is_lost)

        assert _ends(stage) == {ConnectionCause.RESETS: 1}


async def test_who_leaves_while_a_connection_is_opened_leaves_nothing_behind(
    serving: Starter, backend: RawBackend
) -> None:
    async with listening(backend), serving(upstream(backend), http2=Http2.CLEARTEXT) as stage:
        for number in range(60):
            async with await Http2Client.connect(stage.address) as client:
                stream = client.open(pseudo())
                for _ in range(number % 12):
                    await asyncio.sleep(0)
                if not client.answers[stream].is_complete:
                    client.reset(stream)
                await asyncio.sleep(0)
        await until(lambda: not stage.gateway.figures().connections)
        idle = sum(len(server.idle) for server in stage.pool.servers)

        assert len(stage.gateway.clock.watched) <= idle


async def test_what_a_stream_held_back_is_the_connections_again(
    serving: Starter, backend: RawBackend
) -> None:
    """The window of the connection outlives the streams that used it up. It is opened again when half of it is gone."""
    backend.script = lambda _: HOLD
    async with (
        listening(backend),
        serving(upstream(backend), http2=Http2.CLEARTEXT) as stage,
        await Http2Client.connect(stage.address) as client,
    ):
        whole = client.h2.outbound_flow_control_window
        for _ in range(100):
            stream = client.open(websocket("/hold"), is_ended=False)
            for _ in range(4):
                client.send(stream, bytes(16000))
            client.reset(stream)
        await until(lambda: client.h2.outbound_flow_control_window > whole // 2)


async def test_a_page_that_changes_its_mind_now_and_then_is_served(
    serving: Starter, backend: RawBackend
) -> None:
    async with listening(backend), serving(upstream(backend), http2=Http2.CLEARTEXT) as stage:
        async with await Http2Client.connect(stage.address) as client:
            for _ in range(300):
                client.reset(client.open(pseudo()))
                assert (await client.ask()).status == 200

        assert _ends(stage) == {}


async def test_malformed_requests_are_no_way_around_it(serving: Starter, backend: RawBackend) -> None:
    async with listening(backend), serving(upstream(backend), http2=Http2.CLEARTEXT) as stage:
        reader, writer = await asyncio.open_connection(*stage.address)
        writer.write(OPENING)
        block = header_block([*pseudo(), ("connection", "close")])
        for number in range(400):
            writer.write(frame(HEADERS, END_HEADERS | END_STREAM, 2 * number + 1, block))
        answer = await reader.read()
        writer.close()

        assert frame(GOAWAY, 0, 0, b"")[3:9] + answer[-8:] == answer[-14:]
        assert answer[-1] == CALM
        assert _ends(stage) == {ConnectionCause.RESETS: 1}
        assert backend.requests == []


async def test_no_more_streams_at_once_than_announced(serving: Starter, backend: RawBackend) -> None:
    backend.script = lambda _: HOLD
    async with listening(backend), serving(upstream(backend), http2=Http2.CLEARTEXT) as stage:
        async with await Http2Client.connect(stage.address) as client:
            await client.until(lambda: client.h2.remote_settings.max_concurrent_streams == MAX_STREAMS)
            for _ in range(MAX_STREAMS):
                client.open(pseudo())
            await backend.until(lambda: len(backend.requests) == MAX_STREAMS)
            block = header_block(pseudo())
            client.raw(frame(HEADERS, END_HEADERS | END_STREAM, 2 * MAX_STREAMS + 1, block))
            await client.until(lambda: client.goaway is not None or client.is_lost or client.answers.get(201))

            assert stage.gateway.figures().active_requests <= MAX_STREAMS
        assert len(backend.requests) == MAX_STREAMS


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"", 0),
        (frame(HEADERS, 0, 1, header_block(pseudo())), CALM),
        (frame(HEADERS, END_HEADERS, 1, header_block(pseudo()))[:-1], CALM),
    ],
)
async def test_a_silent_client_is_waited_for_no_longer_than_configured(
    serving: Starter, backend: RawBackend, sent: bytes, code: int
) -> None:
    server = {"timeouts": {"keep_alive": "10s", "request_head": "10s"}}
    async with listening(backend), serving(upstream(backend), server=server, http2=Http2.CLEARTEXT) as stage:
        stage.pass_time(0)
        async with await Http2Client.connect(stage.address) as client:
            client.raw(sent)
            while not client.is_lost:
                await asyncio.sleep(0.005)
                stage.pass_time(1)

    assert client.goaway == code


async def test_a_body_that_does_not_come_is_waited_for_no_longer_than_configured(
    serving: Starter, backend: RawBackend
) -> None:
    server = {"timeouts": {"request_body": "100ms"}}
    async with (
        listening(backend),
        serving(upstream(backend), server=server, http2=Http2.CLEARTEXT) as stage,
        await Http2Client.connect(stage.address) as client,
    ):
        stream = client.open(pseudo("POST"), is_ended=False)
        client.send(stream, b"x")
        answer = await client.answer(stream)
        assert (await client.ask()).status == 200

    assert (answer.status, answer.reset) == (408, 0)


@pytest.mark.parametrize("data", [b"", b"x"], ids=["no byte a frame", "one byte a frame"])
async def test_a_body_that_comes_too_slowly_is_waited_for_no_longer_than_configured(
    serving: Starter, backend: RawBackend, data: bytes
) -> None:
    server = {"timeouts": {"request_body": "100ms"}}
    async with (
        listening(backend),
        serving(upstream(backend), server=server, http2=Http2.CLEARTEXT) as stage,
        await Http2Client.connect(stage.address) as client,
    ):
        stream = client.open(pseudo("POST"), is_ended=False)
        async with asyncio.timeout(LIMIT):
            while not (answer := client.answers[stream]).is_complete:
                client.raw(frame(0, 0, stream, data))
                await asyncio.sleep(0.06)
        assert (await client.ask()).status == 200

    assert (answer.status, answer.reset) == (408, 0)


async def test_a_client_that_opens_no_window_loses_its_stream_and_no_other(
    serving: Starter, backend: RawBackend
) -> None:
    server = {"timeouts": {"send": "100ms"}}
    body = b"HTTP/1.1 200 OK\r\nContent-Length: 400000\r\n\r\n" + bytes(400000)
    backend.script = lambda request: Answer(
        [body if request.target == "/large" else b"HTTP/1.1 204 No\r\n\r\n"]
    )
    async with (
        listening(backend),
        serving(upstream(backend), server=server, http2=Http2.CLEARTEXT) as stage,
        await Http2Client.connect(stage.address) as client,
    ):
        client.reads = False
        client.h2.increment_flow_control_window(1 << 24)
        answer = await client.answer(client.open(pseudo(path="/large")))
        assert (await client.ask()).status == 204

    assert (answer.status, answer.reset) == (200, 8)


async def test_a_drain_says_so_and_lets_streams_finish(serving: Starter, backend: RawBackend) -> None:
    async with listening(backend), serving(upstream(backend), http2=Http2.CLEARTEXT) as stage:
        idle = await Http2Client.connect(stage.address)
        async with idle, await Http2Client.connect(stage.address) as busy:
            assert (await idle.ask()).status == 200
            stream = busy.open(pseudo("POST"), is_ended=False)
            await until(lambda: stage.gateway.figures().active_requests == 1)
            stage.gateway.drain()
            await idle.until(lambda: idle.is_lost)
            await busy.until(lambda: busy.goaway is not None)
            assert not stage.gateway.is_idle
            busy.transport.write(frame(0, END_STREAM, stream, b"late"))
            answer = await busy.answer(stream)
            await busy.until(lambda: busy.is_lost)

    assert (idle.goaway, busy.goaway) == (0, 0)
    assert (answer.status, bytes(answer.body)) == (200, b"late")


async def test_one_connection_too_many_is_told_so(serving: Starter, backend: RawBackend) -> None:
    server = {"limits": {"connections": 1}}
    async with listening(backend), serving(upstream(backend), server=server, http2=Http2.CLEARTEXT) as stage:
        async with await Http2Client.connect(stage.address) as first:
            assert (await first.ask()).status == 200
            refused = await stage.ask()
        assert refused.status == 503
        assert stage.gateway.metrics.connections_total == 2


async def test_requests_are_counted_by_protocol(serving: Starter, backend: RawBackend) -> None:
    async with listening(backend), serving(upstream(backend), http2=Http2.CLEARTEXT) as stage:
        async with await Http2Client.connect(stage.address) as client:
            for _ in range(3):
                await client.ask()
        await stage.ask()
        text = render(stage.gateway.metrics, Gauges()).decode()

    assert 'cors_gateway_requests_by_protocol_total{protocol="http1"} 1.0' in text
    assert 'cors_gateway_requests_by_protocol_total{protocol="http2"} 3.0' in text


_PIECES = st.lists(
    st.one_of(
        st.builds(
            frame,
            st.integers(0, 12),
            st.sampled_from([0, 1, 4, 5, 8, 32, 255]),
            st.sampled_from([0, 1, 3, 5, 2**31 - 1]),
            st.one_of(st.binary(max_size=30), st.just(header_block(pseudo())), st.just(header_block(pseudo("POST")))),
        ),
        st.binary(max_size=12),
    ),
    min_size=1,
    max_size=25,
)  # fmt: skip


async def test_no_frames_harm_anybody_else(serving: Starter, backend: RawBackend) -> None:
    """Whatever one connection sends: the gateway raises nothing, and serves the next."""
    loop = asyncio.get_running_loop()
    async with listening(backend), serving(upstream(backend), http2=Http2.CLEARTEXT) as stage:
        examples: list[list[bytes]] = []

        @settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
        @given(_PIECES)
        def collect(pieces: list[bytes]) -> None:
            examples.append(pieces)

        await loop.run_in_executor(None, collect)
        for pieces in examples:
            reader, writer = await asyncio.open_connection(*stage.address)
            writer.write(OPENING)
            for piece in pieces:
                if not writer.transport.is_closing():
                    writer.write(piece)
                await asyncio.sleep(0)
            if not writer.transport.is_closing():
                writer.write_eof()
            with contextlib.suppress(ConnectionError):
                await reader.read()
            writer.close()
        async with await Http2Client.connect(stage.address) as client:
            assert (await client.ask()).status == 200
        await until(lambda: not stage.pool.servers[0].active)
