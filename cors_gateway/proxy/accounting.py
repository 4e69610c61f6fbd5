"""What is counted, and told to whoever logs, when a request is over. Nothing else in the data path does either.

Which of the two accounts is kept is chosen when a log is opened or closed, so that a log that is off costs nothing.
"""

import time
from typing import Protocol

from cors_gateway.http1.forwarded import HTTP10, Peer, client_address
from cors_gateway.http1.request import RequestHead
from cors_gateway.observe.metrics import SERVER_ERROR, Metrics, RouteStats, Tally
from cors_gateway.observe.record import RequestRecord
from cors_gateway.observe.trouble import Trouble, refused, report
from cors_gateway.policy.reason import Kind
from cors_gateway.proxy.active import Active
from cors_gateway.proxy.dispatch import Answer, Repeat
from cors_gateway.proxy.exchange import Exchange
from cors_gateway.proxy.refusal import RefusedRequest


class AccessLogSink(Protocol):
    """Where finished requests are written down. Must not block and must not raise."""

    def record(self, record: RequestRecord) -> None: ...


class Accounting:
    """Counts requests, and logs none. `active` is what is in service when a request is over."""

    __slots__ = ("_metrics", "_overhead")

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics
        self._overhead = metrics.overhead

    def finished(self, exchange: Exchange, bytes_out: int, peer: Peer, active: Active) -> None:
        """An exchange is over."""
        forward = exchange.forward
        stats = exchange.stats
        line = forward.line
        stats.count(line.method, exchange.status, time.monotonic() - exchange.started)
        trouble = exchange.trouble
        if trouble is not None:
            _tell(exchange, trouble)
        if exchange.upstream_seconds and not (trouble is not None and trouble.failure):
            upstream = forward.lender.stats
            answered = upstream.ok if exchange.status < 500 else upstream.outcome(SERVER_ERROR)
            answered.observe(exchange.upstream_seconds)
            self._overhead.observe(exchange.sent_at - exchange.started)
        if forward.tally.is_refusal:
            self._note_refusal(stats, forward.tally, exchange.head, line.method, line.target)

    def answered(self, answer: Answer, bytes_out: int, peer: Peer, active: Active) -> None:
        """A request was answered without a backend."""
        stats, line, trouble = answer.stats, answer.line, answer.trouble
        stats.count_answer(line.method, answer.answer.status)
        if trouble is not None:
            report(stats, trouble, time.monotonic(), status=answer.answer.status)
        if answer.tally.is_refusal:
            self._note_refusal(stats, answer.tally, answer.section.head, line.method, line.target)

    def repeated(self, repeat: Repeat, request: bytes, answer: bytes, peer: Peer) -> None:
        """A preflight was answered as before; `request` begins with its line."""
        tally = repeat.tally
        tally.count += 1
        stats = repeat.route.stats
        stats.requests[b"OPTIONS"][repeat.preflight.answer.status // 100] += 1
        if tally.is_refusal:
            self._note_refusal(stats, tally, repeat.preflight.asked, b"OPTIONS", request.split(b" ", 2)[1])

    def refused(self, refusal: RefusedRequest, bytes_out: int, peer: Peer, active: Active) -> None:
        """A request could not be understood."""
        status = refusal.answer.status
        refusal.stats.count_answer(refusal.head.method, status)
        report(
            refusal.stats,
            refused(refusal.fault),
            time.monotonic(),
            status=status,
            client=peer.address or None,
        )

    def _note_refusal(
        self, stats: RouteStats, tally: Tally, head: RequestHead, method: bytes, target: bytes
    ) -> None:
        is_preflight = tally.kind == Kind.PREFLIGHT
        self._metrics.refusals.count(
            stats.name,
            tally.reason,
            tally.kind,
            head.origin,
            method=head.method_asked[0] if is_preflight else method,
            host=head.host or b"",
            target=target,
            headers=head.headers_asked if is_preflight else (),
        )


class LoggedAccounting(Accounting):
    """Counts requests and hands a record of each to a log."""

    __slots__ = ("_log",)

    def __init__(self, metrics: Metrics, log: AccessLogSink) -> None:
        super().__init__(metrics)
        self._log = log

    def finished(self, exchange: Exchange, bytes_out: int, peer: Peer, active: Active) -> None:
        super().finished(exchange, bytes_out, peer, active)
        forward = exchange.forward
        line, section, trace = forward.line, forward.section, forward.trace
        record = _record(exchange.stats, forward.tally, line.method, line.target, section.head, peer, active)
        record.seconds = time.monotonic() - exchange.started
        record.status = exchange.status
        record.bytes_in = exchange.bytes_in
        record.bytes_out = bytes_out
        record.section = section
        if not line.is_http11:
            record.protocol = HTTP10
        record.request_id = forward.request_id
        record.upstream = exchange.upstream
        record.upstream_seconds = exchange.upstream_seconds
        record.connect_seconds = (exchange.sent_at or exchange.started + record.seconds) - exchange.started
        record.trouble = exchange.trouble
        record.trace = trace
        record.traceparent = trace.traceparent if trace is not None else section.value_of(b"traceparent")
        if record.tally.is_refusal and record.tally.kind == Kind.PREFLIGHT:
            _note_asked(record, section.head)
        self._log.record(record)

    def answered(self, answer: Answer, bytes_out: int, peer: Peer, active: Active) -> None:
        super().answered(answer, bytes_out, peer, active)
        line, section = answer.line, answer.section
        record = _record(answer.stats, answer.tally, line.method, line.target, section.head, peer, active)
        record.status = answer.answer.status
        if not line.is_http11:
            record.protocol = HTTP10
        record.bytes_out = bytes_out
        record.trouble = answer.trouble
        record.traceparent = section.value_of(b"traceparent")
        if record.tally.is_refusal and record.tally.kind == Kind.PREFLIGHT:
            _note_asked(record, section.head)
        self._log.record(record)

    def repeated(self, repeat: Repeat, request: bytes, answer: bytes, peer: Peer) -> None:
        super().repeated(repeat, request, answer, peer)
        target, preflight = request.split(b" ", 2)[1], repeat.preflight
        stats = repeat.route.stats
        record = _record(stats, repeat.tally, b"OPTIONS", target, preflight.asked, peer, repeat.active)
        record.status = preflight.answer.status
        record.bytes_out = len(answer)
        if repeat.tally.is_refusal:
            _note_asked(record, preflight.asked)
        self._log.record(record)

    def refused(self, refusal: RefusedRequest, bytes_out: int, peer: Peer, active: Active) -> None:
        super().refused(refusal, bytes_out, peer, active)
        head = refusal.head
        method, path, host = head.method or b"-", head.path or b"-", head.host or b""
        record = RequestRecord(refusal.stats, refusal.tally, method, path, host, peer.address)
        record.status = refusal.answer.status
        record.bytes_out = bytes_out
        record.origin = head.origin
        record.protocol = peer.protocol
        record.trouble = refused(refusal.fault)
        record.generation = active.generation
        self._log.record(record)


def _tell(exchange: Exchange, trouble: Trouble) -> None:
    """Report what befell a request that went to a backend, or should have.

    What was known before it went is counted although something worse came after it.
    """
    now = time.monotonic()
    before = exchange.forward.trouble
    if before is not None and before is not trouble:
        report(exchange.stats, before, now)
    report(
        exchange.stats,
        trouble,
        now,
        upstream=exchange.upstream or None,
        status=exchange.status,
        connect_seconds=round((exchange.sent_at or now) - exchange.started, 3),
        seconds=round(now - exchange.started, 3),
    )


def _note_asked(record: RequestRecord, head: RequestHead) -> None:
    """What a refused preflight asked for: without it the refusal cannot be mended."""
    record.method_asked = b", ".join(head.method_asked)
    record.headers_asked = b", ".join(head.headers_asked)


def _record(
    stats: RouteStats,
    tally: Tally,
    method: bytes,
    target: bytes,
    head: RequestHead,
    peer: Peer,
    active: Active,
) -> RequestRecord:
    """What a record says of every request that was understood."""
    client = client_address(peer, head.forwarding, active.trusted)
    record = RequestRecord(stats, tally, method, target, head.host or b"", client)
    record.origin = head.origin[0] if head.origin else None
    record.generation = active.generation
    record.protocol = peer.protocol
    return record
