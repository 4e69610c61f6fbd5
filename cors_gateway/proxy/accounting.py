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
from cors_gateway.proxy.dispatch import Answer
from cors_gateway.proxy.exchange import Exchange
from cors_gateway.proxy.preflight_memory import Repeat
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

    def finished(self, exchange: Exchange, bytes_out: int, peer: Peer, active: Active) -> float:
        """An exchange is over. Gives how long it took, in seconds."""
        line, terms = exchange.forward.line, exchange.forward.terms
        stats = exchange.stats
        seconds = time.monotonic() - exchange.started
        stats.count(line.method, exchange.status, seconds)
        trouble = exchange.trouble
        if trouble is not None:
            _tell(exchange, trouble)
        if exchange.upstream_seconds and not (trouble is not None and trouble.failure):
            upstream = terms.lender.stats
            answered = upstream.ok if exchange.status < 500 else upstream.outcome(SERVER_ERROR)
            answered.observe(exchange.upstream_seconds)
            self._overhead.observe(exchange.sent_at - exchange.started)
        if terms.tally.is_refusal:
            self._note_refusal(stats, terms.tally, exchange.head, line.method, line.target)
        return seconds

    def answered(self, answer: Answer, bytes_out: int, peer: Peer, active: Active) -> None:
        """A request was answered without a backend."""
        stats, line, trouble = answer.stats, answer.line, answer.trouble
        stats.count_answer(line.method, answer.answer.status)
        if trouble is not None:
            report(stats, trouble, time.monotonic(), status=answer.answer.status)
        if answer.tally.is_refusal:
            self._note_refusal(stats, answer.tally, answer.section.head, line.method, line.target)

    def repeated(self, repeat: Repeat, request: bytes, answer: bytes, peer: Peer, active: Active) -> None:
        """A preflight was answered as before; `request` begins with its line."""
        tally = repeat.tally
        tally.count += 1
        repeat.requests[repeat.status_class] += 1
        if tally.is_refusal:
            target = request.split(b" ", 2)[1]
            self._note_refusal(repeat.route.stats, tally, repeat.asked, b"OPTIONS", target)

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

    def finished(self, exchange: Exchange, bytes_out: int, peer: Peer, active: Active) -> float:
        # By name, as `super()` is a call more for every request.
        seconds = Accounting.finished(self, exchange, bytes_out, peer, active)
        forward, started = exchange.forward, exchange.started
        line, section, tally = forward.line, forward.section, forward.terms.tally
        head = section.head
        self._log.record(
            # In order, as `RequestRecord` says.
            RequestRecord(
                exchange.stats,
                tally,
                line.method,
                line.target,
                head.host or b"",
                client_address(peer, head.forwarding, active.trusted) if peer.is_trusted else peer.address,
                head.origin[0] if head.origin else None,
                peer.protocol if line.is_http11 else HTTP10,
                active.generation,
                exchange.status,
                bytes_out,
                started + seconds,
                section,
                exchange.trouble,
                head if tally.is_refusal and tally.kind == Kind.PREFLIGHT else None,
                seconds,
                exchange.bytes_in,
                forward.request_id,
                exchange.upstream,
                exchange.sent_at - started if exchange.sent_at else seconds,
                exchange.upstream_seconds,
                forward.trace,
            )
        )
        return seconds

    def answered(self, answer: Answer, bytes_out: int, peer: Peer, active: Active) -> None:
        super().answered(answer, bytes_out, peer, active)
        line, section, tally = answer.line, answer.section, answer.tally
        head = section.head
        self._log.record(
            RequestRecord(
                answer.stats,
                tally,
                line.method,
                line.target,
                head.host or b"",
                client_address(peer, head.forwarding, active.trusted),
                head.origin[0] if head.origin else None,
                peer.protocol if line.is_http11 else HTTP10,
                active.generation,
                answer.answer.status,
                bytes_out,
                time.monotonic(),
                section,
                answer.trouble,
                head if tally.is_refusal and tally.kind == Kind.PREFLIGHT else None,
            )
        )

    def repeated(self, repeat: Repeat, request: bytes, answer: bytes, peer: Peer, active: Active) -> None:
        Accounting.repeated(self, repeat, request, answer, peer, active)
        tally, head = repeat.tally, repeat.asked
        self._log.record(
            RequestRecord(
                repeat.route.stats,
                tally,
                b"OPTIONS",
                request.split(b" ", 2)[1],
                head.host or b"",
                client_address(peer, head.forwarding, active.trusted) if peer.is_trusted else peer.address,
                head.origin[0],
                peer.protocol,
                active.generation,
                repeat.answer.status,
                len(answer),
                time.monotonic(),
                asked=head if tally.is_refusal else None,
            )
        )

    def refused(self, refusal: RefusedRequest, bytes_out: int, peer: Peer, active: Active) -> None:
        super().refused(refusal, bytes_out, peer, active)
        head = refusal.head
        self._log.record(
            RequestRecord(
                refusal.stats,
                refusal.tally,
                head.method or b"-",
                head.path or b"-",
                head.host or b"",
                peer.address,
                head.origin,
                peer.protocol,
                active.generation,
                refusal.answer.status,
                bytes_out,
                time.monotonic(),
                trouble=refused(refusal.fault),
            )
        )


def _tell(exchange: Exchange, trouble: Trouble) -> None:
    """Report what befell a request that went to a backend, or should have.

    What was known before it went is counted although something worse came after it.
    """
    now = time.monotonic()
    before = exchange.forward.terms.trouble
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
