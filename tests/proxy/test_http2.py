"""Requests on streams: that they are served as on HTTP/1.1, and that no stream has to wait for another."""

import asyncio
import ssl
from collections.abc import AsyncIterator

import pytest
import trustme

from cors_gateway.snapshot import Http2
from tests.http2.client import Answer as StreamAnswer
from tests.http2.client import Http2Client, pseudo
from tests.proxy.stage import ORIGIN, Stage, Starter, connect, listening, request, until, upstream
from tests.wire.raw_backend import Answer, RawBackend, reply
from tests.wire.strict_http import Request

INTERNAL_ERROR, CANCEL = 2, 8
OF_CONNECTION = {"connection", "keep-alive", "transfer-encoding", "content-length"}
LARGE = 3 << 20


def script(request: Request) -> Answer:
    """By path: what a backend may do."""
    target = request.target
    if target == "/hold":
        return Answer([], then="hold")
    if target == "/large":
        return Answer([b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % LARGE, bytes(LARGE)])
    if target == "/chunked":
        chunks = [
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            b"3\r\nabc\r\n",
            b"0\r\nX-T: 1\r\n\r\n",
        ]
        return Answer(chunks, gap=0.01)
    if target == "/cut":
        return Answer([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc"], then="close")
    if target == "/hints":
        return Answer([b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n"])
    status = int(target[1:]) if target[1:].isdigit() else 200
    body = b"" if status in {204, 304} or request.method == "HEAD" else b"body of " + target.encode()
    fields = [
        ("X-Saw", str(len(request.body))),
        ("Set-Cookie", "a=1"),
        ("Set-Cookie", "b=2"),
        ("Date", "now"),
    ]
    if status == 304:
        return Answer([b'HTTP/1.1 304 Not Modified\r\nETag: "x"\r\nDate: now\r\n\r\n'])
    return reply(status, fields, body)


@pytest.fixture
async def stage(serving: Starter, backend: RawBackend) -> AsyncIterator[Stage]:
    """A gateway that takes HTTP/2 without TLS."""
    backend.script = script
    async with listening(backend), serving(upstream(backend), http2=Http2.CLEARTEXT) as stage:
        yield stage


@pytest.mark.parametrize(
    ("method", "path", "fields", "body"),
    [
        ("GET", "/", [], b""),
        ("GET", "/a?b=c", [("origin", ORIGIN)], b""),
        ("GET", "/", [("origin", "https://evil.example")], b""),
        ("HEAD", "/", [("origin", ORIGIN)], b""),
        ("GET", "/204", [], b""),
        ("GET", "/304", [("origin", ORIGIN)], b""),
        ("GET", "/500", [("origin", ORIGIN)], b""),
        ("GET", "/chunked", [("origin", ORIGIN)], b""),
        ("HEAD", "/404", [], b""),
        ("POST", "/", [("origin", ORIGIN), ("content-length", "5")], b"hello"),
        ("OPTIONS", "/", [("origin", ORIGIN), ("access-control-request-method", "POST")], b""),
        ("OPTIONS", "/", [("origin", ORIGIN), ("access-control-request-method", "DELETE")], b""),
        ("OPTIONS", "/", [("origin", "https://evil.example"), ("access-control-request-method", "GET")], b""),
        ("OPTIONS", "/", [("origin", ORIGIN)], b""),
        ("OPTIONS", "*", [], b""),
        ("TRACE", "/", [], b""),
        ("GET", "/%2e%2e/%00", [("origin", ORIGIN)], b""),
        ("GET", "/a b", [], b""),
        ("GET", "/", [("x_forwarded.for", "1")], b""),
        ("GET", "/", [("via", "1.1 cors-gateway-stage")], b""),
        ("POST", "/", [("expect", "something")], b""),
        ("GET", "/", [(f"x-{number}", "y") for number in range(120)], b""),
        ("GET", "/", [("x", "y" * 33000)], b""),
    ],
)  # fmt: skip
async def test_an_answer_is_that_of_http_1_1(
    stage: Stage, backend: RawBackend, method: str, path: str, fields: list[tuple[str, str]], body: bytes
) -> None:
    async with await Http2Client.connect(stage.address) as client:
        await client.ask(method, path, fields, body)
        over = await client.ask(method, path, fields, body)  # what is remembered by now changes nothing
    lines = "".join(f"{name}: {value}\r\n" for name, value in fields if name != "content-length")
    plain = await stage.ask(f"{method} {path}", lines, body)

    if over.reset is not None:  # the engine refuses some by itself, without a word
        assert plain.status >= 400
        return
    assert over.status == plain.status
    assert bytes(over.body) == plain.body
    comparable = [
        [(name, value) for name, value in found if name not in {*OF_CONNECTION, "date"}]
        for found in (over.fields, [(name.lower(), value) for name, value in plain.fields])
    ]
    assert comparable[0] == comparable[1]
    seen = [sorted(_comparable(one)) for _, one in backend.requests]
    assert len({str(one) for one in seen}) <= 1


def _comparable(request: Request) -> list[tuple[str, str]]:
    """What the backend got, without what is different for each request or tells the protocol."""
    fields = [(name.lower(), value) for name, value in request.fields]
    return [
        (request.method, request.target),
        *[one for one in fields if one[0] not in {"x-request-id", "via"}],
    ]


async def test_by_alpn_and_only_where_both_want_it(serving: Starter, backend: RawBackend) -> None:
    authority = trustme.CA()
    server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context()
    authority.issue_cert("localhost").configure_cert(server)
    authority.configure_trust(client)
    server.set_alpn_protocols(["h2", "http/1.1"])
    client.set_alpn_protocols(["h2", "http/1.1"])
    async with listening(backend), serving(upstream(backend), tls=server, http2=Http2.TLS) as stage:
        async with await Http2Client.connect(stage.address, client) as speaker:
            answers = await asyncio.gather(*[speaker.ask("POST", "/", [], b"x" * size) for size in range(40)])
        client.set_alpn_protocols(["http/1.1"])
        async with await connect(stage.address, tls=client, server_name="localhost") as old:
            await old.send(request())
            assert (await old.read_response("GET")).status == 200

    assert [(answer.status, len(answer.body)) for answer in answers] == [(200, size) for size in range(40)]


async def test_a_preface_may_come_byte_by_byte_and_http_1_1_is_still_served(stage: Stage) -> None:
    client = Http2Client()
    loop = asyncio.get_running_loop()
    await loop.create_connection(lambda: client, *stage.address)
    client.h2.initiate_connection()
    async with client:
        opening = client.h2.data_to_send()
        for byte in opening[:20]:
            client.raw(bytes([byte]))
            await asyncio.sleep(0.001)
        client.raw(opening[20:])
        assert (await client.ask()).status == 200

    upgrade = "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABk\r\n"
    assert (await stage.ask("GET /", upgrade)).status == 200
    assert (await stage.ask("PRI /")).status == 200
    assert (await stage.ask("PRI *")).status == 400


async def test_large_bodies_both_ways(stage: Stage) -> None:
    async with await Http2Client.connect(stage.address) as client:
        down = await client.ask("GET", "/large")
        up = await client.ask("POST", "/", [], bytes(LARGE))

    assert (len(down.body), up.values("x-saw")) == (LARGE, [str(LARGE)])


async def test_an_upload_that_is_taken_gets_a_wider_window_and_five_do_not(
    serving: Starter, backend: RawBackend
) -> None:
    """On a long way a window is how much goes in one round trip."""
    backend.early_script = lambda _: None
    async with (
        listening(backend),
        serving(upstream(backend), http2=Http2.CLEARTEXT) as stage,
        await Http2Client.connect(stage.address) as client,
    ):
        streams = [client.open(pseudo("POST"), is_ended=False) for _ in range(5)]
        for stream in streams:
            for _ in range(3):
                await client.until(lambda: client.h2.local_flow_control_window(stream) >= 32768)  # noqa: B023
                for _ in range(2):
                    client.send(stream, bytes(16384))
        await until(lambda: stage.gateway.figures().active_requests == 5)
        # One more round: what was opened is known.
        assert (await client.ask()).status == 200
        windows = sorted(client.h2.local_flow_control_window(stream) for stream in streams)
        for stream in streams:
            client.send(stream, b"", is_ended=True)
        answers = [await client.answer(stream) for stream in streams]

    assert windows[0] <= 65536 < 900_000 < windows[1]
    assert {len(answer.body) for answer in answers} == {3 * 32768}


async def test_a_stream_whose_client_reads_nothing_holds_up_no_other(
    stage: Stage, backend: RawBackend
) -> None:
    async with await Http2Client.connect(stage.address) as client:
        client.h2.increment_flow_control_window(1 << 26)  # of the connection: only streams stand still
        client.reads = False
        stuck = [client.open(pseudo(path="/large")) for _ in range(8)]
        await until(lambda: all(len(client.answers[one].body) == 65535 for one in stuck))
        answers = await asyncio.gather(*[client.ask() for _ in range(20)])
        for one in stuck:
            client.h2.increment_flow_control_window(LARGE, one)
        client.flush()
        resumed = [await client.answer(one) for one in stuck]

    assert {answer.status for answer in answers} == {200}
    assert {len(answer.body) for answer in resumed} == {LARGE}


async def test_a_backend_that_takes_nothing_holds_up_no_other_upload(
    serving: Starter, backend: RawBackend
) -> None:
    backend.early_script = lambda head: Answer([], then="deaf") if head.target == "/deaf" else None
    async with (
        listening(backend),
        serving(upstream(backend), http2=Http2.CLEARTEXT) as stage,
        await Http2Client.connect(stage.address) as client,
    ):
        deaf = [client.open(pseudo("POST", "/deaf"), is_ended=False) for _ in range(4)]
        uploads = [asyncio.ensure_future(client.send_all(one, bytes(32 << 20))) for one in deaf]
        answer = await client.ask("POST", "/", [], bytes(LARGE))
        for upload in uploads:
            upload.cancel()

    assert (answer.status, len(answer.body)) == (200, LARGE)


async def test_a_stream_that_is_reset_ends_its_exchange_at_once(stage: Stage, backend: RawBackend) -> None:
    async with await Http2Client.connect(stage.address) as client:
        held = client.open(pseudo(path="/hold"))
        await backend.until(lambda: backend.requests)
        client.reset(held)

        assert await backend.connections[0].wait_ended()
        assert (await client.ask()).status == 200


async def test_a_lost_connection_ends_all_exchanges(stage: Stage, backend: RawBackend) -> None:
    async with await Http2Client.connect(stage.address) as client:
        for _ in range(3):
            client.open(pseudo(path="/hold"))
        await backend.until(lambda: len(backend.requests) == 3)

    for connection in backend.connections:
        assert await connection.wait_ended()


async def test_interim_responses_pass_and_a_body_is_asked_for(stage: Stage) -> None:
    async with await Http2Client.connect(stage.address) as client:
        hints = await client.ask("GET", "/hints")
        stream = client.open([*pseudo("POST"), ("expect", "100-continue")], is_ended=False)
        await client.until(lambda: client.answers[stream].interim)
        client.send(stream, b"body", is_ended=True)
        answer = await client.answer(stream)

    assert (hints.interim, hints.status) == ([103], 204)
    assert (answer.interim, answer.status, answer.values("x-saw")) == ([100], 200, ["4"])


async def test_a_response_before_the_end_of_its_request_stops_the_upload(
    serving: Starter, backend: RawBackend
) -> None:
    backend.early_script = lambda _: reply(413, [], b"too large", then="hold")
    async with (
        listening(backend),
        serving(upstream(backend), http2=Http2.CLEARTEXT) as stage,
        await Http2Client.connect(stage.address) as client,
    ):
        stream = client.open(pseudo("POST"), is_ended=False)
        await client.send_all(stream, bytes(LARGE))
        answer = client.answers[stream]
        backend.early_script = lambda _: None
        assert (await client.ask()).status == 200

    assert (answer.status, bytes(answer.body), answer.reset) == (413, b"too large", 0)


async def test_a_response_that_is_cut_off_is_seen_to_be(stage: Stage) -> None:
    async with await Http2Client.connect(stage.address) as client:
        answer = await client.ask("GET", "/cut")
        assert (await client.ask()).status == 200

    assert (answer.status, answer.reset) == (200, INTERNAL_ERROR)


@pytest.mark.parametrize(
    ("length", "sent"), [("5", [b"hell"]), ("5", [b"hello!"]), ("5", [b"hello", b"x"]), ("0", [b"x"])]
)
async def test_a_body_of_another_length_than_announced_is_not_served(
    stage: Stage, backend: RawBackend, length: str, sent: list[bytes]
) -> None:
    async with await Http2Client.connect(stage.address) as client:
        stream = client.open([*pseudo("POST"), ("content-length", length)], is_ended=False)
        for piece in sent:
            client.h2.send_data(stream, piece)
        client.h2.end_stream(stream)
        client.flush()
        answer = await client.answer(stream)
        assert (await client.ask()).status == 200

    assert answer.reset is not None or answer.status == 400
    assert [one.method for _, one in backend.requests] == ["GET"]


async def test_trailers_are_dropped_unless_they_must_not_be_there(stage: Stage, backend: RawBackend) -> None:
    async with await Http2Client.connect(stage.address) as client:
        answers = []
        for trailer in (("x-checksum", "1"), ("authorization", "x")):
            stream = client.open(pseudo("POST"), is_ended=False)
            client.send(stream, b"body")
            client.h2.send_headers(stream, [trailer], end_stream=True)
            client.flush()
            answers.append(await client.answer(stream))

    assert [answer.status for answer in answers] == [200, 400]
    assert [one.body for _, one in backend.requests] == [b"body"]
    assert "x-checksum" not in {name.lower() for name, _ in backend.requests[0][1].fields}


@pytest.mark.parametrize("of", ["server", "route"])
async def test_a_body_beyond_the_limit_is_refused(serving: Starter, backend: RawBackend, of: str) -> None:
    limits = {of: {"limits": {"request_body": "1KiB"}}}
    async with (
        listening(backend),
        serving(upstream(backend), **limits, http2=Http2.CLEARTEXT) as stage,
        await Http2Client.connect(stage.address) as client,
    ):
        announced = await client.ask("POST", "/", [("content-length", "2000")], bytes(2000))
        sent = await client.ask("POST", "/", [], bytes(2000))
        assert (await client.ask("POST", "/", [], bytes(1000))).status == 200

    assert (announced.status, sent.status) == (413, 413)


async def test_a_reload_leaves_streams_alone(stage: Stage, backend: RawBackend) -> None:
    async with await Http2Client.connect(stage.address) as client:
        client.reads = False
        client.h2.increment_flow_control_window(LARGE * 2)
        stream = client.open(pseudo(path="/large"))
        await until(lambda: client.answers[stream].body)
        stage.swap(upstream(backend), policy={"expose_headers": ["X-New"]})
        after = await client.ask("GET", "/", [("origin", ORIGIN)])
        client.reads = True
        client.h2.increment_flow_control_window(LARGE * 2, stream)
        client.flush()
        before = await client.answer(stream)

    assert after.values("access-control-expose-headers") == ["x-new"]
    assert (before.status, len(before.body)) == (200, LARGE)


async def test_a_preflight_that_is_repeated_is_counted_logged_and_decided_anew_after_a_reload(
    stage: Stage, backend: RawBackend
) -> None:
    records = stage.log()
    fields = [("origin", ORIGIN), ("access-control-request-method", "POST")]
    async with await Http2Client.connect(stage.address) as client:
        first, *others = [await client.ask("OPTIONS", "/", fields) for _ in range(8)]
        at_once = [client.open([*pseudo("OPTIONS"), *fields]) for _ in range(20)]
        others += [await client.answer(stream) for stream in at_once]
        assert stage.gateway.figures().active_requests == 0
        stage.swap(upstream(backend), policy={"max_age": "7s"})
        anew = [await client.ask("OPTIONS", "/", fields) for _ in range(4)]
        mixed = [await client.ask("OPTIONS", f"/{number % 2}", fields) for number in range(6)]
        stage.gateway.begin_draining()
        last = await client.ask("OPTIONS", "/", fields)

    assert {_without_date(answer) for answer in others} == {_without_date(first)}
    assert [answer.values("access-control-max-age") for answer in anew] == [["7"]] * 4
    assert {_without_date(answer) for answer in (*mixed, last)} == {_without_date(anew[0])}
    assert [record.target for record in records[-7:]] == [b"/0", b"/1", b"/0", b"/1", b"/0", b"/1", b"/"]
    assert len(records) == 28 + 4 + 7
    assert {(record.status, record.protocol, record.bytes_out > 100) for record in records} == {
        (204, "HTTP/2.0", True)
    }
    decisions = stage.gateway.metrics.routes["all"].decisions.values()
    assert {tally.kind: tally.count for tally in decisions if tally.count} == {"preflight": len(records)}


def _without_date(answer: StreamAnswer) -> str:
    return str((answer.status, [field for field in answer.fields if field[0] != "date"], bytes(answer.body)))
