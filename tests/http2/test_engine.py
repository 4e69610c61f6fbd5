"""What the adapter makes of a library that says no."""

import ngh2
import pytest

from cors_gateway.http2 import PREFACE
from cors_gateway.http2.cause import ConnectionCause, ConnectionFault
from cors_gateway.http2.engine import Engine, Fields
from tests.http2.client import END_HEADERS, END_STREAM, GOAWAY, HEADERS, SETTINGS, frame, header_block, pseudo


class Told:
    """Keeps what the engine tells."""

    def __init__(self) -> None:
        self.events: list[tuple[str, int]] = []

    def request_received(self, stream: int, fields: Fields, *, is_ended: bool) -> None:
        self.events.append(("request", stream))

    def data_received_on(self, stream: int, data: bytes, *, is_ended: bool) -> None:
        self.events.append(("data", stream))

    def trailers_received(self, stream: int, fields: Fields) -> None:
        self.events.append(("trailers", stream))

    def stream_broken(self, stream: int) -> None:
        self.events.append(("broken", stream))

    def stream_closed(self, stream: int, *, is_reset: bool) -> None:
        self.events.append(("closed", stream))


def opened() -> tuple[Engine, Told]:
    engine, told = Engine(max_list=1000, max_fields=100), Told()
    engine.receive(PREFACE + frame(SETTINGS, 0, 0), told)
    assert engine.take(1 << 16)
    return engine, told


def request(number: int, *fields: tuple[str, str]) -> bytes:
    return frame(HEADERS, END_HEADERS | END_STREAM, number, header_block([*pseudo(), *fields]))


def test_a_stream_that_the_engine_resets_is_told_from_one_that_the_client_resets() -> None:
    engine, told = opened()
    reset = frame(3, 0, 1, b"\0\0\0\x08")
    engine.receive(request(1) + reset + request(3, ("Upper", "case")), told)
    engine.take(1 << 16)
    engine.tell(told)

    assert told.events == [("request", 1), ("closed", 1), ("broken", 3), ("closed", 3)]


def test_nothing_can_be_done_on_a_closed_stream_and_the_others_go_on() -> None:
    engine, told = opened()
    engine.receive(request(1), told)
    engine.respond(99, [(b":status", b"200")], is_ended=True)
    engine.send(99, b"x", is_ended=True)
    engine.respond(1, [(b":status", b"204")], is_ended=True)

    assert (engine.is_dead, engine.failure) == (False, None)
    assert engine.take(1 << 16)[3:9] == b"\x01\x05\0\0\0\x01"


def test_a_library_that_cannot_go_on_leaves_the_last_words() -> None:
    engine, told = Engine(max_list=1000, max_fields=100), Told()
    with pytest.raises(ConnectionFault) as caught:
        engine.receive(b"no preface at all, but long enough", told)
    engine.respond(1, [(b":status", b"204")], is_ended=True)
    engine.end(1)

    assert (caught.value.cause, engine.is_dead, engine.is_over) == (ConnectionCause.PROTOCOL, True, True)
    assert "client magic" in caught.value.detail
    assert engine.take(100) == b""
    assert engine.last_words(ConnectionCause.PROTOCOL) == frame(GOAWAY, 0, 0, b"\0\0\0\0\0\0\0\1")


def test_a_library_that_fails_at_what_is_asked_of_it_is_given_up() -> None:
    engine, told = opened()
    engine.receive(request(1), told)
    with pytest.raises(ngh2.NGH2Error):
        engine._connection.receive_data(request(3, *[("x", "y")] * 300))
    assert engine.failure is None
    engine.respond(1, [(b":status", b"204")], is_ended=True)

    assert engine.is_dead
    assert engine.failure is not None
    assert engine.failure.cause is ConnectionCause.ENGINE


def test_an_end_by_the_client_is_none_by_the_engine() -> None:
    for sent, detail in (
        (frame(GOAWAY, 0, 0, b"\0\0\0\0\0\0\0\1bye"), None),
        (frame(0, 0, 7, b"x"), "error code 1: DATA: stream in idle"),
    ):
        engine, told = opened()
        engine.receive(sent, told)
        engine.take(1 << 16)
        engine.tell(told)

        assert engine.is_over
        assert (engine.failure.detail if engine.failure else None) == detail
