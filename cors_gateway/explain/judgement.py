"""The browser's steps with one request, one after the other, on a route that has been found or not.

What the browser does is said by `policy.browser`, what the gateway answers by the compiled policy that also answers the
traffic; here the one is asked after the other until the outcome is certain. The words are in `sentences.py`.
"""

from dataclasses import replace
from typing import Literal

from cors_gateway.explain import sentences
from cors_gateway.explain.beyond_cors import REDIRECTED
from cors_gateway.explain.described_request import Request
from cors_gateway.explain.explanation import Entry, Exchange, Explanation, Verdict
from cors_gateway.explain.route_notes import route_notes
from cors_gateway.policy.browser import (
    Lines,
    cors_fault,
    exposed_names,
    is_left_out,
    preflight_causes,
    preflight_fault,
    sends_origin,
)
from cors_gateway.policy.compiled import CompiledPolicy
from cors_gateway.policy.fetch import is_forbidden_method
from cors_gateway.policy.grant import ActualDecision
from cors_gateway.policy.policy import Mode, Policy
from cors_gateway.policy.reason import Kind, Reason
from cors_gateway.snapshot import Location, Route

REJECTED_STATUS = 403


def enforced(policy: Policy, *, is_one_of_several: bool = False) -> CompiledPolicy:
    """The policy ready to be asked what it decides; `report_only` decides the same and merely does not apply it.

    Raises as `CompiledPolicy` does.
    """
    return CompiledPolicy(replace(policy, report_only=False), is_one_of_several=is_one_of_several)


def judge(request: Request, route: Route, policy: CompiledPolicy) -> Explanation:
    """Walk through a request that `route` serves; `policy` is the route's, as `enforced` makes it. Finds no remedy."""
    is_cross_origin = is_cross_origin_for(request, policy.policy)
    start = Explanation(
        request=request,
        verdict=Verdict.REFUSED,
        reason=None,
        summary="",
        is_cross_origin=is_cross_origin,
        relation=sentences.relation(request, policy.policy, is_cross_origin=is_cross_origin),
        route=route,
        notes=(
            *sentences.notes(request, route, is_cross_origin=is_cross_origin),
            *route_notes(request, route),
        ),
    )
    if request.target.is_websocket:
        return _judge_websocket(start, route, policy)
    if is_forbidden_method(request.method):
        reason, summary = Reason.METHOD_NOT_ALLOWED, sentences.never_sent(request)
        return replace(start, reason=reason, summary=summary)
    if not is_cross_origin:
        return _judge_same_origin(start, route, policy)
    return _judge_cross_origin(start, route, policy)


def judge_unserved(request: Request, status: int, reason: Reason | None, why: str) -> Explanation:
    """As `judge`, for a request that no route serves, or whose request line the gateway refuses."""
    is_cross_origin = is_cross_origin_for(request, Policy())
    causes = tuple(preflight_causes(request.call)) if is_cross_origin else ()
    kind = Kind.PREFLIGHT if causes else _kind(request, is_cross_origin=is_cross_origin)
    lines = _preflight_lines(request) if causes else _lines(request, is_cross_origin=is_cross_origin)
    exchange = Exchange(kind, lines, "gateway", status, (), reason, fault=f"its status is {status}")
    return Explanation(
        request=request,
        verdict=Verdict.REFUSED,
        reason=reason,
        summary=sentences.unserved(request, status, why),
        is_cross_origin=is_cross_origin,
        relation=sentences.relation(request, Policy(), is_cross_origin=is_cross_origin),
        causes=causes,
        preflight=exchange if causes else None,
        actual=None if causes else exchange,
        notes=sentences.notes(request, None, is_cross_origin=is_cross_origin),
    )


def judge_refused_name(explanation: Explanation, name: str) -> Explanation:
    """What comes of an explained request, if the gateway answers it with 400 because of a header name."""
    actual = explanation.actual
    if actual is None or actual.answered_by == "gateway":  # refused before, for something else
        return explanation
    return replace(
        explanation,
        verdict=Verdict.REFUSED,
        reason=None,
        summary=sentences.unserved(explanation.request, 400, f"{name} could be taken for another header"),
        actual=replace(actual, answered_by="gateway", status=400, fault="its status is 400"),
        readable=(),
        reads_every_header=False,
    )


def asks_first(request: Request) -> bool:
    """Whether the browser sends a preflight, given that the gateway's origin is another."""
    return not request.target.is_websocket and bool(preflight_causes(request.call))


def is_cross_origin_for(request: Request, policy: Policy) -> bool:
    if request.origin is None:
        return False
    if request.target.origin is not None:
        return request.origin != request.target.origin
    return request.origin not in policy.public_origins


def _judge_websocket(start: Explanation, route: Route, policy: CompiledPolicy) -> Explanation:
    request = start.request
    decision = policy.websocket(_origin(request), _site(request, is_cross_origin=start.is_cross_origin))
    exchange = _actual(request, route, decision, is_cross_origin=start.is_cross_origin)
    if decision.rejected:
        fault = f"its status is {REJECTED_STATUS}, not 101"
        return replace(
            start,
            reason=decision.reason,
            summary=sentences.rejected(request, decision.reason),
            actual=replace(exchange, fault=fault),
        )
    if route.answer is not None:
        fault = f"its status is {route.answer.status}, not 101"
        return replace(
            start,
            reason=decision.reason,
            summary=sentences.answered_here(route, route.answer.status),
            actual=replace(exchange, fault=fault),
        )
    return replace(
        start,
        verdict=Verdict.ALLOWED,
        reason=decision.reason,
        summary=sentences.opened(request, decision.reason),
        actual=replace(exchange, headers=()),  # a 101 carries no CORS fields
    )


def _judge_same_origin(start: Explanation, route: Route, policy: CompiledPolicy) -> Explanation:
    request = start.request
    has_origin = request.origin is not None and sends_origin(request.method, cross_origin=False)
    decision = policy.actual(
        _origin(request) if has_origin else (), _site(request, is_cross_origin=False) if has_origin else ()
    )
    exchange = _actual(request, route, decision, is_cross_origin=False)
    if decision.rejected:
        summary = sentences.rejected_own(request)
        fault = f"its status is {REJECTED_STATUS}"
        return replace(start, reason=decision.reason, summary=summary, actual=replace(exchange, fault=fault))
    return replace(
        start,
        verdict=Verdict.ALLOWED,
        reason=Reason.NOT_CORS if request.origin is None else Reason.SAME_ORIGIN,
        summary=sentences.no_check(request),
        actual=exchange,
        reads_every_header=True,
    )


def _judge_cross_origin(start: Explanation, route: Route, policy: CompiledPolicy) -> Explanation:
    request = start.request
    call = request.call
    start = replace(start, causes=tuple(preflight_causes(call)))
    if policy.policy.mode is Mode.PASSTHROUGH:
        return _judge_passthrough(start, route)
    if start.causes:
        asked = tuple(name.encode() for name in call.unsafe_headers)
        preflight = policy.preflight(
            _origin(request), (request.method.encode(),), (b",".join(asked),) if asked else (), ()
        )
        lines = _fields(preflight.lines)
        fault = preflight_fault(call, preflight.status, lines)
        start = replace(
            start,
            reason=preflight.reason,
            preflight=Exchange(
                Kind.PREFLIGHT,
                _preflight_lines(request),
                "gateway",
                preflight.status,
                lines,
                preflight.reason,
                _entry(route, preflight.entry, preflight.reason, request.origin),
                preflight.detail,
                fault,
            ),
        )
        if fault is not None:
            return replace(
                start, summary=sentences.preflight_refused(request, preflight.reason, preflight.detail, fault)
            )
    decision = policy.actual(_origin(request), ())
    exchange = _actual(request, route, decision, is_cross_origin=True)
    start = replace(start, reason=decision.reason, actual=exchange)
    if decision.rejected:
        return replace(start, summary=sentences.rejected(request, decision.reason))
    if exchange.fault is not None:
        summary = sentences.withheld(request, decision.reason, exchange.fault, exchange.answered_by)
        return replace(start, summary=summary)
    exposed = exposed_names(call, exchange.headers)
    may_redirect = (
        exchange.answered_by == "backend" and policy.policy.cross_origin_redirects != "unauthorized"
    )
    return replace(
        start,
        notes=(*start.notes, REDIRECTED) if may_redirect else start.notes,
        verdict=Verdict.ALLOWED,
        summary=sentences.granted(request),
        readable=() if exposed is None else tuple(sorted(exposed)),
        reads_every_header=exposed is None,
    )


def _judge_passthrough(start: Explanation, route: Route) -> Explanation:
    request, reason = start.request, Reason.PASSTHROUGH
    lines = _preflight_lines(request)
    preflight = Exchange(Kind.PREFLIGHT, lines, "backend", None, (), reason) if start.causes else None
    lines = _lines(request, is_cross_origin=True)
    return replace(
        start,
        verdict=Verdict.UNKNOWN,
        reason=reason,
        summary=sentences.left_to_backend(route),
        preflight=preflight,
        actual=Exchange(Kind.ACTUAL, lines, "backend", None, (), reason),
    )


def _actual(request: Request, route: Route, decision: ActualDecision, *, is_cross_origin: bool) -> Exchange:
    """The request itself, with what the policy makes of its answer."""
    lines = _fields(decision.grant.vary_line + decision.grant.lines)
    own_status = REJECTED_STATUS if decision.rejected else None
    if own_status is None and route.answer is not None:
        own_status = route.answer.status
    by: Literal["gateway", "backend"] = "backend" if own_status is None else "gateway"
    is_checked = is_cross_origin and not request.target.is_websocket
    return Exchange(
        decision.kind,
        _lines(request, is_cross_origin=is_cross_origin),
        by,
        own_status,
        lines,
        decision.reason,
        _entry(route, decision.entry, decision.reason, request.origin),
        fault=cors_fault(request.call, lines) if is_checked else None,
    )


def _origin(request: Request) -> tuple[bytes, ...]:
    return () if request.origin is None else (request.origin.encode(),)


def _site(request: Request, *, is_cross_origin: bool) -> tuple[bytes, ...]:
    """What the gateway looks at of Sec-Fetch-Site."""
    return (b"same-origin",) if not is_cross_origin and request.target.tells_site else ()


def _kind(request: Request, *, is_cross_origin: bool) -> Kind:
    if request.target.is_websocket:
        return Kind.WEBSOCKET
    has_origin = request.origin is not None and sends_origin(request.method, cross_origin=is_cross_origin)
    return Kind.ACTUAL if has_origin else Kind.NOT_CORS


def _entry(route: Route, index: int | None, reason: Reason, origin: str | None) -> Entry | None:
    """The entry that granted; a star and `null` have no index."""
    if reason is not Reason.ALLOWED:
        return None
    places = route.origin_locations
    if route.policy.any_origin:
        return Entry("*", places[0] if places else route.policy_location)
    if index is None:
        return Entry("dangerously_allow_null_origin", route.policy_location) if origin == "null" else None
    place: Location | None = places[index] if index < len(places) else route.policy_location
    return Entry(route.policy.allow_origins[index].text, place)


def _preflight_lines(request: Request) -> tuple[str, ...]:
    names = request.call.unsafe_headers
    return (
        f"OPTIONS {request.target.path}",
        *_host_line(request),
        f"Origin: {request.origin}",
        f"Access-Control-Request-Method: {request.method}",
        *([f"Access-Control-Request-Headers: {','.join(names)}"] if names else []),
    )


def _lines(request: Request, *, is_cross_origin: bool) -> tuple[str, ...]:
    has_origin = request.origin is not None and (
        request.target.is_websocket or sends_origin(request.method, cross_origin=is_cross_origin)
    )
    has_site = has_origin and bool(_site(request, is_cross_origin=is_cross_origin))
    return (
        f"{request.method} {request.target.path}",
        *_host_line(request),
        *(["Upgrade: websocket"] if request.target.is_websocket else []),
        *([f"Origin: {request.origin}"] if has_origin else []),
        *(["Sec-Fetch-Site: same-origin"] if has_site else []),
        *(
            f"{name}: {'…' if value is None else value}"
            for name, value in request.headers
            if not is_left_out(name, value, request.browser)
        ),
        *(["Cookie: …"] if request.credentials else []),
    )


def _host_line(request: Request) -> tuple[str, ...]:
    return (f"Host: {request.target.host}",) if request.target.host else ()


def _fields(block: bytes) -> tuple[tuple[str, str], ...]:
    lines: Lines = [
        (name, value)
        for name, _, value in (line.partition(": ") for line in block.decode("latin-1").split("\r\n") if line)
    ]
    return tuple(lines)
