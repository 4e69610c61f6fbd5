"""What a connection knows of the request it read last, so that one that resembles it costs little more than its line.

A client repeats its fields, as browsers do, or all but a cookie and a referrer: what the fields say, what was decided
about them for a route, and what the backend gets besides them, holds until one of those that mean something changes.
While a request is dispatched, it is the last one. What is done with it is in `dispatch.py`.
"""

import time

from cors_gateway.http1.cause import Cause
from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.fields import END
from cors_gateway.http1.forwarded import HTTP10, Peer, via_line
from cors_gateway.http1.grammar import MAX_FIELD_TOLD
from cors_gateway.http1.request import HeaderSection, RequestHead
from cors_gateway.http1.request_line import RequestLine
from cors_gateway.http1.websocket import is_websocket
from cors_gateway.observe.trouble import ORIGIN_REMOVED, Notice, Trouble, report
from cors_gateway.policy.grant import ActualDecision
from cors_gateway.proxy.active import Active, ActiveRoute
from cors_gateway.proxy.forward import Terms
from cors_gateway.proxy.response_head import framing_line

MAX_NAMES_TOLD = 10
"""Names of dropped fields that a log line has."""
MAX_DETAIL = 200
MAX_REMEMBERED_BLOCK = 8192
"""Bytes of a header section that is remembered."""


class Bound(Terms):
    """What header fields come to on one route: the decision, and what the backend gets besides the lines received."""

    __slots__ = ("_added", "_host_line", "_is_kept", "decision", "route")

    def __init__(
        self,
        route: ActiveRoute,
        section: HeaderSection,
        decision: ActualDecision,
        added: list[bytes],
        websocket_key: bytes | None = None,
        trouble: Trouble | None = None,
    ) -> None:
        """`added` are complete lines; `trouble` is what is to be told of such a request."""
        self.route = route
        self.decision = decision
        self.grant = decision.grant
        self.stats = route.stats
        self.tally = route.tallies[decision.kind, decision.reason]
        self.max_body = route.max_body
        self.websocket_key = websocket_key
        self.trouble = trouble
        head = section.head
        if route.answer is None:
            self.lender = route.pool.own if head.connection_logins else route.pool
        host = head.host or b"" if route.host_field is None else route.host_field
        self._host_line = b"Host: " + host + b"\r\n"
        self._added = b"".join([*added, route.added_lines, framing_line(head), b"X-Request-Id: "])
        self._is_kept = section.layout.is_kept
        if head.underscored:
            self._is_kept = section.kept_with(route.underscored, self._is_kept)
        if route.dropped:
            self._is_kept = section.kept_without(route.dropped, self._is_kept)

    def fields(self, section: HeaderSection) -> bytes:
        """The header section for the backend up to the value of X-Request-Id, which is its last.

        `section` says what the one said that this was made for, on the same lines.
        """
        return self._host_line + section.kept(self._is_kept) + self._added


class LastRequest:
    """The header section that a connection read last, under one snapshot, and what it came to where it went."""

    __slots__ = ("active", "block", "bound", "fields", "head", "host", "section")

    def __init__(self, active: Active, block: bytes, section: HeaderSection) -> None:
        self.active = active
        self.block = block
        """The head from the end of its request line on: a request that goes on with these bytes has the same fields."""
        self.section = section
        self.head = section.head
        self.host = active.host(section.head.host or b"")
        self.bound: Bound | None = None
        """What the fields come to on the route that the last plain request took."""
        self.fields = b""
        """`bound.fields`; empty until somebody asks."""

    def bind(self, route: ActiveRoute, peer: Peer, own_via: bytes) -> Bound:
        """Decide about a plain request for a route; remembered until something changes."""
        head = self.head
        if head.forwarding:
            _note_ignored_scheme(head, peer, route, self.active)
        added = [*peer.lines(head.forwarding, head.host or b"", route.prefix), own_via]
        decision = route.policy.actual(head.origin, head.sec_fetch_site)
        self.bound = bound = Bound(route, self.section, decision, added)
        self.fields = b""
        return bound

    def copy(self, *, keeps_bound: bool) -> "LastRequest":
        """For another connection. What is bound names the peer: it is kept if that is the same."""
        copy = LastRequest.__new__(LastRequest)
        copy.active = self.active
        copy.block = self.block
        copy.section = self.section
        copy.head = self.head
        copy.host = self.host
        copy.bound = self.bound if keeps_bound else None
        copy.fields = self.fields if keeps_bound else b""
        return copy


def read_request(active: Active, last: LastRequest | None, data: bytes, at: int) -> LastRequest | None:
    """Read a header section that is not, byte for byte, that of the last request.

    It begins at `at` with the CRLF of the request line. If it says the same as the last one, what was decided and bound
    still holds. None: it is not complete. Raises ProtocolFault.
    """
    variation = None if last is None else active.reader.read_variation(data, at, last.section)
    if variation is not None:
        section, end = variation
        block = data[at:end]
    else:
        end = data.find(END, at)
        if end < 0:
            return None
        block = data[at : end + 4]
        section = active.reader.read(block[2:-4], None if last is None else last.section)
    if last is None:
        return LastRequest(active, block, section)
    before, head = last.section, section.head
    last.block = block
    last.section = section
    last.fields = b""
    if head is not before.head or section.layout is not before.layout:
        if head.host != before.head.host:
            last.host = active.host(head.host or b"")
        last.head = head
        last.bound = None
    return last


def bind_in_full(
    last: LastRequest, route: ActiveRoute, line: RequestLine, peer: Peer, pseudonym: bytes
) -> Bound:
    """As `LastRequest.bind`, for a request whose version, Via, Max-Forwards or Upgrade matter. Not remembered.

    Raises ProtocolFault.
    """
    head = last.head
    trouble = _trouble(head, route)
    if head.forwarding:
        _note_ignored_scheme(head, peer, route, last.active)
    added = [
        *peer.lines(head.forwarding, head.host or b"", route.prefix),
        via_line(head.via, peer.protocol if line.is_http11 else HTTP10, pseudonym),
    ]
    if head.max_forwards:
        hops = hops_left(head) - 1 if line.method == b"OPTIONS" else None
        value = head.max_forwards[0] if hops is None else b"%d" % hops
        added.append(b"Max-Forwards: " + value + b"\r\n")
    if head.upgrade and is_websocket(line.method, head, line.is_http11):
        added.append(b"Connection: Upgrade\r\nUpgrade: websocket\r\n")
        decision = route.policy.websocket(head.origin, head.sec_fetch_site)
        return Bound(route, last.section, decision, added, head.websocket_key[0], trouble)
    decision = route.policy.actual(head.origin, head.sec_fetch_site)
    return Bound(route, last.section, decision, added, trouble=trouble)


def _trouble(head: RequestHead, route: ActiveRoute) -> Trouble | None:
    """What is to be told of a request that goes on. Raises ProtocolFault for a name that must not."""
    if head.underscored:
        names = sorted({name for name in head.underscored if name not in route.underscored})
        if names and route.rejects_underscores:
            raise ProtocolFault(Cause.UNDERSCORE, field=names[0][:MAX_FIELD_TOLD])
        if names:
            told = b", ".join(names[:MAX_NAMES_TOLD])[:MAX_DETAIL].decode("ascii", "replace")
            return Trouble("fields_dropped", Cause.UNDERSCORE, f"field {told}")
    return ORIGIN_REMOVED if head.lacks_origin else None


def _note_ignored_scheme(head: RequestHead, peer: Peer, route: ActiveRoute, active: Active) -> None:
    """Tell once that a proxy is not believed which says that the client came by another scheme than it did."""
    scheme = b"https" if peer.is_tls else b"http"
    said = [field.value for field in head.forwarding if field.name == b"x-forwarded-proto"]
    if peer.is_trusted or active.has_told_of_scheme or not said or said == [scheme]:
        return
    active.has_told_of_scheme = True
    detail = f"X-Forwarded-Proto of {peer.address or 'a Unix socket'} is ignored: list it in server.trusted_proxies"
    report(route.stats, Trouble("forwarding_ignored", Notice.FORWARDING_IGNORED, detail), time.monotonic())


def hops_left(head: RequestHead) -> int:
    """Max-Forwards as a number (RFC 9110 7.6.2). Raises ProtocolFault if it is none."""
    value = head.max_forwards[0]
    if len(head.max_forwards) > 1 or not value.isdigit() or len(value) > 9:
        raise ProtocolFault(Cause.MAX_FORWARDS)
    return int(value)
