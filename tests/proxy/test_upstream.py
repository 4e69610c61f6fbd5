"""The deadlines of one upstream connection, call by call: which one counts in which state."""

import asyncio
from typing import Any, cast

import pytest

from cors_gateway.observe.metrics import UpstreamStats
from cors_gateway.proxy import tunnel
from cors_gateway.proxy.clock import NEVER, CoarseClock
from cors_gateway.proxy.failure import UpstreamFailure
from cors_gateway.proxy.pool import UpstreamPool
from cors_gateway.proxy.upstream import UpstreamConnection
from cors_gateway.snapshot import ServerAddress, Upstream, UpstreamTimeouts
from tests.proxy.fakes import FakeExchange, FakeTransport

HEAD, IDLE = 60.0, 20.0
PARTIAL = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhe"


class Situation:
    """A connection with an exchange, at the time 0."""

    def __init__(self, *, is_request_sent: bool) -> None:
        loop = asyncio.get_running_loop()
        upstream = Upstream("u", (ServerAddress("s", 80),), timeouts=UpstreamTimeouts(1.0, HEAD, IDLE))
        self.clock = CoarseClock(loop)
        self.clock.now = 0.0
        self.pool = UpstreamPool(upstream, loop=loop, clock=self.clock, stats=UpstreamStats("u"))
        self.connection = UpstreamConnection(self.pool, self.pool.servers[0])
        self.transport = FakeTransport()
        self.connection.connection_made(self.transport)
        self.exchange = cast("Any", FakeExchange(is_request_sent=is_request_sent))
        self.connection.begin(self.exchange)

    def at(self, now: float) -> None:
        """Time passes; what is due is told."""
        self.clock.now = now
        if self.connection.deadline <= now:
            self.connection.on_deadline()

    def finish_request(self) -> None:
        self.exchange.is_request_sent = True
        self.connection.request_sent()


@pytest.fixture
async def begun() -> Situation:
    """Of the request the head is sent."""
    return Situation(is_request_sent=False)


@pytest.fixture
async def sent() -> Situation:
    """The request is sent whole."""
    return Situation(is_request_sent=True)


def test_the_time_for_a_response_runs_from_the_end_of_the_request(begun: Situation) -> None:
    assert begun.connection.deadline == NEVER
    begun.clock.now = 100.0
    begun.finish_request()

    assert begun.connection.deadline == 100.0 + HEAD


def test_the_time_for_a_response_is_for_the_whole_head(sent: Situation) -> None:
    sent.at(HEAD - 1)
    sent.connection.data_received(b"HTTP/1.1 200 OK\r\n")
    sent.at(HEAD)

    assert sent.exchange.lost == [(UpstreamFailure.RESPONSE_TIMEOUT, False)]


def test_an_interim_response_does_not_prolong_it(sent: Situation) -> None:
    sent.at(HEAD - 1)
    sent.connection.data_received(b"HTTP/1.1 102 Processing\r\n\r\n")
    sent.at(HEAD)

    assert sent.exchange.lost == [(UpstreamFailure.RESPONSE_TIMEOUT, False)]


def test_a_body_may_take_as_long_as_it_keeps_coming(sent: Situation) -> None:
    sent.connection.data_received(PARTIAL)
    for now in (IDLE - 1, 2 * IDLE - 2):
        sent.at(now)
        sent.connection.data_received(b"l")
    assert sent.exchange.lost == []
    sent.at(3 * IDLE)

    assert sent.exchange.lost == [(UpstreamFailure.RESPONSE_TIMEOUT, False)]


def test_an_event_stream_may_be_silent_for_an_hour_each_time(sent: Situation) -> None:
    sent.connection.data_received(b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\ndata: 1\n\n")
    sent.at(IDLE)
    assert sent.connection.deadline == tunnel.IDLE
    sent.at(tunnel.IDLE - 1)
    sent.connection.data_received(b"data: 2\n\n")
    sent.at(tunnel.IDLE - 1 + IDLE)
    assert sent.connection.deadline == 2 * tunnel.IDLE - 1
    sent.at(2 * tunnel.IDLE - 1)

    assert sent.exchange.lost == [(UpstreamFailure.RESPONSE_TIMEOUT, False)]


def test_while_the_client_holds_a_body_up_the_backends_time_does_not_run(sent: Situation) -> None:
    sent.connection.data_received(PARTIAL)
    sent.connection.pause()
    assert (sent.connection.deadline, sent.transport.reads) == (NEVER, False)
    sent.clock.now = 500.0
    sent.connection.resume()

    assert (sent.connection.deadline, sent.transport.reads) == (500.0 + IDLE, True)


def test_a_backend_that_takes_nothing_of_the_request_is_given_up(begun: Situation) -> None:
    begun.transport.queued = 100_000
    begun.connection.pause_writing()
    assert begun.exchange.paused == ["pause"]
    begun.at(IDLE)

    assert begun.exchange.lost == [(UpstreamFailure.RESPONSE_TIMEOUT, False)]


def test_a_backend_that_takes_something_now_and_then_is_not(begun: Situation) -> None:
    begun.transport.queued = 100_000
    begun.connection.pause_writing()
    for round_ in range(1, 5):
        begun.transport.queued -= 1
        begun.at(round_ * IDLE)
        assert begun.exchange.lost == []
    begun.at(5 * IDLE)

    assert begun.exchange.lost == [(UpstreamFailure.RESPONSE_TIMEOUT, False)]


def test_when_a_request_was_held_up_at_its_end_the_time_for_the_response_runs_from_when_it_is_taken(
    begun: Situation,
) -> None:
    """Not from never: a backend that takes all and says nothing must not hold its client for ever."""
    begun.transport.queued = 100_000
    begun.connection.pause_writing()
    begun.finish_request()
    assert begun.connection.deadline == IDLE
    begun.at(IDLE - 1)
    begun.connection.resume_writing()

    assert begun.exchange.paused == ["pause", "resume"]
    assert begun.connection.deadline == IDLE - 1 + HEAD


def test_while_a_request_goes_on_nothing_is_expected_of_the_backend(begun: Situation) -> None:
    begun.connection.pause_writing()
    begun.connection.resume_writing()

    assert begun.connection.deadline == NEVER


def test_a_response_held_up_by_the_client_stays_so_when_the_request_goes_on(begun: Situation) -> None:
    begun.connection.data_received(PARTIAL)
    begun.connection.pause()
    begun.connection.pause_writing()
    begun.connection.resume_writing()

    assert begun.connection.deadline == NEVER


def test_a_connection_that_still_has_bytes_of_the_request_is_not_used_again(begun: Situation) -> None:
    """The backend answered before it read everything."""
    begun.connection.pause_writing()
    begun.finish_request()
    begun.connection.data_received(PARTIAL + b"llo")

    assert (begun.exchange.is_answered, begun.transport.ended) == (True, "aborted")


@pytest.mark.parametrize(
    ("received", "may_retry"),
    [(b"", True), (b"H", False), (b"HTTP/1.1 102 Processing\r\n\r\n", False)],
)
def test_only_a_silent_end_invites_a_retry(sent: Situation, received: bytes, may_retry: bool) -> None:
    if received:
        sent.connection.data_received(received)
    sent.connection.connection_lost(None)

    assert sent.exchange.lost == [(UpstreamFailure.RESET, may_retry)]


@pytest.mark.parametrize("event", ["unsolicited bytes", "the end of its time"])
def test_an_idle_connection_that_closes_leaves_the_pool(sent: Situation, event: str) -> None:
    """Otherwise it would count among those that are kept, and in the end nothing would be."""
    sent.connection.data_received(b"HTTP/1.1 204 No Content\r\n\r\n")
    server = sent.pool.servers[0]
    assert server.idle == [sent.connection]

    if event == "unsolicited bytes":
        sent.connection.data_received(b"HTTP/1.1 408 Request Timeout\r\n\r\n")
    else:
        sent.at(1000.0)
    sent.connection.connection_lost(None)

    assert server.idle == []
    assert sent.transport.is_closing()
