"""What may still be done when an upstream fails: send again, answer, or only break off."""

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from cors_gateway.http1.cause import Cause
from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.request import RequestReader
from cors_gateway.http1.request_line import parse_request_line
from cors_gateway.observe.metrics import RouteStats, Tally, UpstreamStats
from cors_gateway.observe.record import CLIENT_CLOSED_REQUEST
from cors_gateway.policy.grant import Grant
from cors_gateway.proxy.exchange import Exchange
from cors_gateway.proxy.failure import UpstreamFailure
from cors_gateway.proxy.flow import Flow
from cors_gateway.proxy.forward import Forward, Terms
from cors_gateway.proxy.response_head import CLOSES, IS_HTTP11
from cors_gateway.proxy.response_writer import ResponseWriter
from tests.proxy.fakes import FakeTransport

GRANT = Grant(b"Access-Control-Allow-Origin: https://app.example.com\r\n", (b"Origin",), b"Vary: Origin\r\n")
METHODS = [b"GET", b"HEAD", b"OPTIONS", b"PUT", b"DELETE", b"POST", b"PATCH", b"get", b"PROPFIND", b"QUERY"]
RETRIED = {b"GET", b"HEAD", b"OPTIONS", b"QUERY"}

NO_BODY = b""
SIZED = b"\r\nContent-Length: 5"
CHUNKED = b"\r\nTransfer-Encoding: chunked"


@dataclass
class Client:
    """The client connection of an exchange."""

    transport: FakeTransport = field(default_factory=FakeTransport)
    done: list[str] = field(default_factory=list)
    is_paused: bool = False

    def __post_init__(self) -> None:
        clock: Any = SimpleNamespace(date_line=b"Date: now\r\n")
        self.response = ResponseWriter(self.transport.write, Flow(self.transport, clock), clock)
        self.response.form = IS_HTTP11

    def response_form(self) -> int:
        return self.response.form

    def response_done(self) -> None:
        self.done.append("done")

    def truncate(self) -> None:
        self.done.append("truncated")

    def want_body(self) -> None:
        pass

    def pause_body(self) -> None:
        self.is_paused = True


@dataclass
class Pool:
    """Where an exchange gets its connections."""

    retries: int = 1
    stats: UpstreamStats = field(default_factory=lambda: UpstreamStats("u"))
    starts: list[str] = field(default_factory=list)

    def start(self, exchange: Exchange) -> None:
        self.starts.append("any")

    def start_anew(self, exchange: Exchange) -> None:
        self.starts.append("new")

    def abandon(self, exchange: Exchange) -> None:
        self.starts.append("abandoned")


@dataclass
class Connection:
    """An upstream connection that takes all."""

    transport: FakeTransport = field(default_factory=FakeTransport)
    server_name: str = "http://s:80"
    is_aborted: bool = False

    def write(self, data: bytes) -> None:
        self.transport.write(data)

    def request_sent(self) -> None:
        pass

    def abort(self) -> None:
        self.is_aborted = True


@dataclass
class Situation:
    """An exchange that was started, with its neighbours."""

    exchange: Exchange
    client: Client
    pool: Pool
    connection: Connection

    @property
    def answered(self) -> bytes:
        return self.client.transport.written


def an_exchange(client: Client, pool: Pool, method: bytes, framing: bytes) -> Exchange:
    terms = Terms()
    terms.grant, terms.stats, terms.tally = GRANT, RouteStats("r"), Tally("actual", "allowed", "granted")
    terms.max_body, terms.websocket_key, terms.trouble = 0, None, None
    terms.lender = pool  # type: ignore[assignment]
    forward = Forward(
        parse_request_line(b"%b / HTTP/1.1" % method),
        RequestReader(max_bytes=1000, max_fields=10).read(b"Host: a" + framing),
        terms,
        request=b"THE REQUEST\r\n\r\n",
        request_id=b"id",
    )
    return Exchange(forward, client, started=0.0)  # type: ignore[arg-type]


def situation(method: bytes = b"GET", framing: bytes = NO_BODY, retries: int = 1) -> Situation:
    client, pool = Client(), Pool(retries)
    exchange = an_exchange(client, pool, method, framing)
    pool.start(exchange)
    connection = Connection()
    exchange.connected(connection)  # type: ignore[arg-type]
    return Situation(exchange, client, pool, connection)


@pytest.mark.parametrize("method", METHODS, ids=bytes.decode)
@pytest.mark.parametrize("framing", [NO_BODY, SIZED, CHUNKED], ids=["none", "length", "chunked"])
@pytest.mark.parametrize("taken", [b"", b"h"], ids=["untouched", "begun"])
def test_a_connection_that_ends_in_silence_is_replaced_only_for_a_safe_method_without_a_consumed_body(
    method: bytes, framing: bytes, taken: bytes
) -> None:
    s = situation(method, framing)
    if framing and taken:
        s.exchange.send(taken)
    s.exchange.upstream_lost(UpstreamFailure.RESET, may_retry=True)
    if method in RETRIED and not (framing and taken):
        assert (s.pool.starts, s.client.done, s.answered) == (["any", "new"], [], b"")
        assert s.client.is_paused == (framing != NO_BODY)
    else:
        assert (s.pool.starts, s.client.done) == (["any"], ["done"])
        assert s.answered.startswith(b"HTTP/1.1 502 ")


def test_a_body_that_was_complete_is_not_sent_again_even_if_it_was_empty() -> None:
    s = situation(b"QUERY", CHUNKED)
    s.exchange.end_of_request()
    s.exchange.upstream_lost(UpstreamFailure.RESET, may_retry=True)

    assert (s.pool.starts, s.client.done) == (["any"], ["done"])


@pytest.mark.parametrize("failure", list(UpstreamFailure))
@pytest.mark.parametrize("method", [b"GET", b"POST"], ids=bytes.decode)
def test_nothing_is_sent_again_where_the_backend_may_have_seen_it(
    failure: UpstreamFailure, method: bytes
) -> None:
    s = situation(method)
    s.exchange.upstream_lost(failure, may_retry=False)

    assert (s.pool.starts, s.client.done, s.exchange.status) == (["any"], ["done"], failure.status)


@pytest.mark.parametrize("retries", [0, 1, 3])
def test_there_are_no_more_retries_than_configured(retries: int) -> None:
    s = situation(retries=retries)
    for _ in range(retries + 1):
        s.exchange.upstream_lost(UpstreamFailure.RESET, may_retry=True)

    assert s.pool.starts == ["any", *["new"] * retries]
    assert s.exchange.status == 502


def test_the_request_is_sent_again_as_it_was() -> None:
    s = situation()
    s.exchange.upstream_lost(UpstreamFailure.RESET, may_retry=True)
    second = Connection()
    s.exchange.connected(second)  # type: ignore[arg-type]

    assert s.connection.transport.written == second.transport.written == b"THE REQUEST\r\n\r\n"


@pytest.mark.parametrize("failure", list(UpstreamFailure))
@pytest.mark.parametrize("may_retry", [True, False])
def test_after_the_first_byte_of_a_response_there_is_neither_a_retry_nor_a_second_status_line(
    failure: UpstreamFailure, may_retry: bool
) -> None:
    s = situation()
    s.exchange.respond(
        200, b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n", b"half", is_sized=True, is_last=False
    )
    s.exchange.upstream_lost(failure, may_retry=may_retry)

    assert (s.pool.starts, s.client.done) == (["any"], ["truncated"])
    assert s.answered.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize("failure", list(UpstreamFailure))
def test_a_failure_is_an_answer_that_script_may_read(failure: UpstreamFailure) -> None:
    s = situation()
    s.exchange.failed(failure)
    head, _, body = s.answered.partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 %d " % failure.status)
    assert b"\r\nVary: Origin\r\nAccess-Control-Allow-Origin: https://app.example.com" in head
    assert (b"\r\nRetry-After: 1" in head) == (failure.status == 503)
    assert failure.value.encode() in body
    assert s.pool.stats.outcomes[failure].counts != [0] * len(s.pool.stats.outcomes[failure].counts)


def test_nobody_is_answered_when_the_client_has_left() -> None:
    s = situation()
    s.exchange.cancel()
    s.exchange.failed(UpstreamFailure.REFUSED)

    assert (s.answered, s.client.done, s.exchange.status) == (b"", [], CLIENT_CLOSED_REQUEST)
    assert s.connection.is_aborted


def test_a_body_that_comes_before_the_connection_follows_the_head_in_order() -> None:
    exchange = an_exchange(Client(), Pool(), b"POST", CHUNKED)
    exchange.send(b"one")
    exchange.send(b"three")
    exchange.end_of_request()
    connection = Connection()
    exchange.connected(connection)  # type: ignore[arg-type]

    assert connection.transport.written == b"THE REQUEST\r\n\r\n3\r\none\r\n5\r\nthree\r\n0\r\n\r\n"
    assert exchange.bytes_in == 8


def test_a_request_that_stops_half_way_is_cut_towards_the_backend_and_answered_to_the_client() -> None:
    s = situation(b"POST", SIZED)
    s.exchange.send(b"hel")
    s.client.response.form |= CLOSES
    s.exchange.break_off(ProtocolFault(Cause.BODY_LATE))

    assert s.connection.is_aborted
    assert s.answered.startswith(b"HTTP/1.1 408 ")
    assert b"\r\nConnection: close\r\n" in s.answered


def test_a_request_that_stops_half_way_after_its_response_began_gets_no_second_one() -> None:
    s = situation(b"POST", SIZED)
    s.exchange.respond(200, b"HTTP/1.1 200 OK\r\n\r\n", b"", is_sized=False, is_last=False)
    s.exchange.break_off(ProtocolFault(Cause.BODY_LATE))

    assert s.answered == b"HTTP/1.1 200 OK\r\n\r\n"
