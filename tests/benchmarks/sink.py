"""The backend that counts: takes uploads of any size and answers WebSocket frames, with as little work as possible.

Run as `python -m tests.benchmarks.sink PORT`. It trusts its clients (proxies under measurement): an upload has a
`Content-Length`, or is chunked and ends with the last chunk, and WebSocket frames have the one length `FRAME_IN`.
"""

import asyncio
import base64
import hashlib
import re
import sys

import uvloop

FRAME_PAYLOAD = 120
FRAME_IN = 6 + FRAME_PAYLOAD
# A text frame as a client masks it; the key is zero, so that payload and masked payload are the same bytes.
CLIENT_FRAME = bytes((0x81, 0x80 | FRAME_PAYLOAD, 0, 0, 0, 0)) + b"x" * FRAME_PAYLOAD
SERVER_FRAME = bytes((0x81, FRAME_PAYLOAD)) + b"x" * FRAME_PAYLOAD

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_LAST_CHUNK = b"\r\n0\r\n\r\n"
_CREATED = (
    b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nAccess-Control-Allow-Origin: *\r\n"
    b"Content-Length: 16\r\n\r\n" + b'{"stored": true}'
)
# RFC 6455 section 1.3
_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_KEY = re.compile(rb"\r\nsec-websocket-key: *(\S+)", re.IGNORECASE)


class Sink(asyncio.BufferedProtocol):
    """One connection: heads are gathered, bodies only counted."""

    # One for all connections: what arrives is used before the next callback runs.
    buffer = memoryview(bytearray(256 * 1024))

    def __init__(self) -> None:
        self.head = b""
        self.remaining = 0
        self.tail: bytes | None = None
        self.frames = -1

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self.transport = transport

    def get_buffer(self, sizehint: int) -> memoryview:
        return self.buffer

    def buffer_updated(self, nbytes: int) -> None:
        if self.frames >= 0:
            self._echo(nbytes)
        elif self.remaining:
            self._count(nbytes)
        elif self.tail is not None:
            self._look_for_end(bytes(self.buffer[:nbytes]))
        else:
            self._begin(bytes(self.buffer[:nbytes]))

    def eof_received(self) -> None:
        self.transport.close()

    def _begin(self, data: bytes) -> None:
        head, end, body = (self.head + data).partition(b"\r\n\r\n")
        if not end:
            self.head = head
            return
        self.head = b""
        if key := _KEY.search(head):
            self._accept(key.group(1))
            self.frames = 0
            if body:
                self.buffer[: len(body)] = body
                self._echo(len(body))
        elif length := _LENGTH.search(head):
            self.remaining = int(length.group(1))
            self._count(len(body))
        elif b"chunked" in head.lower():
            self.tail = b"\r\n"
            self._look_for_end(body)
        else:
            self.transport.write(_CREATED)

    def _count(self, received: int) -> None:
        self.remaining -= received
        if self.remaining <= 0:
            self.remaining = 0
            self.transport.write(_CREATED)

    def _look_for_end(self, data: bytes) -> None:
        assert self.tail is not None
        self.tail = (self.tail + data)[-len(_LAST_CHUNK) :]
        if self.tail.endswith(_LAST_CHUNK):
            self.tail = None
            self.transport.write(_CREATED)

    def _accept(self, key: bytes) -> None:
        accept = base64.b64encode(hashlib.sha1(key + _GUID).digest())
        self.transport.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )

    def _echo(self, received: int) -> None:
        whole, self.frames = divmod(self.frames + received, FRAME_IN)
        if whole:
            self.transport.write(SERVER_FRAME * whole)


async def serve(port: int) -> None:
    server = await asyncio.get_running_loop().create_server(Sink, "127.0.0.1", port, backlog=4096)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(serve(int(sys.argv[1])))
