"""WebSockets on streams (RFC 8441): to the backend they are handshakes of HTTP/1.1, and then bytes go both ways."""

import asyncio
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import trustme

from cors_gateway.observe.prometheus import Gauges, render
from cors_gateway.snapshot import Http2
from tests.http2.client import Answer as StreamAnswer
from tests.http2.client import Http2Client, pseudo, websocket
from tests.proxy.stage import ORIGIN, Stage, Starter, connect, listening, request, until, upstream
from tests.wire.raw_backend import Answer, RawBackend, accept_websocket, reply
from tests.wire.strict_http import Request

CANCEL = 8
LARGE = 512 << 10


def script(request: Request) -> Answer:
    """By path: what becomes of a handshake."""
    target = request.target
    if target == "/hold":
        return Answer([], then="hold")
    if target == "/chat":
        accepted = accept_websocket(request)
        more = b"Sec-WebSocket-Protocol: chat\r\nSec-WebSocket-Extensions: permessage-deflate\r\nServer: b\r\n\r\n"
        return Answer([accepted.segments[0].removesuffix(b"\r\n") + more], then="tunnel")
    if target == "/greets":
        accepted = accept_websocket(request)
        return Answer([accepted.segments[0] + b"early bird"], then="tunnel")
    if target == "/lies":
        lie = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
        return Answer([lie + b"Sec-WebSocket-Accept: AAAA\r\n\r\n"], then="tunnel")
    if target[1:].isdigit():
        return reply(
            int(target[1:]), [("Set-Cookie", "a=1"), ("Date", "now")], b"" if target == "/204" else b"said"
        )
    return accept_websocket(request)


@pytest.fixture
async def stage(serving: Starter, backend: RawBackend) -> AsyncIterator[Stage]:
    backend.script = script
    async with listening(backend), serving(upstream(backend), http2=Http2.CLEARTEXT) as stage:
        yield stage


async def opened(client: Http2Client, path: str = "/", *fields: tuple[str, str]) -> tuple[int, StreamAnswer]:
    """A stream whose handshake was answered."""
    stream = client.open([*websocket(path), *fields], is_ended=False)
    answer = client.answers[stream]
    await client.until(lambda: answer.status or answer.is_complete)
    return stream, answer


async def test_it_is_announced(stage: Stage) -> None:
    async with await Http2Client.connect(stage.address) as client:
        assert client.h2.remote_settings.enable_connect_protocol == 1


async def test_a_handshake_is_one_of_http_1_1_to_the_backend(stage: Stage, backend: RawBackend) -> None:
    fields = [
        ("origin", ORIGIN),
        ("sec-websocket-protocol", "chat, other"),
        ("sec-websocket-extensions", "permessage-deflate; client_max_window_bits"),
        ("sec-websocket-key", "from the client"),
        ("cookie", "a=b"),
    ]
    async with await Http2Client.connect(stage.address) as client:
        _, first = await opened(client, "/chat", *fields)
        await opened(client, "/chat", *fields)
    (_, seen), (_, again) = backend.requests

    assert (seen.method, seen.target, seen.body) == ("GET", "/chat", b"")
    assert (seen.values("host"), seen.values("connection"), seen.values("upgrade")) == (
        ["gateway.test"],
        ["Upgrade"],
        ["websocket"],
    )
    for name, value in fields:
        if name != "sec-websocket-key":
            assert seen.values(name) == [value]
    assert seen.values("sec-websocket-version") == ["13"]
    assert seen.values("via") == ["2.0 cors-gateway-stage"]
    (key,), (other) = seen.values("sec-websocket-key"), again.values("sec-websocket-key")
    assert (len(key), key in other) == (24, False)
    assert (first.status, first.fields) == (
        200,
        [
            ("sec-websocket-protocol", "chat"),
            ("sec-websocket-extensions", "permessage-deflate"),
            ("server", "b"),
        ],
    )


async def test_what_a_route_sets_is_on_the_answer_too(serving: Starter, backend: RawBackend) -> None:
    route = {"response_headers": {"set": {"X-Set": "yes"}, "remove": ["Server"]}}
    backend.script = script
    async with (
        listening(backend),
        serving(upstream(backend), route=route, http2=Http2.CLEARTEXT) as stage,
        await Http2Client.connect(stage.address) as client,
    ):
        _, answer = await opened(client, "/chat")

    assert (answer.values("server"), answer.values("x-set")) == ([], ["yes"])


async def test_bytes_go_both_ways_unread(stage: Stage) -> None:
    async with await Http2Client.connect(stage.address) as client:
        stream, answer = await opened(client, "/greets")
        await client.until(lambda: bytes(answer.body) == b"early bird")
        answer.body.clear()
        sent = bytes(range(256)) * (LARGE // 256)
        upload = asyncio.ensure_future(_send(client, stream, sent))
        await client.until(lambda: len(answer.body) == LARGE)
        await upload
        assert (await client.ask(path="/404")).status == 404

    assert bytes(answer.body) == sent


async def _send(client: Http2Client, stream: int, data: bytes) -> None:
    """As fast as the windows let it; the stream stays open."""
    at = 0
    while at < len(data):
        size = min(client.h2.local_flow_control_window(stream), client.h2.max_outbound_frame_size)
        if size:
            client.send(stream, data[at : at + size])
            at += size
        else:
            await client.news()


async def test_what_a_client_says_before_the_answer_is_not_lost(stage: Stage, backend: RawBackend) -> None:
    async with await Http2Client.connect(stage.address) as client:
        stream = client.open(websocket("/greets"), is_ended=False)
        client.send(stream, b"ahead ")
        client.send(stream, b"of time", is_ended=True)
        await client.until(lambda: client.answers[stream].body.endswith(b"of time"))
        assert await backend.connections[-1].wait_ended() == "fin"
        backend.connections[-1].close()
        answer = await client.answer(stream)

    assert (answer.status, answer.reset) == (200, None)
    assert bytes(answer.body) == b"early birdahead of time"


async def test_who_takes_nothing_holds_up_who_sends_and_no_other(stage: Stage, backend: RawBackend) -> None:
    async with await Http2Client.connect(stage.address) as client:
        client.h2.increment_flow_control_window(1 << 26)
        deaf, answer = await opened(client)
        backend.connections[-1].transport.pause_reading()
        upload = asyncio.ensure_future(_send(client, deaf, bytes(64 << 20)))
        await until(lambda: client.h2.local_flow_control_window(deaf) == 0)
        lively, echoed = await opened(client)
        await _send(client, lively, bytes(LARGE))
        await client.until(lambda: len(echoed.body) == LARGE)
        assert not upload.done()
        upload.cancel()
        client.reads = False
        flooded = backend.connections[-1]
        flooded.transport.write(bytes(64 << 20))
        await until(lambda: len(echoed.body) > LARGE and not client.h2.remote_flow_control_window(lively))
        assert flooded.transport.get_write_buffer_size() > 32 << 20
        assert (await client.ask(path="/404")).status == 404

    assert not answer.body


async def test_half_closes_go_both_ways(stage: Stage, backend: RawBackend) -> None:
    async with await Http2Client.connect(stage.address) as client:
        stream, answer = await opened(client)
        client.send(stream, b"last words", is_ended=True)
        connection = backend.connections[-1]
        assert await connection.wait_ended() == "fin"
        connection.transport.write(b", and more")
        connection.close()
        await client.answer(stream)
        assert (bytes(answer.body), answer.reset) == (b"last words, and more", None)

        stream, answer = await opened(client)
        connection = backend.connections[-1]
        connection.is_tunnel = False  # it does not echo any more
        connection.transport.write(b"bye")
        connection.transport.write_eof()
        await client.until(lambda: answer.is_complete)
        client.send(stream, b"still here", is_ended=True)
        assert await connection.wait_ended() == "fin"
        assert bytes(connection.received).endswith(b"still here")
    assert (bytes(answer.body), answer.reset) == (b"bye", None)
    await until(lambda: not stage.pool.servers[0].active)


async def test_a_backend_behind_tls_which_knows_no_half_close(
    serving: Starter, backend: RawBackend, tmp_path: Path
) -> None:
    """It still gets to say its last words; its own end is the end."""
    authority, backend.tls = trustme.CA(), ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(backend.tls)
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    backend.script = script
    options = {"tls": {"ca": str(tmp_path / "ca.pem")}}
    async with (
        listening(backend),
        serving(upstream(backend, **options), http2=Http2.CLEARTEXT) as stage,
        await Http2Client.connect(stage.address) as client,
    ):
        stream, answer = await opened(client)
        client.send(stream, b"last words", is_ended=True)
        await client.until(lambda: bytes(answer.body) == b"last words")
        backend.connections[-1].close()
        await client.answer(stream)
        _, left = await opened(client)
        backend.connections[-1].close()
        await client.until(lambda: left.reset is not None)
        await until(lambda: not stage.pool.servers[0].active)

    assert (answer.reset, left.reset) == (None, 0)


async def test_resets_go_both_ways(stage: Stage, backend: RawBackend) -> None:
    async with await Http2Client.connect(stage.address) as client:
        stream, _ = await opened(client)
        client.reset(stream)
        assert await backend.connections[-1].wait_ended() == "rst"

        stream, answer = await opened(client)
        backend.connections[-1].reset()
        await client.until(lambda: answer.reset is not None)
        assert answer.reset == CANCEL
        assert (await client.ask(path="/404")).status == 404
    await until(lambda: not stage.pool.servers[0].active)


async def test_a_client_that_goes_takes_its_websockets_along(stage: Stage, backend: RawBackend) -> None:
    async with await Http2Client.connect(stage.address) as client:
        for path in ("/", "/", "/hold"):
            client.open(websocket(path), is_ended=False)
        await backend.until(lambda: len(backend.requests) == 3)
        await client.until(lambda: sum(answer.status == 200 for answer in client.answers.values()) == 2)
    for connection in backend.connections:
        assert await connection.wait_ended()
    await until(lambda: not stage.pool.servers[0].active)


@pytest.mark.parametrize("path", ["/403", "/302", "/500", "/401"])
async def test_an_answer_that_is_no_101_is_an_ordinary_answer(stage: Stage, path: str) -> None:
    async with await Http2Client.connect(stage.address) as client:
        stream, answer = await opened(client, path, ("origin", ORIGIN))
        await client.answer(stream)

    assert (answer.status, bytes(answer.body)) == (int(path[1:]), b"said")
    assert answer.values("set-cookie") == ["a=1"]
    assert answer.values("access-control-allow-origin") == [ORIGIN]


@pytest.mark.parametrize(
    ("path", "cause"),
    [("/200", "switch_not_made"), ("/204", "switch_not_made"), ("/lies", "switch_not_asked")],
)
async def test_what_must_not_open_a_websocket_does_not(stage: Stage, path: str, cause: str) -> None:
    """On a stream a 200 is what a 101 is otherwise."""
    async with await Http2Client.connect(stage.address) as client:
        stream, answer = await opened(client, path, ("origin", ORIGIN))
        await client.answer(stream)

    assert (answer.status, answer.values("content-type")) == (502, ["application/problem+json"])
    assert f'cause="{cause}"' in render(stage.gateway.metrics, Gauges()).decode()


def changed(*without: str, **more: str) -> list[tuple[str, str]]:
    """The fields of a handshake without some, and with others."""
    extra = [(name.replace("_", "-"), value) for name, value in more.items()]
    return [field for field in websocket() if field[0] not in without] + extra


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        (changed("sec-websocket-version"), 400),
        (changed("sec-websocket-version", sec_websocket_version="8"), 426),
        (changed(content_length="0"), 400),
        ([(":protocol", "connect-udp"), *changed(":protocol")], 501),
        ([*pseudo("CONNECT", authority="gateway.test:443")[0:3:2]], 405),
        (websocket("/a/../b"), 400),
        (websocket("nowhere"), 1),
        ([*changed(), ("x", "y" * 33000)], 431),
    ],
)  # fmt: skip
async def test_a_handshake_that_is_none_is_refused(
    stage: Stage, backend: RawBackend, fields: list[tuple[str, str]], status: int
) -> None:
    async with await Http2Client.connect(stage.address) as client:
        stream = client.open([*fields, ("origin", ORIGIN)], is_ended=False)
        answer = await client.answer(stream)
        assert (await client.ask(path="/404")).status == 404

    assert (answer.status or answer.reset) == status
    assert [one.method for _, one in backend.requests] == ["GET"]


@pytest.mark.parametrize("origin", [ORIGIN, "https://evil.example", None])
@pytest.mark.parametrize(
    "policy",
    [{}, {"websocket_origin_check": True}, {"on_disallowed_request": "reject"}, {"report_only": True}],
)
async def test_policies_decide_as_over_http_1_1(
    serving: Starter, backend: RawBackend, policy: dict[str, Any], origin: str | None
) -> None:
    backend.script = script
    handshake = (
        "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    )
    fields = [("origin", origin)] if origin is not None else []
    async with listening(backend), serving(upstream(backend), policy=policy, http2=Http2.CLEARTEXT) as stage:
        records = stage.log()
        async with await connect(stage.address) as old:
            await old.send(
                request("GET /", handshake + "".join(f"{name}: {value}\r\n" for name, value in fields))
            )
            plain = await old.read_response("GET")
        async with await Http2Client.connect(stage.address) as client:
            _, over = await opened(client, "/", *fields)
            for connection in backend.connections:
                connection.close()
        await until(lambda: len(records) == 2)

    assert over.status == (200 if plain.status == 101 else plain.status)
    before, after = records
    assert after.protocol == "HTTP/2.0"
    for name in ("method", "target", "host", "origin", "status"):
        assert getattr(before, name) == getattr(after, name)
    assert before.tally is after.tally
    assert after.tally.count == 2


async def test_bytes_and_requests_are_counted_once(stage: Stage, backend: RawBackend) -> None:
    records = stage.log()
    async with await Http2Client.connect(stage.address) as client:
        stream, answer = await opened(client)
        figures = stage.gateway.figures()
        assert (figures.active_requests, figures.tunnels) == (1, 1)
        assert stage.pool.servers[0].active == 1
        client.send(stream, b"hello")
        await client.until(lambda: bytes(answer.body) == b"hello")
        client.send(stream, b"", is_ended=True)
        backend.connections[-1].close()
        await client.answer(stream)
        await until(lambda: records)

    (record,) = records
    assert (record.status, record.bytes_in, record.trouble) == (101, 5, None)
    assert 5 < record.bytes_out < 200


async def test_a_websocket_outlives_a_reload_and_has_its_time_in_a_drain(
    stage: Stage, backend: RawBackend
) -> None:
    async with await Http2Client.connect(stage.address) as client:
        stream, answer = await opened(client)
        stage.swap(upstream(backend), policy={"expose_headers": ["X-New"]})
        stage.gateway.drain()
        await client.until(lambda: client.goaway is not None)
        client.h2.send_data(stream, b"still here", end_stream=True)
        client.flush()
        assert await backend.connections[-1].wait_ended() == "fin"
        backend.connections[-1].close()
        await client.answer(stream)
        await client.until(lambda: client.is_lost)

    assert bytes(answer.body) == b"still here"


async def test_a_client_that_takes_nothing_for_long_is_given_up(
    serving: Starter, backend: RawBackend
) -> None:
    backend.script = script
    server = {"timeouts": {"send": "100ms"}}
    async with (
        listening(backend),
        serving(upstream(backend), server=server, http2=Http2.CLEARTEXT) as stage,
        await Http2Client.connect(stage.address) as client,
    ):
        client.reads = False
        _, answer = await opened(client)
        backend.connections[-1].transport.write(bytes(1 << 20))
        await client.until(lambda: answer.reset is not None)
        assert await backend.connections[-1].wait_ended()

    assert answer.reset == CANCEL
