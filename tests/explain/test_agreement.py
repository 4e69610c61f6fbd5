"""Explanations agree with the policy core on every case of the conformance corpus that a browser can bring about.

Over a socket the same is tested in `test_wire.py`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import pytest

from cors_gateway.explain.described_request import Request, Target
from cors_gateway.explain.explainer import Explainer
from cors_gateway.explain.explanation import Exchange, Explanation
from cors_gateway.policy.compiled import CompiledPolicy
from cors_gateway.policy.decide import asked_headers, asked_method
from cors_gateway.policy.fetch import is_forbidden_method
from cors_gateway.routing import RouteTable
from cors_gateway.snapshot import Route, Server, Snapshot, TcpListener
from tests.conformance.cases import HttpCase, http_cases
from tests.conformance.comparison import Answer, complaints
from tests.policy.written import PolicyRefusedError, policy


@dataclass(frozen=True)
class Described:
    """A case as a request that can be described. Its preflight, if it is one, is asked for whatever the request is."""

    case: HttpCase
    request: Request
    is_preflight: bool

    def received(self, name: str) -> tuple[bytes, ...]:
        return _received(self.case, name)


def _received(case: HttpCase, name: str) -> tuple[bytes, ...]:
    return tuple(value.encode() for candidate, value in case.headers if candidate.lower() == name.lower())


def _described() -> Iterator[Described]:
    for case in http_cases():
        origin, asked = _received(case, "Origin"), _received(case, "Access-Control-Request-Method")
        is_preflight = case.is_preflight
        method = asked_method(asked) if is_preflight else case.method.encode()
        names = asked_headers(_received(case, "Access-Control-Request-Headers")) if is_preflight else ()
        is_private = bool(_received(case, "Access-Control-Request-Private-Network"))
        if len(origin) > 1 or method is None or names is None or is_forbidden_method(method.decode()):
            continue  # no browser sends that
        if (is_preflight and is_private) or _received(case, "Sec-Fetch-Site") == (b"same-origin",):
            continue  # that is not described by page, method and headers
        target = Target(
            "gw.test", case.path, "https://gw.test", is_websocket=bool(_received(case, "Upgrade"))
        )
        request = Request(
            target,
            origin[0].decode() if origin else None,
            method.decode(),
            tuple((name.decode(), None) for name in names),
            asks_first=is_preflight,
        )
        yield Described(case, request, is_preflight)


CASES = list(_described())


def _explained(described: Described) -> tuple[Snapshot, Explanation] | None:
    """None for a policy that the configuration refuses."""
    try:
        routes = [
            Route(f"r{number}", route.path, "u", policy(route.cors), methods=_methods(route.methods))
            for number, route in enumerate(described.case.routes)
        ]
    except PolicyRefusedError:
        return None
    snapshot = Snapshot(Server((TcpListener("127.0.0.1", 8080),)), None, {}, tuple(routes))
    return snapshot, Explainer(snapshot).explain(described.request)


def _methods(written: tuple[str, ...] | None) -> frozenset[str] | None:
    return frozenset(written) if written else None


def _block(exchange: Exchange) -> bytes:
    return "".join(f"{name}: {value}\r\n" for name, value in exchange.headers).encode()


def test_most_of_the_corpus_takes_part() -> None:
    assert len(CASES) > 0.8 * len(http_cases())


@pytest.mark.parametrize("described", CASES, ids=lambda described: described.case.id)
def test_an_explanation_foretells_what_the_gateway_answers(described: Described) -> None:
    explained = _explained(described)
    if explained is None:
        assert complaints(described.case, Answer("config reject", 0, ())) == []
        return
    _, explanation = explained
    exchange = explanation.preflight if described.is_preflight else explanation.actual
    if exchange is None:
        assert explanation.preflight is not None
        assert not explanation.preflight.passes, "the request of the case is never sent"
    elif exchange.answered_by == "gateway":
        assert exchange.status is not None
        length = (("Content-Length", "0"),) if exchange.status == 200 else ()
        answer = Answer("gateway", exchange.status, exchange.headers + length, described.is_preflight, False)
        assert complaints(described.case, answer) == []
    else:
        assert described.case.expect.get("upstream_contacted", True)


@pytest.mark.parametrize("described", CASES, ids=lambda described: described.case.id)
def test_an_explanation_has_no_opinion_of_its_own(described: Described) -> None:
    """Route, status, lines, reason and detail are those of the table and the policy that answer the traffic."""
    explained = _explained(described)
    if explained is None:
        return
    snapshot, explanation = explained
    table = RouteTable.of(snapshot.routes, lambda route: route)
    if explanation.reason is not None:
        routed_by = described.request.method.encode()
        assert table.for_host(b"gw.test").select(described.case.path.encode(), routed_by) is explanation.route
    exchange = explanation.preflight if described.is_preflight else explanation.actual
    if exchange is None or explanation.route is None:
        return
    compiled = CompiledPolicy(replace(explanation.route.policy, report_only=False))
    origin = described.received("Origin")
    if described.is_preflight:
        asked = described.received("Access-Control-Request-Method")
        names = described.received("Access-Control-Request-Headers")
        preflight = compiled.preflight(origin, asked, names, ())
        assert (exchange.reason, exchange.detail) == (preflight.reason, preflight.detail)
        assert (exchange.status or 0, _block(exchange)) == (preflight.status, preflight.lines)
    else:
        is_websocket = described.request.target.is_websocket
        decision = compiled.websocket(origin) if is_websocket else compiled.actual(origin)
        lines = decision.grant.vary_line + decision.grant.lines
        assert (exchange.kind, exchange.reason) == (decision.kind, decision.reason)
        assert exchange.status == (403 if decision.rejected else None)
        assert _block(exchange) == (b"" if is_websocket and not decision.rejected else lines)
