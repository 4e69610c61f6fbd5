"""The answers about one address, side by side, each with the browser's verdict: what all rules look at."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from cors_gateway.probe.finding import Defect, Finding, Severity
from cors_gateway.probe.judging import Standing, judge
from cors_gateway.probe.pages import Role
from cors_gateway.probe.question import Answer, Exchange, Kind, Place, Question


@dataclass(frozen=True, slots=True)
class Judged:
    """An exchange that had an answer."""

    exchange: Exchange
    answer: Answer
    standing: Standing

    @property
    def question(self) -> Question:
        return self.exchange.question

    @property
    def origin(self) -> str:
        """Of the page; empty for nobody's."""
        return self.question.request.origin or ""

    @property
    def is_promised(self) -> bool:
        """Whether a listed page ought to get this."""
        return self.question.page.role is Role.LISTED and self.question.expected.allowed is True

    def finding(self, defect: Defect, message: str, hint: str, severity: Severity = "error") -> Finding:
        """A defect that this exchange shows."""
        return Finding(defect, severity, message, hint, self.exchange, self.standing.reason)


class Visit:
    """What is known about one address."""

    def __init__(self, exchanges: Sequence[Exchange]) -> None:
        self.exchanges = exchanges
        self.judged = [
            Judged(each, each.answer, judge(each.question, each.answer))
            for each in exchanges
            if each.answer is not None
        ]

    def of(self, *kinds: Kind, places: Sequence[Place] = (Place.GIVEN,)) -> Iterator[Judged]:
        """The answers to such questions, in the order in which they were asked."""
        for each in self.judged:
            if each.question.kind in kinds and each.question.place in places:
                yield each


def visits(exchanges: Sequence[Exchange]) -> list[Visit]:
    """One for each address."""
    by_address: dict[str, list[Exchange]] = {}
    for exchange in exchanges:
        by_address.setdefault(exchange.question.address, []).append(exchange)
    return [Visit(each) for each in by_address.values()]
