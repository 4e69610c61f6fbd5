"""WebSockets on streams and on connections of their own: the same answers, and no order of events that harms others."""

import asyncio
import re
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cors_gateway.snapshot import Http2
from tests.http2.client import Http2Client, websocket
from tests.proxy.stage import ORIGIN, Stage, Starter, connect, listening, request, until, upstream
from tests.wire.raw_backend import Answer, RawBackend, accept_websocket, reply
from tests.wire.strict_http import Request

KEY = ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ==")
VERSION = ("Sec-WebSocket-Version", "13")
STREAMS = 3


def script(request: Request) -> Answer:
    """By path: what backends answer to handshakes."""
    path = request.target.partition("?")[0]
    accepted = accept_websocket(request)
    head = accepted.segments[0].removesuffix(b"\r\n")
    match path:
        case "/cors":
            return Answer([head + b"Access-Control-Allow-Origin: *\r\nVary: X\r\n\r\n"], then="tunnel")
        case "/cookie":
            return Answer([head + b"Set-Cookie: a=1; Domain=x.test\r\nDate: now\r\n\r\n"], then="tunnel")
        case "/length":
            return Answer([head + b"Content-Length: 5\r\n\r\n"], then="tunnel")
        case "/hints":
            return Answer(
                [b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n", *accepted.segments], then="tunnel"
            )
        case "/other":
            return Answer([b"HTTP/1.1 101 Go\r\nUpgrade: foo\r\nConnection: Upgrade\r\n\r\nraw"], then="hold")
        case "/garbage":
            return Answer([b"SSH-2.0-OpenSSH\r\n\r\n"], then="close")
        case "/gone":
            return Answer([], then="close")
    if path[1:].isdigit():
        fields = [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Date", "now"), ("X", "y")]
        return reply(int(path[1:]), fields, b"said")
    return accepted


HANDSHAKES = [
    ("/", []),
    ("/?a=b#c", []),
    ("/%2e%2e/x", []),
    ("/a//b?c", [("Cookie", "a=b; c=d")]),
    ("/", [("Origin", ORIGIN), ("Origin", "https://evil.example")]),
    ("/", [("Origin", "null")]),
    ("/", [("Origin", ORIGIN), ("Via", "1.1 cors-gateway-stage")]),
    ("/", [("Content-Length", "0")]),
    ("/", [("X_Forwarded_For", "1.2.3.4")]),
    ("/", [("X-Forwarded-For", "1.2.3.4"), ("Sec-WebSocket-Protocol", "a, b")]),
    ("/", [(f"X-{number}", "y") for number in range(120)]),
    ("/", [("Expect", "something")]),
    *((path, [("Origin", ORIGIN)]) for path in ("/cors", "/cookie", "/length", "/hints", "/other", "/garbage")),
    *((path, [("Origin", ORIGIN)]) for path in ("/gone", "/301", "/401", "/404", "/426", "/503")),
]  # fmt: skip


@pytest.mark.parametrize(("path", "fields"), HANDSHAKES)
async def test_a_handshake_on_a_stream_is_answered_as_one_of_http_1_1(
    serving: Starter, backend: RawBackend, path: str, fields: list[tuple[str, str]]
) -> None:
    backend.script = script
    policy = {"websocket_origin_check": True}
    route = {"cookies": {"domain": "remove"}, "response_headers": {"set": {"X-Set": "1"}}}
    async with (
        listening(backend),
        serving(upstream(backend), policy=policy, route=route, http2=Http2.CLEARTEXT) as stage,
    ):
        plain = await _over_http1(stage, path, fields)
        over = await _over_http2(stage, path, fields)
        seen = [sorted(_comparable(one)) for _, one in backend.requests]

    assert over == plain
    assert len({str(one) for one in seen}) <= 1


async def _over_http1(
    stage: Stage, path: str, fields: list[tuple[str, str]]
) -> tuple[int, list[tuple[str, str]], bytes]:
    lines = "".join(f"{name}: {value}\r\n" for name, value in [VERSION, KEY, *fields])
    async with await connect(stage.address) as client:
        await client.send(request(f"GET {path}", f"Connection: Upgrade\r\nUpgrade: websocket\r\n{lines}"))
        response = await client.read_response("GET")
        while 100 < response.status < 200 and response.status != 101:
            response = await client.read_response("GET")
    return (
        response.status,
        _of_message([(name.lower(), value) for name, value in response.fields]),
        _text(response.body),
    )


async def _over_http2(
    stage: Stage, path: str, fields: list[tuple[str, str]]
) -> tuple[int, list[tuple[str, str]], bytes]:
    async with await Http2Client.connect(stage.address) as client:
        stream = client.open(
            [*websocket(path), *[(name.lower(), value) for name, value in fields]], is_ended=False
        )
        answer = client.answers[stream]
        await client.until(lambda: answer.status or answer.is_complete)
        if answer.status != 200:
            await client.answer(stream)
    status = {200: 101, 0: 400}.get(answer.status, answer.status)  # the engine resets some without an answer
    return status, _of_message(answer.fields), _text(answer.body)


def _text(body: bytes | bytearray) -> bytes:
    """A body without the id of its request."""
    return re.sub(rb'"request_id": "\w+"', b"", bytes(body))


def _of_message(fields: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Without those of the protocol, or of the moment."""
    of_protocol = {
        "connection",
        "upgrade",
        "sec-websocket-accept",
        "content-length",
        "transfer-encoding",
        "date",
    }
    return [one for one in fields if one[0] not in of_protocol]


def _comparable(request: Request) -> list[tuple[str, str]]:
    """What the backend got, without what is different for each request or tells the protocol."""
    fields = [(name.lower(), value) for name, value in request.fields]
    apart = {"x-request-id", "via", "sec-websocket-key"}
    return [(request.method, request.target), *[one for one in fields if one[0] not in apart]]


_EVENTS = st.lists(
    st.tuples(
        st.integers(0, STREAMS - 1),
        st.sampled_from(["send", "send", "send", "end", "reset", "wait", "say", "close", "eof", "rst"]),
        st.sampled_from([0, 1, 125, 16384, 40000]),
    ),
    max_size=20,
)


class _Conversation:
    """One WebSocket, its end at the client and its end at the backend."""

    def __init__(self, client: Http2Client, backend: RawBackend) -> None:
        self.client = client
        self.backend = backend
        self.stream = client.open(websocket(), is_ended=False)
        self.sent = b""
        self.is_ended = False
        """The client sends no more."""

    @property
    def answer(self) -> Any:
        return self.client.answers[self.stream]

    def act(self, what: str, size: int) -> None:
        """Do it, as far as HTTP/2 allows it at this moment."""
        number = len(self.sent)
        if what in {"send", "end", "reset"}:
            if self.is_ended or self.answer.reset is not None:
                return
            room = self.client.h2.local_flow_control_window(self.stream)
            piece = bytes([number % 256]) * min(size, room, 16384)
            if what == "reset":
                self.client.reset(self.stream)
                self.answer.reset = 8
            else:
                self.client.send(self.stream, piece, is_ended=what == "end")
                self.sent += piece
            self.is_ended = what != "send"
        elif self.backend.connections:
            self._act_there(self.backend.connections[number % len(self.backend.connections)], what, size)

    def _act_there(self, there: Any, what: str, size: int) -> None:
        """At the backend's end of this conversation, or of another one."""
        if there.transport.is_closing():
            return
        if what == "say" and there.is_tunnel:
            there.transport.write(b"s" * size)
        elif what == "close":
            there.close()
        elif what == "eof" and there.is_tunnel:
            there.is_tunnel = False
            there.transport.write_eof()
        elif what == "rst":
            there.reset()


async def test_no_order_of_events_leaves_anything_behind(serving: Starter, backend: RawBackend) -> None:
    loop = asyncio.get_running_loop()
    backend.script = accept_websocket
    examples: list[list[tuple[int, str, int]]] = []

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(_EVENTS)
    def collect(events: list[tuple[int, str, int]]) -> None:
        examples.append(events)

    await loop.run_in_executor(None, collect)
    async with listening(backend), serving(upstream(backend), http2=Http2.CLEARTEXT) as stage:
        for events in examples:
            await until(lambda: all(connection.ended for connection in backend.connections))
            for connection in backend.connections:
                connection.transport.abort()
            backend.forget()
            async with await Http2Client.connect(stage.address) as client:
                talks = [_Conversation(client, backend) for _ in range(STREAMS)]
                for number, what, size in events:
                    talks[number].act(what, size)
                    await asyncio.sleep(0.002 if what == "wait" else 0)
                untouched = not {"close", "rst", "eof", "say", "reset"} & {what for _, what, _ in events}
                if untouched:
                    await client.until(lambda: all(bytes(one.answer.body) == one.sent for one in talks))  # noqa: B023
                assert not client.is_lost
            await until(lambda: not stage.pool.servers[0].active)
        assert stage.gateway.metrics.http2_ends == {}
