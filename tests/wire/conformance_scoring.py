"""A response on the wire, and what the backend saw of the request, as an answer to a conformance case."""

from dataclasses import dataclass

from tests.conformance import comparison
from tests.conformance.cases import http_cases
from tests.conformance.comparison import Answer
from tests.wire.corpus import Document
from tests.wire.strict_http import Request, Response


@dataclass(frozen=True, slots=True)
class Exchange:
    """The answer to a case and the requests the backend saw for it."""

    case: Document
    response: Response
    requests: list[Request]
    accepts_echo: bool = False
    """Whether a preflight may also be answered with no more than what it asks for."""

    @property
    def answer(self) -> Answer:
        is_failure = self.case.get("upstream", {}).keys() & {"timeout", "unreachable"}
        forwarded = tuple(field for request in self.requests for field in request.fields)
        return Answer(
            "upstream" if self.requests and not is_failure else "gateway",
            self.response.status,
            tuple(self.response.fields),
            upstream_contacted=bool(self.requests),
            forwarded=forwarded if self.requests else None,
            body=self.response.body.decode("latin-1"),
            accepts_echo=self.accepts_echo,
        )


def complaints(seen: Exchange) -> list[str]:
    """Everything that differs from the expectation and from every accepted alternative; empty when none does."""
    (case,) = (case for case in http_cases() if case.id == seen.case["id"])
    return comparison.complaints(case, seen.answer)
