"""The conformance cases against the policy core, with the least gateway around it that can answer them."""

import pytest

from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.paths import PathFault, resolve
from cors_gateway.policy.compiled import CompiledPolicy, Grant
from cors_gateway.policy.matcher import OriginMatcher
from cors_gateway.policy.vary import merge_vary
from cors_gateway.routing import RouteKey, RouteTable
from tests.conformance.cases import Header, HttpCase, OriginPair, http_cases, origin_pairs
from tests.conformance.comparison import Answer, complaints
from tests.policy.written import PolicyRefusedError, patterns, policy


@pytest.mark.parametrize("pair", origin_pairs(), ids=lambda pair: pair.id)
def test_patterns_match_exactly_the_origins_they_should(pair: OriginPair) -> None:
    value = pair.origin.encode()
    if "*" in pair.patterns:
        is_match = (
            CompiledPolicy(policy({"allow_origins": list(pair.patterns)})).actual([value]).grant.lines != b""
        )
    elif "null" in pair.patterns:
        is_match = value == b"null"
    else:
        is_match = OriginMatcher(patterns(*pair.patterns)).match(value) is not None

    assert is_match is pair.match, pair.why


@pytest.mark.parametrize("case", http_cases(), ids=lambda case: case.id)
def test_requests_get_the_answers_they_should(case: HttpCase) -> None:
    assert complaints(case, _answer(case)) == [], case.title


def _answer(case: HttpCase) -> Answer:
    try:
        compiled = {
            RouteKey(None, route.path, frozenset(route.methods) if route.methods else None): CompiledPolicy(
                policy(route.cors)
            )
            for route in case.routes
        }
    except PolicyRefusedError:
        return Answer("config reject", 0, ())
    method, asked = case.method.encode(), _received(case, "Access-Control-Request-Method")
    routes = RouteTable(compiled.items()).for_host(b"gw.test")
    routed_by = asked[0] if case.is_preflight else method
    try:
        route = routes.select_one(resolve(case.path.encode()), routed_by)
    except (PathFault, ProtocolFault):
        return Answer("gateway", 400, (), is_preflight=False, upstream_contacted=False)
    if route is None:
        return Answer("gateway", 404, (), is_preflight=case.is_preflight, upstream_contacted=False)
    return _preflight(case, route) if case.is_preflight else _actual(case, route)


def _preflight(case: HttpCase, route: CompiledPolicy) -> Answer:
    decision = route.preflight(
        _received(case, "Origin"),
        _received(case, "Access-Control-Request-Method"),
        _received(case, "Access-Control-Request-Headers"),
        _received(case, "Access-Control-Request-Private-Network"),
    )
    if decision.forward:
        return _forwarded(case, route, route.actual(_received(case, "Origin")).grant, is_preflight=True)
    headers = _fields(decision.lines)
    if decision.status != 204:
        headers += (("Content-Length", "0"),)
    return Answer("gateway", decision.status, headers, is_preflight=True, upstream_contacted=False)


def _actual(case: HttpCase, route: CompiledPolicy) -> Answer:
    decide = route.websocket if _received(case, "Upgrade") else route.actual
    decision = decide(_received(case, "Origin"), _received(case, "Sec-Fetch-Site"))
    if decision.rejected:
        grant = decision.grant
        return Answer("gateway", 403, _fields(grant.lines + grant.vary_line), False, upstream_contacted=False)
    return _forwarded(case, route, decision.grant, is_preflight=False)


def _forwarded(case: HttpCase, route: CompiledPolicy, grant: Grant, *, is_preflight: bool) -> Answer:
    if case.upstream.get("unreachable") or case.upstream.get("timeout"):
        status = 504 if case.upstream.get("timeout") else 502
        return Answer("gateway", status, _fields(grant.lines + grant.vary_line), is_preflight)
    backend = tuple((name, value) for name, value in case.upstream.get("headers", ()))
    is_stripped = route.policy.strip_origin
    sent = tuple(field for field in case.headers if not (is_stripped and field[0].lower() == "origin"))
    headers = _rewritten(backend, grant) if grant.rewrite and case.upstream["status"] != 101 else backend
    return Answer("upstream", case.upstream["status"], headers, is_preflight, True, sent)


def _rewritten(backend: tuple[Header, ...], grant: Grant) -> tuple[Header, ...]:
    lines = grant.lines
    if grant.merge_expose:
        lines = grant.lines_with_expose(_values(backend, "Access-Control-Expose-Headers"))
    kept = [
        (name, value)
        for name, value in backend
        if not name.lower().startswith("access-control-")
        and name.lower() != "vary"
        and name.lower().encode() not in grant.strip
    ]
    vary = merge_vary(_values(backend, "Vary"), grant.vary).decode()
    return (*kept, *_fields(lines), *([("Vary", vary)] if vary else []))


def _received(case: HttpCase, name: str) -> tuple[bytes, ...]:
    return _values(case.headers, name)


def _values(headers: tuple[Header, ...], name: str) -> tuple[bytes, ...]:
    return tuple(value.encode() for candidate, value in headers if candidate.lower() == name.lower())


def _fields(lines: bytes) -> tuple[Header, ...]:
    assert not lines or lines.endswith(b"\r\n")
    pairs = [line.partition(": ") for line in lines.decode("ascii").split("\r\n") if line]
    return tuple((name, value) for name, _, value in pairs)
