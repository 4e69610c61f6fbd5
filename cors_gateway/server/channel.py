"""The line between the parent and one worker: questions and answers over a pair of Unix sockets.

A frame is a JSON object, followed by bytes (a pickled snapshot, from the parent only) and accompanied by open files
(listening sockets, from the parent only). A question has a number and the answer refers to it; several may be open.
"""

import array
import asyncio
import json
import logging
import socket
import struct
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from cors_gateway.server.startup_error import StartupError

MAX_DESCRIPTORS = 253
"""SCM_MAX_FD of Linux."""
READ_SIZE = 256 * 1024

_HEADER = struct.Struct("!III")


class ChannelClosedError(Exception):
    """The other side has gone before it answered."""


@dataclass(slots=True)
class Question:
    """What one side wants of the other. Who answers has to close the files."""

    do: str
    fields: dict[str, Any]
    payload: bytes = b""
    descriptors: list[int] = field(default_factory=list)


Answer = Callable[[Question], Awaitable[dict[str, Any]]]
"""Carries out a question. What it raises is raised where it was asked, as StartupError."""


class Channel:
    """One end of the line, in the running loop."""

    def __init__(self, sock: socket.socket, answer: Answer | None = None) -> None:
        self.closed = asyncio.Event()
        """Set when the other side has hung up or `close` was called."""
        sock.setblocking(False)
        self._socket = sock
        self._answer = answer
        self._loop = asyncio.get_running_loop()
        self._incoming = bytearray()
        self._descriptors: list[int] = []
        self._outgoing: deque[tuple[memoryview, Sequence[int]]] = deque()
        self._asked: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._number = 0
        self._answering: set[asyncio.Task[None]] = set()
        self._loop.add_reader(sock.fileno(), self._read)

    async def ask(
        self,
        do: str,
        *,
        payload: bytes = b"",
        descriptors: Sequence[int] = (),
        timeout: float | None = None,  # noqa: ASYNC109 - most questions have one
        **fields: object,
    ) -> dict[str, Any]:
        """Ask and wait for the answer.

        Raises StartupError if that is the answer, ChannelClosedError if there will be none, TimeoutError.
        """
        if self.closed.is_set():
            raise ChannelClosedError
        self._number += 1
        number = self._number
        future: asyncio.Future[dict[str, Any]] = self._loop.create_future()
        self._asked[number] = future
        try:
            self._send({"number": number, "do": do, **fields}, payload, descriptors)
            async with asyncio.timeout(timeout):
                answer = await future
        finally:
            self._asked.pop(number, None)
        if "error" in answer:
            raise StartupError(answer["error"])
        return answer

    def close(self) -> None:
        """Hang up; every open question ends with ChannelClosedError."""
        if self.closed.is_set():
            return
        self.closed.set()
        self._loop.remove_reader(self._socket.fileno())
        self._loop.remove_writer(self._socket.fileno())
        self._socket.close()
        for future in self._asked.values():
            if not future.done():
                future.set_exception(ChannelClosedError())

    def _send(self, message: dict[str, Any], payload: bytes, descriptors: Sequence[int]) -> None:
        text = json.dumps(message).encode()
        header = _HEADER.pack(len(text), len(payload), len(descriptors))
        self._outgoing.append((memoryview(header + text + payload), descriptors))
        if len(self._outgoing) == 1:
            self._flush()

    def _flush(self) -> None:
        while self._outgoing:
            data, descriptors = self._outgoing[0]
            try:
                sent = (
                    socket.send_fds(self._socket, [data], descriptors)
                    if descriptors
                    else self._socket.send(data)
                )
            except BlockingIOError:
                self._loop.add_writer(self._socket.fileno(), self._flush)
                return
            except OSError:
                self.close()
                return
            if sent < len(data):
                self._outgoing[0] = (data[sent:], ())
            else:
                self._outgoing.popleft()
        self._loop.remove_writer(self._socket.fileno())

    def _read(self) -> None:
        space = socket.CMSG_SPACE(MAX_DESCRIPTORS * array.array("i").itemsize)
        try:
            data, ancillary, _, _ = self._socket.recvmsg(READ_SIZE, space)
        except BlockingIOError:
            return
        except OSError:
            data, ancillary = b"", []
        for level, kind, content in ancillary:
            if (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS):
                self._descriptors += array.array("i", content)
        if not data:
            self.close()
            return
        self._incoming += data
        while self._take_frame():
            pass

    def _take_frame(self) -> bool:
        if len(self._incoming) < _HEADER.size:
            return False
        text_length, payload_length, count = _HEADER.unpack_from(self._incoming)
        text_end = _HEADER.size + text_length
        end = text_end + payload_length
        if len(self._incoming) < end:
            return False
        message = json.loads(self._incoming[_HEADER.size : text_end])
        payload = bytes(self._incoming[text_end:end])
        del self._incoming[:end]
        # The files of a frame arrive with its first byte.
        descriptors, self._descriptors = self._descriptors[:count], self._descriptors[count:]
        number = message.pop("number")
        if "do" in message:
            question = Question(message.pop("do"), message, payload, descriptors)
            task = self._loop.create_task(self._respond(number, question))
            self._answering.add(task)
            task.add_done_callback(self._answering.discard)
        elif (future := self._asked.get(number)) is not None and not future.done():
            future.set_result(message)
        return True

    async def _respond(self, number: int, question: Question) -> None:
        if self._answer is None:
            return
        try:
            answer = await self._answer(question)
        except StartupError as error:
            answer = {"error": str(error)}
        except Exception as error:
            logging.getLogger(__name__).exception("cannot answer %s", question.do)
            answer = {"error": f"internal error: {error!r}"}
        if not self.closed.is_set():
            self._send({"number": number, **answer}, b"", ())
