"""Long bodies are read in pieces, into one place that all connections share, and none is written over that is needed."""

import asyncio

import pytest

from cors_gateway.proxy.flow import AHEAD, PIECE, PiecewiseReader


class Receiver(asyncio.Protocol):
    """Takes what comes, and lets go of it or not."""

    def __init__(self, *, passes_on: bool = True, lets_go: bool = True) -> None:
        self.passes_on = passes_on
        self.received: list[bytes] = []
        self.held: list[memoryview] = []
        self._lets_go = lets_go

    def piece_received(self, piece: memoryview) -> None:
        self.received.append(bytes(piece))
        if not self._lets_go:
            self.held.append(piece[1:])

    def data_received(self, data: bytes) -> None:
        self.received.append(data)


def read(reader: PiecewiseReader, data: bytes) -> int:
    """Do as a transport does that has received this; gives the room there was for it."""
    with memoryview(reader.get_buffer(-1)) as place:
        place[: len(data)] = data
        reader.buffer_updated(len(data))
        return len(place)


def test_pieces_come_whole_and_one_after_the_other() -> None:
    receiver = Receiver()
    reader = PiecewiseReader(receiver)
    pieces = [b"a" * 10, b"b" * PIECE, b"c"]

    rooms = {read(reader, piece) for piece in pieces}

    assert (receiver.received, rooms) == (pieces, {PIECE})


def test_what_does_not_just_pass_is_read_in_smaller_pieces() -> None:
    receiver = Receiver(passes_on=False)

    room = read(PiecewiseReader(receiver), b"GET / HTTP/1.1")

    assert (receiver.received, room) == ([b"GET / HTTP/1.1"], AHEAD)
    assert type(receiver.received[0]) is bytes


@pytest.mark.parametrize("passes_on", [True, False], ids=["passes on", "does not"])
def test_a_piece_that_somebody_holds_is_not_written_over(passes_on: bool) -> None:
    slow = Receiver(lets_go=False)
    other = PiecewiseReader(Receiver(passes_on=passes_on))
    reader = PiecewiseReader(slow)

    for data in (b"xfirst", b"xsecond"):
        read(reader, data)
        read(other, b"something else")

    assert [bytes(piece) for piece in slow.held] == [b"first", b"second"]


def test_a_place_is_used_again_when_nobody_holds_it() -> None:
    reader = PiecewiseReader(Receiver())
    read(reader, b"first")
    place = id(reader.get_buffer(-1))

    read(reader, b"second")

    assert id(reader.get_buffer(-1)) == place
