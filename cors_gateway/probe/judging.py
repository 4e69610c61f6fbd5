"""What a browser makes of an answer, in the words of docs/decisions.md.

An endpoint does not say why it refuses; the word is the one that the gateway would have to use for such an answer.
"""

from dataclasses import dataclass, replace

from cors_gateway.policy.browser import Call, cors_fault, preflight_fault
from cors_gateway.policy.reason import Reason
from cors_gateway.probe.question import Answer, Exchange, Kind, Question

ALLOW_ORIGIN = "access-control-allow-origin"

# RFC 9110 section 15.1: what caches may keep without being told to.
_KEPT_BY_HEURISTIC = frozenset({200, 203, 204, 206, 300, 301, 308, 404, 405, 410, 414, 501})


@dataclass(frozen=True, slots=True)
class Standing:
    """Whether the script gets what it asked for: an answer to read, or its preflight granted."""

    allowed: bool
    reason: Reason
    fault: str = ""
    """What the browser objects to."""


_NO_CORS = Standing(False, Reason.NOT_CORS)


def judge(question: Question, answer: Answer) -> Standing:
    """The browser's verdict."""
    call = question.request.call
    if question.request.origin is None:
        return _NO_CORS
    if question.kind is not Kind.PREFLIGHT:
        return _standing(cors_fault(call, answer.headers), Reason.ORIGIN_NOT_ALLOWED)
    return _standing(preflight_fault(call, answer.status, answer.headers), _refusal(call, answer))


def is_credentialed(exchange: Exchange) -> bool:
    """Whether the page would also get an answer to a request with the user's cookies."""
    if exchange.answer is None:
        return False
    return (
        cors_fault(replace(exchange.question.request.call, credentials=True), exchange.answer.headers) is None
    )


def named_origin(answer: Answer) -> str | None:
    """What Access-Control-Allow-Origin says; None if there is none."""
    return ", ".join(answer.values(ALLOW_ORIGIN)) or None


def varies_by_origin(answer: Answer) -> bool:
    """Whether caches keep the answers to different origins apart."""
    return not {"*", "origin"}.isdisjoint(name.lower() for name in answer.names("vary"))


def is_storable(answer: Answer) -> bool:
    """Whether a cache, be it only the browser's, may keep the answer (RFC 9111 section 3)."""
    directives = {directive.lower() for directive in answer.names("cache-control")}
    if "no-store" in directives:
        return False
    has_lifetime = any(directive.startswith(("max-age", "s-maxage")) for directive in directives)
    return answer.status in _KEPT_BY_HEURISTIC or has_lifetime or bool(answer.values("expires"))


def _standing(fault: str | None, refusal: Reason) -> Standing:
    return Standing(True, Reason.ALLOWED) if fault is None else Standing(False, refusal, fault)


def _refusal(call: Call, answer: Answer) -> Reason:
    """The word for a refused preflight: the first thing that is missing."""
    if not 200 <= answer.status <= 299 or cors_fault(call, answer.headers) is not None:
        return Reason.ORIGIN_NOT_ALLOWED
    if preflight_fault(replace(call, headers=()), answer.status, answer.headers) is not None:
        return Reason.METHOD_NOT_ALLOWED
    return Reason.HEADER_NOT_ALLOWED
