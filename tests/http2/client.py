"""A client that speaks HTTP/2 through `h2`, which shares no code with the gateway's engine, or through raw frames.

It says what it is told to: nothing is checked or put right on the way out. Bytes of a response that break a rule of
HTTP/2 end in the `ProtocolError` of `h2`.
"""

import asyncio
import ssl
import struct
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self, cast

import h2.config
import h2.connection
import h2.events
import hpack

LIMIT = 30.0
"""Seconds after which a test has failed."""
HEADERS, PRIORITY, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = 1, 2, 3, 4, 6, 7, 8, 9
END_STREAM, END_HEADERS = 1, 4

Fields = Sequence[tuple[str, str]]


@dataclass(slots=True)
class Answer:
    """What came on one stream."""

    status: int = 0
    fields: list[tuple[str, str]] = field(default_factory=list)
    body: bytearray = field(default_factory=bytearray)
    interim: list[int] = field(default_factory=list)
    is_complete: bool = False
    reset: int | None = None
    """The error code, if the stream was broken off."""

    def values(self, name: str) -> list[str]:
        return [value for found, value in self.fields if found == name]


def pseudo(method: str = "GET", path: str = "/", authority: str = "gateway.test") -> list[tuple[str, str]]:
    return [(":method", method), (":scheme", "https"), (":authority", authority), (":path", path)]


def websocket(path: str = "/", authority: str = "gateway.test") -> list[tuple[str, str]]:
    """The fields of a WebSocket handshake (RFC 8441 5.1)."""
    return [
        *pseudo("CONNECT", path, authority),
        (":protocol", "websocket"),
        ("sec-websocket-version", "13"),
    ]


def frame(kind: int, flags: int, stream: int, payload: bytes = b"") -> bytes:
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def header_block(fields: Fields) -> bytes:
    """Of literals that no table remembers."""
    encoder = hpack.Encoder()
    return encoder.encode(
        [(name.encode("latin-1"), value.encode("latin-1")) for name, value in fields], False
    )


class Http2Client(asyncio.Protocol):
    """One connection."""

    def __init__(self) -> None:
        config = h2.config.H2Configuration(
            client_side=True,
            header_encoding="latin-1",
            validate_outbound_headers=False,
            normalize_outbound_headers=False,
        )
        self.h2 = h2.connection.H2Connection(config)
        self.answers: dict[int, Answer] = {}
        self.goaway: int | None = None
        """The error code with which the gateway ended the connection."""
        self.is_greeted = False
        """The settings of the gateway are there, and acknowledged: nothing is sent but what the test sends."""
        self.is_lost = False
        self.reads = True
        """Whether what comes is acknowledged, so that more may come."""
        self._news = asyncio.Event()
        self._partial = b""

    @classmethod
    async def connect(
        cls, address: tuple[str, int], tls: ssl.SSLContext | None = None, *, first: bytes = b""
    ) -> Self:
        """A connection on which the settings are exchanged; `first` are bytes that come before everything else."""
        loop = asyncio.get_running_loop()
        name = "localhost" if tls else None
        _, client = await loop.create_connection(cls, *address[:2], ssl=tls, server_hostname=name)
        client.raw(first)
        client.h2.initiate_connection()
        client.flush()
        await client.until(lambda: client.is_greeted or client.is_lost)
        return client

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.transport.abort()
        await self.until(lambda: self.is_lost)

    # -- sending ---------------------------------------------------------------------------------------------------

    def open(self, fields: Fields | Sequence[tuple[bytes, bytes]], *, is_ended: bool = True) -> int:
        stream = self.h2.get_next_available_stream_id()
        self.h2.send_headers(stream, list(fields), end_stream=is_ended)
        self.answers[stream] = Answer()
        self.flush()
        return stream

    def send(self, stream: int, data: bytes, *, is_ended: bool = False) -> None:
        self.h2.send_data(stream, data, end_stream=is_ended)
        self.flush()

    async def send_all(self, stream: int, data: bytes) -> None:
        """As fast as the windows let it."""
        at = 0
        while at < len(data) and not self.answers[stream].is_complete:
            size = min(
                self.h2.local_flow_control_window(stream), self.h2.max_outbound_frame_size, len(data) - at
            )
            if not size:
                await self.news()
                continue
            self.send(stream, data[at : at + size], is_ended=at + size == len(data))
            at += size

    def reset(self, stream: int) -> None:
        self.h2.reset_stream(stream, 8)
        self.flush()

    def raw(self, data: bytes) -> None:
        self.transport.write(data)

    def flush(self) -> None:
        self.transport.write(self.h2.data_to_send())

    async def ask(
        self, method: str = "GET", path: str = "/", fields: Fields = (), body: bytes = b""
    ) -> Answer:
        """One request and its answer."""
        stream = self.open([*pseudo(method, path), *fields], is_ended=not body)
        await self.send_all(stream, body)
        return await self.answer(stream)

    # -- receiving -------------------------------------------------------------------------------------------------

    async def answer(self, stream: int) -> Answer:
        """The answer on a stream that is complete, or broken off. Raises TimeoutError."""
        answer = self.answers[stream]
        await self.until(lambda: answer.is_complete or self.is_lost)
        return answer

    async def until(self, condition: object) -> None:
        async with asyncio.timeout(LIMIT):
            while not condition():  # type: ignore[operator]
                await self.news()

    async def news(self) -> None:
        self._news.clear()
        async with asyncio.timeout(LIMIT):
            await self._news.wait()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast("asyncio.Transport", transport)

    def connection_lost(self, exc: Exception | None) -> None:
        self.is_lost = True
        self._news.set()

    def data_received(self, data: bytes) -> None:
        self._partial += data
        while len(self._partial) >= 9 and len(self._partial) >= (
            end := 9 + int.from_bytes(self._partial[:3], "big")
        ):
            one, self._partial = self._partial[:end], self._partial[end:]
            if one[3] == GOAWAY:  # `h2` would take no response after it
                self.goaway = int.from_bytes(one[13:17], "big")
                continue
            for event in self.h2.receive_data(one):
                self._take(event)
        self.flush()
        self._news.set()

    def _take(self, event: h2.events.Event) -> None:
        if isinstance(event, h2.events.SettingsAcknowledged):
            self.is_greeted = True
            return
        answer = self.answers.setdefault(getattr(event, "stream_id", None) or 0, Answer())
        match event:
            case h2.events.ResponseReceived(headers=fields):
                (_, status), *answer.fields = _texts(fields)
                answer.status = int(status)
            case h2.events.InformationalResponseReceived(headers=fields):
                answer.interim.append(int(_texts(fields)[0][1]))
            case h2.events.DataReceived(data=data, flow_controlled_length=size, stream_id=stream):
                answer.body += data
                if self.reads and size:
                    self.h2.acknowledge_received_data(size, stream)
            case h2.events.StreamEnded():
                answer.is_complete = True
            case h2.events.StreamReset(error_code=code):
                answer.reset = int(code)
                answer.is_complete = True


def _texts(fields: object) -> list[tuple[str, str]]:
    """`h2` is typed for bytes, and gives what its configuration says."""
    return [(str(name), str(value)) for name, value in cast("Fields", fields)]
