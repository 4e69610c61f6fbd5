"""Two transports joined: bytes, pauses, ends and counts, in both directions."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from cors_gateway.proxy.tunnel import IDLE, Tunnel
from tests.proxy.fakes import FakeTransport


class Joined:
    """A tunnel with everything around it."""

    def __init__(self) -> None:
        self.clock: Any = SimpleNamespace(now=100.0)
        self.ended: list[Tunnel] = []
        self.client, self.upstream = FakeTransport(), FakeTransport()
        self.tunnel = Tunnel(self.client, self.upstream, clock=self.clock, on_end=self.ended.append)
        self.ends = {"client": self.client, "upstream": self.upstream}

    def other(self, end: str) -> FakeTransport:
        return self.upstream if end == "client" else self.client

    @property
    def is_over(self) -> bool:
        """Both ends are closed, and its owner was told once."""
        assert bool(self.client.ended) is bool(self.upstream.ended)
        assert self.ended == [self.tunnel] * bool(self.client.ended)
        return bool(self.client.ended)


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
    assert (joined.other(end).is_reading, joined.ends[end].is_reading) == (False, True)
    joined.ends[end].protocol.resume_writing()

    assert joined.other(end).is_reading


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
    joined.other(end).protocol.connection_lost(None)

    assert joined.is_over


def test_a_tunnel_in_which_nothing_moves_ends_after_an_hour(joined: Joined) -> None:
    assert joined.tunnel.deadline == 100.0 + IDLE
    joined.clock.now = 200.0
    joined.upstream.protocol.data_received(b"x")
    assert joined.tunnel.deadline == 200.0 + IDLE
    joined.tunnel.on_deadline()

    assert joined.is_over


def test_a_tunnel_is_never_idle_for_a_drain_and_ends_when_it_is_broken_off(joined: Joined) -> None:
    assert not joined.tunnel.is_idle
    joined.tunnel.abort()

    assert joined.is_over


def test_a_transport_that_cannot_close_half_ends_whole(joined: Joined) -> None:
    """TLS: end of stream is the end."""
    joined.client.can_write_eof = lambda: False  # type: ignore[method-assign]

    assert not joined.client.protocol.eof_received()
    assert isinstance(joined.client.protocol, asyncio.Protocol)
