"""Bytes that the kernel moves from one socket to another: all of them, in order, and never one that is no body.

What the transports read besides and what happens to connections is the same as without; `test_long_bodies.py` shows it.
"""

import asyncio
import contextlib
import errno
import os
import resource
import socket
import struct
from collections.abc import Iterator
from typing import Any

import pytest

from cors_gateway.proxy.clock import CoarseClock
from cors_gateway.proxy.flow import PIECE, Flow, PiecewiseReader
from cors_gateway.proxy.splice import (
    MAX_MOVED,
    NOT_MOVED,
    NOWHERE,
    STEP,
    WORTH,
    End,
    KernelPipe,
    Splicer,
)
from tests.proxy.fakes import FakeTransport

Pair = tuple[socket.socket, socket.socket]
BODY = bytes(range(251)) * 20_000
"""Five megabytes in which no two places look alike for long."""


@pytest.fixture(name="source")
def _source() -> Iterator[Pair]:
    """Who sends, and where it is read."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        peer = socket.create_connection(listener.getsockname())
        near, _ = listener.accept()
    near.setblocking(False)
    peer.setblocking(False)
    with peer, near:
        yield peer, near


@pytest.fixture(name="target")
def _target() -> Iterator[Pair]:
    """Where is written, and who takes it."""
    near, peer = socket.socketpair()
    near.setblocking(False)
    peer.setblocking(False)
    with near, peer:
        yield near, peer


@pytest.fixture(name="pipe")
def _pipe() -> Iterator[KernelPipe]:
    KernelPipe._of_process = pipe = KernelPipe()
    yield pipe
    if KernelPipe._of_process is pipe:
        pipe.close()


def sent(peer: socket.socket, near: socket.socket, size: int) -> bytes:
    """Send so many bytes, and wait until they are there."""
    data = BODY[:size]
    peer.setblocking(True)
    peer.sendall(data)
    near.setblocking(True)
    assert len(near.recv(size, socket.MSG_PEEK | socket.MSG_WAITALL)) == size
    near.setblocking(False)
    return data


def taken(peer: socket.socket) -> bytes:
    """All that is there."""
    data = b""
    with contextlib.suppress(BlockingIOError):
        while piece := peer.recv(1 << 20):
            data += piece
    return data


def is_empty(pipe: KernelPipe) -> bool:
    with pytest.raises(BlockingIOError):
        os.read(pipe._out, 1)
    return True


# -- the pipe


@pytest.mark.parametrize("most", [1, STEP - 1, STEP, STEP + 1, 120_000])
def test_as_many_bytes_go_as_may_and_the_others_stay(
    source: Pair, target: Pair, pipe: KernelPipe, most: int
) -> None:
    data = sent(*source, 120_000)

    moved = pipe.move(source[1].fileno(), target[0].fileno(), most, bytearray(PIECE))

    assert (moved.went, moved.left) == (most, 0)
    assert taken(target[1]) + taken(source[1]) == data


def test_what_the_target_does_not_take_comes_back(source: Pair, target: Pair, pipe: KernelPipe) -> None:
    target[0].setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 8 * 1024)
    data, place, got = sent(*source, 120_000), bytearray(PIECE), b""

    while len(got) < len(data):
        moved = pipe.move(source[1].fileno(), target[0].fileno(), len(data), place)
        assert moved.left <= STEP
        got += taken(target[1]) + place[: moved.left]
        assert is_empty(pipe)

    assert got == data


def test_a_source_with_nothing_more_is_told_from_one_that_ended_and_one_that_broke(
    source: Pair, target: Pair, pipe: KernelPipe
) -> None:
    peer, near = source
    ends = (near.fileno(), target[0].fileno(), 100, bytearray(PIECE))
    silent = pipe.move(*ends)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    peer.close()
    broken = pipe.move(*ends)
    ended = pipe.move(*ends)

    assert [type(moved.failed) for moved in (silent, broken, ended)] == [
        BlockingIOError,
        ConnectionResetError,
        type(None),
    ]


def test_bytes_for_a_target_that_is_gone_come_back(source: Pair, target: Pair, pipe: KernelPipe) -> None:
    data, place = sent(*source, 1000), bytearray(PIECE)
    target[1].close()

    moved = pipe.move(source[1].fileno(), target[0].fileno(), 1000, place)

    assert isinstance(moved.refused, BrokenPipeError)
    assert (moved.went, bytes(place[: moved.left])) == (0, data)


def test_a_pipe_that_may_not_be_empty_is_not_used_again(source: Pair, target: Pair, pipe: KernelPipe) -> None:
    """What is in it would go to somebody else."""
    sent(*source, 1000)
    target[1].close()

    with pytest.raises(BufferError):
        pipe.move(source[1].fileno(), target[0].fileno(), 1000, memoryview(bytes(PIECE)))  # type: ignore[arg-type]

    assert KernelPipe.of_process() is not pipe


def test_without_descriptors_there_is_no_pipe_until_there_are(pipe: KernelPipe) -> None:
    pipe.close()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        without = KernelPipe.of_process()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert without is None
    assert KernelPipe.of_process() is not None


# -- where to


@pytest.mark.parametrize(
    ("changed", "is_open"),
    [
        ({}, True),
        ({"queued": 1}, False),
        ({"ended": "closed"}, False),
        ({"extra": {"socket": None}}, False),
        ({"extra": {"sslcontext": True}}, False),
    ],
    ids=["plain", "more to be sent first", "closing", "no socket", "TLS"],
)
def test_only_an_open_plain_socket_that_has_sent_all_is_written_to(
    source: Pair, changed: dict[str, Any], is_open: bool
) -> None:
    transport = FakeTransport()
    transport.stand_on(source[1])
    transport._extra |= changed.get("extra", {})
    transport.queued, transport.ended = changed.get("queued", 0), changed.get("ended", "")
    loop = asyncio.new_event_loop()
    flow = Flow(transport, CoarseClock(loop))
    loop.close()

    assert flow.outlet().descriptor == (source[1].fileno() if is_open else NOWHERE.descriptor)


# -- who moves


class Passage:
    """Lets so many bytes go to a target."""

    def __init__(self, target: End, most: int = 1 << 20) -> None:
        self.target = target
        self.most = most

    def way_on(self) -> tuple[End, int]:
        return self.target, self.most

    def moved(self, size: int) -> None:
        self.most -= size


def splicer_of(source: int, passage: Passage) -> Splicer:
    return Splicer(End(source), passage, lambda call: call())


@pytest.mark.usefixtures("pipe")
def test_only_after_much_came_at_once_is_the_next_moved(source: Pair, target: Pair) -> None:
    sent(*source, WORTH)
    splicer, due = splicer_of(source[1].fileno(), Passage(End(target[0].fileno()))), []
    for step in (
        lambda: splicer.came(WORTH - 1),
        lambda: splicer.came(WORTH),
        lambda: splicer.move(bytearray(PIECE)),
        lambda: splicer.move(bytearray(PIECE)),
    ):
        step()
        due.append(splicer.is_due)

    assert due == [False, True, True, False]


@pytest.mark.usefixtures("pipe")
@pytest.mark.parametrize(
    ("is_open", "most"), [(False, 1 << 20), (True, WORTH - 1)], ids=["closed", "little left"]
)
def test_nothing_goes_where_it_may_not(source: Pair, target: Pair, is_open: bool, most: int) -> None:
    data = sent(*source, WORTH)
    passage = Passage(End(target[0].fileno()) if is_open else NOWHERE, most)

    assert splicer_of(source[1].fileno(), passage).move(bytearray(PIECE)) == NOT_MOVED
    assert taken(source[1]) == data


@pytest.mark.usefixtures("pipe")
def test_one_read_moves_no_more_than_is_for_one_turn(source: Pair, target: Pair) -> None:
    for sock in (source[0], source[1], *target):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 << 20)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4 << 20)
    passage = Passage(End(target[0].fileno()), 1 << 30)
    splicer, most = splicer_of(source[1].fileno(), passage), []
    left = memoryview(BODY)
    while left:
        with contextlib.suppress(BlockingIOError):
            left = left[source[0].send(left) :]
        before = passage.most
        splicer.move(bytearray(PIECE))
        most.append(before - passage.most)
        taken(target[1])

    assert 0 < max(most) <= MAX_MOVED


@pytest.mark.usefixtures("pipe")
def test_what_the_kernel_does_not_move_is_not_tried_twice(source: Pair) -> None:
    data, place = sent(*source, WORTH), bytearray(PIECE)
    other = os.eventfd(0, os.EFD_NONBLOCK)
    try:
        splicer = splicer_of(source[1].fileno(), Passage(End(other)))
        left = splicer.move(place)
        splicer.came(PIECE)
    finally:
        os.close(other)

    assert (bytes(place[:left]), splicer.is_due, splicer.error) == (data, False, None)


# -- who reads


class Receiver(asyncio.Protocol, Passage):
    """Takes down what comes the usual way."""

    passes_on = True

    def __init__(self, target: End) -> None:
        super().__init__(target)
        self.received: list[bytes] = []
        self.ended: list[object] = []

    def piece_received(self, piece: memoryview) -> None:
        self.received.append(bytes(piece))

    def data_received(self, data: bytes) -> None:
        self.received.append(data)

    def eof_received(self) -> bool:
        self.ended.append("end of stream")
        return True

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended.append(type(exc))


class Reading:
    """A reader at a source, with a target that takes nothing, and calls that wait for the next turn of the loop."""

    def __init__(self, source: Pair, target: Pair) -> None:
        with contextlib.suppress(BlockingIOError):
            while target[0].send(bytes(1 << 16)):
                pass
        self.later: list[object] = []
        self.receiver = Receiver(End(target[0].fileno()))
        self.splicer = Splicer(End(source[1].fileno()), self.receiver, self.later.append)
        self.splicer.came(PIECE)
        self.reader = PiecewiseReader(self.receiver, self.splicer)


@pytest.mark.usefixtures("pipe")
def test_what_was_taken_and_did_not_go_comes_before_what_is_read_next(source: Pair, target: Pair) -> None:
    data = sent(*source, STEP)
    reading = Reading(source, target)

    with memoryview(reading.reader.get_buffer(-1)) as room:
        assert not reading.receiver.received, "nothing happens in this moment that could pause the transport"
        room[:4] = b"next"
    reading.reader.buffer_updated(4)

    assert reading.receiver.received == [data + b"next"]


@pytest.mark.usefixtures("pipe")
def test_what_was_taken_and_did_not_go_comes_also_if_nothing_else_does(source: Pair, target: Pair) -> None:
    data = sent(*source, STEP)
    reading, other = Reading(source, target), PiecewiseReader(Receiver(NOWHERE))

    reading.reader.get_buffer(-1)
    with memoryview(other.get_buffer(-1)) as room:
        room[:5] = b"other"
    other.buffer_updated(5)
    for call in reading.later:
        call()  # type: ignore[operator]

    assert reading.receiver.received == [data]


@pytest.mark.usefixtures("pipe")
def test_the_end_comes_after_what_was_taken(source: Pair, target: Pair) -> None:
    data = sent(*source, STEP)
    reading = Reading(source, target)

    reading.reader.get_buffer(-1)
    reading.reader.eof_received()
    reading.reader.connection_lost(None)

    assert (reading.receiver.received, reading.receiver.ended) == ([data], ["end of stream", type(None)])


@pytest.mark.usefixtures("pipe")
def test_a_reset_that_was_noticed_here_is_no_end_of_stream(source: Pair, target: Pair) -> None:
    """The kernel says so once; what the transport sees afterwards is the end of the stream."""
    source[0].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    source[0].close()
    reading = Reading(source, target)

    reading.reader.get_buffer(-1)
    assert source[1].recv(1) == b""
    goes_on = reading.reader.eof_received()
    reading.reader.connection_lost(None)

    assert (goes_on, reading.receiver.ended) == (False, [ConnectionResetError])
    assert reading.splicer.error is not None
    assert reading.splicer.error.errno == errno.ECONNRESET


@pytest.mark.usefixtures("pipe")
def test_a_reset_that_was_noticed_by_who_moved_something_there_is_no_end_of_stream(
    source: Pair, target: Pair
) -> None:
    data, place = sent(target[1], target[0], WORTH), bytearray(PIECE)
    source[0].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    source[0].close()
    end = End(source[1].fileno())
    left = splicer_of(target[0].fileno(), Passage(end)).move(place)
    receiver = Receiver(NOWHERE)
    reader = PiecewiseReader(receiver, Splicer(end, receiver, lambda call: call()))
    assert source[1].recv(1) == b""
    goes_on = reader.eof_received()
    reader.connection_lost(None)

    assert (bytes(place[:left]), goes_on, receiver.ended) == (data, False, [ConnectionResetError])


@pytest.mark.parametrize("number", [errno.EAGAIN, errno.ENOBUFS, errno.ENOMEM])
def test_that_nothing_could_be_moved_just_then_breaks_no_connection(
    source: Pair, target: Pair, pipe: KernelPipe, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def fails(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    reading = Reading(source, target)
    with monkeypatch.context() as patch:
        patch.setattr(os, "splice", fails)
        reading.reader.get_buffer(-1)
    reading.reader.eof_received()

    assert is_empty(pipe)
    assert reading.receiver.ended == ["end of stream"]
