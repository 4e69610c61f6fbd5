"""Two endpoints, the same questions: where would a browser notice that it talks to the other one?

Compared is what a browser concludes from the answers, never the header lines: who may read, what a script sees of an
answer, how long a preflight is remembered, what a cache may hand to another page.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from cors_gateway.policy.browser import exposed_names
from cors_gateway.policy.fetch import DEFAULT_MAX_AGE
from cors_gateway.policy.reason import Reason
from cors_gateway.probe.cache_rules import vary
from cors_gateway.probe.header_rules import LONGEST_MAX_AGE, MAX_AGE
from cors_gateway.probe.judging import Standing, judge, varies_by_origin
from cors_gateway.probe.plan import follow_up
from cors_gateway.probe.question import Answer, Exchange, Kind, Question
from cors_gateway.probe.visit import visits

MAX_FOLLOW_UPS = 12


class Aspect(StrEnum):
    """What differs."""

    ANSWERED = "answered"
    """One of the two does not answer at all."""
    VERDICT = "verdict"
    """The script gets what it asks for from one only."""
    STATUS = "status"
    """The script, or the visitor, sees another status."""
    REDIRECT = "redirect"
    """The browser is sent somewhere else."""
    READABLE_HEADERS = "readable_headers"
    """The script may read other headers of the answer."""
    REMEMBERED = "remembered"
    """The preflight is remembered for another time."""
    CACHES = "caches"
    """A cache may hand the answer of one to a page that it was not made for."""


@dataclass(frozen=True, slots=True)
class Side:
    """One endpoint's part in a difference."""

    exchange: Exchange
    text: str
    reason: Reason | None


@dataclass(frozen=True, slots=True)
class Difference:
    """Something that a browser notices."""

    aspect: Aspect
    question: Question
    one: Side
    other: Side
    also: tuple[Question, ...] = ()
    """Other questions about the address that show the same."""


def compare(ones: Sequence[Exchange], others: Sequence[Exchange]) -> list[Difference]:
    """Every difference, once. The two sequences answer the same questions."""
    unsafe = _unsafe_for_caches(ones), _unsafe_for_caches(others)
    found: dict[tuple[object, ...], list[Difference]] = {}
    for one, other in zip(ones, others, strict=True):
        for aspect, texts in _differences(one, other, *unsafe):
            sides = Side(one, texts[0], _reason(one)), Side(other, texts[1], _reason(other))
            key = aspect, one.question.address, one.question.kind, texts
            difference = Difference(aspect, one.question, *sides)
            found.setdefault(key, []).append(difference)
    return [_first(same) for same in found.values()]


def unasked(ones: Sequence[Exchange], others: Sequence[Exchange]) -> list[Question]:
    """What either lists in a granted preflight and was not asked for: preflights that ask it of both."""
    questions: list[Question] = []
    seen: set[str] = set()
    for pair in zip(ones, others, strict=True):
        question = pair[0].question
        granted = [each.answer for each in pair if each.answer and judge(question, each.answer).allowed]
        if question.kind is not Kind.PREFLIGHT or not granted or question.address in seen:
            continue
        seen.add(question.address)
        asked = [each.question.request for each in ones if each.question.address == question.address]
        methods = _new(granted, "methods", {request.method for request in asked} | {"GET", "HEAD", "POST"})
        known = {name for request in asked for name in request.call.unsafe_headers}
        headers = [name for name in _new(granted, "headers", known) if name == name.lower()]
        questions += follow_up(question, methods, headers)
    return questions[:MAX_FOLLOW_UPS]


def _new(granted: Sequence[Answer], what: str, known: set[str]) -> list[str]:
    """Names that stand in some answers and not in all, and were not asked for."""
    lists = [answer.names(f"access-control-allow-{what}") for answer in granted]
    names = [[name.lower() for name in each] for each in lists] if what == "headers" else lists
    listed = dict.fromkeys(name for each in names for name in each)
    if len(names) > 1 and all(set(each) == set(names[0]) for each in names):
        return []
    anything = "PROBE" if what == "methods" else "x-cors-probe"
    asked = [anything if name == "*" else name for name in listed]
    return [name for name in asked if name not in known]


def _differences(
    one: Exchange, other: Exchange, unsafe: set[Question], unsafe_other: set[Question]
) -> Iterator[tuple[Aspect, tuple[str, str]]]:
    if one.answer is None or other.answer is None:
        if one.answer is not other.answer:
            yield Aspect.ANSWERED, (_whether_answered(one), _whether_answered(other))
        return
    question = one.question
    verdict, other_verdict = judge(question, one.answer), judge(other.question, other.answer)
    if verdict.allowed != other_verdict.allowed:
        yield Aspect.VERDICT, (_verdict(verdict), _verdict(other_verdict))
        return
    is_preflight, is_seen = question.kind is Kind.PREFLIGHT, verdict.allowed
    shown: dict[Aspect, Callable[[Exchange, Answer], str]] = {}
    if is_preflight and is_seen:
        shown = {Aspect.REMEMBERED: _remembered}
    elif not is_preflight and (is_seen or question.request.origin is None):
        shown = {Aspect.STATUS: _status, Aspect.REDIRECT: _redirect}
        if is_seen:
            shown[Aspect.READABLE_HEADERS] = _readable
    for aspect, show in shown.items():
        texts = show(one, one.answer), show(other, other.answer)
        if texts[0] != texts[1]:
            yield aspect, texts
    is_unsafe = question in unsafe
    if is_unsafe != (other.question in unsafe_other):
        is_kept_apart = varies_by_origin(other.answer if is_unsafe else one.answer)
        safe = "kept apart by Origin" if is_kept_apart else "the same for every page"
        lacking = "no Vary: Origin"
        yield Aspect.CACHES, (lacking, safe) if is_unsafe else (safe, lacking)


def _verdict(standing: Standing) -> str:
    return f"refused: {standing.fault}" if standing.fault else "allowed"


def _whether_answered(exchange: Exchange) -> str:
    return f"no answer: {exchange.failure}" if exchange.answer is None else str(exchange.answer.status)


def _remembered(_: Exchange, answer: Answer) -> str:
    value = ", ".join(answer.values(MAX_AGE))
    seconds = min(int(value[:20]), LONGEST_MAX_AGE) if value.isascii() and value.isdigit() else None
    if seconds is None:
        seconds = 0 if value == "-1" else DEFAULT_MAX_AGE
    return f"for {seconds} s"


def _status(_: Exchange, answer: Answer) -> str:
    return str(answer.status)


def _redirect(exchange: Exchange, answer: Answer) -> str:
    """Where to; within one endpoint without its name, which always differs."""
    if not answer.is_redirect:
        return "none"
    own = exchange.question.request.target.origin or ""
    return ", ".join(target.removeprefix(own) for target in answer.values("location"))


def _readable(exchange: Exchange, answer: Answer) -> str:
    names = exposed_names(exchange.question.request.call, answer.headers)
    return "every header" if names is None else ", ".join(sorted(names))


def _reason(exchange: Exchange) -> Reason | None:
    return None if exchange.answer is None else judge(exchange.question, exchange.answer).reason


def _unsafe_for_caches(exchanges: Sequence[Exchange]) -> set[Question]:
    """Questions whose answers lack Vary although they depend on Origin."""
    return {finding.shown_by.question for visit in visits(exchanges) for finding in vary(visit)}


def _first(same: Sequence[Difference]) -> Difference:
    return replace(same[0], also=tuple(each.question for each in same[1:]))
