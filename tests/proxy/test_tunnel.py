"""Two transports joined: bytes, pauses, ends and counts, in both directions."""

import asyncio
import socket
import struct
from types import SimpleNamespace
from typing import Any, cast

import pytest

from cors_gateway.proxy.tunnel import IDLE, Tunnel
from tests.proxy.fakes import FakeTransport

SEND = 30


class Joined:
    """A tunnel with everything around it."""

    def __init__(self) -> None:
        self.clock = cast("Any", SimpleNamespace(now=100.0))
        self.ended: list[Tunnel] = []
        self.client, self.upstream = FakeTransport(), FakeTransport()
        self.tunnel = Tunnel(
            self.client, self.upstream, clock=self.clock, send_timeout=SEND, on_end=self.ended.append
        )
        self.ends = {"client": self.client, "upstream": self.upstream}

    def other(self, end: str) -> FakeTransport:
        return self.upstream if end == "client" else self.client

    @property
    def is_over(self) -> bool:
        """Both ends were told to close."""
        assert bool(self.client.ended) is bool(self.upstream.ended)
        return bool(self.client.ended)

    def wait(self, seconds: float) -> None:
        """Let the clock go on, and look after the tunnel as it does."""
        for _ in range(int(seconds)):
            self.clock.now += 1.0
            if self.tunnel.deadline <= self.clock.now:
                self.tunnel.on_deadline()


def pair() -> tuple[socket.socket, socket.socket]:
    """Two ends of a TCP connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        far = socket.create_connection(server.getsockname())
        return server.accept()[0], far


@pytest.fixture
def joined() -> Joined:
    return Joined()


ENDS = pytest.mark.parametrize("end", ["client", "upstream"])


@ENDS
def test_bytes_come_out_at_the_other_end_unchanged_and_counted(joined: Joined, end: str) -> None:
    protocol = joined.ends[end].protocol
    protocol.data_received(b"\x81\x00")
    protocol.data_received(b"GET / HTTP/1.1\r\n\r\n")

    assert joined.other(end).written == b"\x81\x00GET / HTTP/1.1\r\n\r\n"
    expected = (20, 0) if end == "client" else (0, 20)
    assert (joined.tunnel.bytes_in, joined.tunnel.bytes_out) == expected


def test_what_came_before_the_tunnel_stood_goes_first(joined: Joined) -> None:
    joined.tunnel.feed(from_client=b"early", from_upstream=b"bird")
    joined.client.protocol.data_received(b" late")

    assert (joined.upstream.written, joined.client.written) == (b"early late", b"bird")


@ENDS
def test_who_does_not_take_bytes_stops_who_sends_them(joined: Joined, end: str) -> None:
    joined.ends[end].protocol.pause_writing()
    assert (joined.other(end).reads, joined.ends[end].reads) == (False, True)
    joined.ends[end].protocol.resume_writing()

    assert joined.other(end).reads


@ENDS
def test_a_half_close_is_passed_on_and_the_other_direction_lives(joined: Joined, end: str) -> None:
    assert joined.ends[end].protocol.eof_received()
    assert (joined.other(end).has_sent_eof, joined.is_over) == (True, False)
    joined.other(end).protocol.data_received(b"still here")

    assert joined.ends[end].written == b"still here"


@ENDS
def test_two_half_closes_are_the_end(joined: Joined, end: str) -> None:
    joined.ends[end].protocol.eof_received()
    joined.other(end).protocol.eof_received()

    assert joined.is_over


@ENDS
@pytest.mark.parametrize("error", [None, ConnectionResetError()], ids=["closed", "reset"])
def test_a_lost_end_ends_the_other(joined: Joined, end: str, error: Exception | None) -> None:
    joined.ends[end].abort()
    joined.ends[end].protocol.connection_lost(error)
    assert joined.is_over
    assert joined.ended == []
    joined.other(end).protocol.connection_lost(None)

    assert joined.ended == [joined.tunnel]


def test_a_tunnel_in_which_nothing_moves_ends_after_an_hour(joined: Joined) -> None:
    joined.wait(IDLE - 100)
    joined.upstream.protocol.data_received(b"x")
    joined.wait(IDLE - 1)
    assert not joined.is_over
    joined.wait(1)

    assert joined.is_over


@ENDS
def test_an_end_that_takes_nothing_is_given_up_and_one_that_takes_something_is_not(
    joined: Joined, end: str
) -> None:
    joined.ends[end].queued = 100
    joined.ends[end].protocol.pause_writing()
    for _ in range(5):
        joined.wait(SEND - 1)
        joined.ends[end].queued -= 1
    assert not joined.is_over
    joined.wait(2 * SEND)

    assert (joined.client.ended, joined.upstream.ended) == ("aborted", "aborted")


@ENDS
def test_an_end_that_goes_on_taking_has_its_hour_again(joined: Joined, end: str) -> None:
    joined.ends[end].queued = 100
    joined.ends[end].protocol.pause_writing()
    joined.wait(2)
    joined.ends[end].queued = 0
    joined.ends[end].protocol.resume_writing()
    joined.wait(IDLE - 3)

    assert not joined.is_over


@ENDS
def test_a_reset_is_seen_although_nobody_reads(joined: Joined, end: str) -> None:
    near, far = pair()
    with near, far:
        joined.ends[end].stand_on(near)
        joined.other(end).queued = 100
        joined.other(end).protocol.pause_writing()
        joined.wait(2)
        assert not joined.is_over
        far.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        far.close()
        joined.wait(2)

    assert joined.is_over


@ENDS
def test_a_closed_tunnel_counts_until_what_was_written_is_gone_or_nobody_takes_it(
    joined: Joined, end: str
) -> None:
    joined.ends[end].queued = 100
    joined.tunnel.close()
    joined.other(end).protocol.connection_lost(None)
    assert (joined.ends[end].ended, joined.ended) == ("closed", [])
    joined.wait(SEND + 2)
    assert joined.ends[end].aborted
    joined.ends[end].protocol.connection_lost(None)

    assert joined.ended == [joined.tunnel]


def test_a_tunnel_is_never_idle_for_a_drain_and_ends_when_it_is_broken_off(joined: Joined) -> None:
    assert not joined.tunnel.is_idle
    joined.tunnel.abort()

    assert joined.is_over


def test_a_transport_that_cannot_close_half_ends_whole(joined: Joined) -> None:
    """TLS: end of stream is the end."""
    joined.client.can_write_eof = lambda: False  # type: ignore[method-assign]

    assert not joined.client.protocol.eof_received()
    assert isinstance(joined.client.protocol, asyncio.Protocol)
