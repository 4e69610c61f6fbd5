"""Running the `tests:` of a configuration: each is a described request whose explanation has to come out as expected."""

from collections.abc import Iterator
from dataclasses import dataclass

from cors_gateway.explain.described_request import DescriptionFault, describe_parts
from cors_gateway.explain.explainer import Explainer
from cors_gateway.explain.explanation import Explanation, Verdict
from cors_gateway.explain.sentences import place
from cors_gateway.policy.quoting import quoted
from cors_gateway.policy.reason import Reason
from cors_gateway.snapshot import PolicyTest, Snapshot


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a test."""

    test: PolicyTest
    explanation: Explanation | None
    """None if the test describes nothing that could be sent."""
    failure: str
    """Why it failed; empty if it passed."""

    @property
    def passed(self) -> bool:
        return not self.failure


def run_tests(snapshot: Snapshot) -> Iterator[Outcome]:
    """Run them in the order in which they are written."""
    explainer = Explainer(snapshot)
    for test in snapshot.tests:
        try:
            request = describe_parts(
                test.path,
                host=test.host,
                origin=test.origin,
                method=test.method,
                headers=test.headers,
                credentials=test.credentials,
            )
        except DescriptionFault as fault:
            yield Outcome(test, None, f"cannot be sent: {fault}")
            continue
        explanation = explainer.judge(request)
        yield Outcome(test, explanation, _failure(test, explanation))


def _failure(test: PolicyTest, explanation: Explanation) -> str:
    """`allow` wants the script to read the response for certain, `deny` wants it kept away for certain.

    What only the backend knows is neither, unless the test names the reason.
    """
    summary = explanation.summary
    if test.reason is not None and test.reason != explanation.reason:
        given = "no reason" if explanation.reason is None else f"reason {explanation.reason}"
        return f"expected reason {test.reason}, got {given}: {summary}"
    if test.allow and not explanation.is_allowed:
        return f"expected allow: {summary}"
    if not test.allow and explanation.is_allowed:
        entry = explanation.entry
        by = "" if entry is None else f" Allowed by {quoted(entry.text)}{place(entry.location)}."
        return f"expected deny: {summary}{by}"
    if explanation.verdict is Verdict.UNKNOWN and test.reason != Reason.PASSTHROUGH:
        return f"expected deny: {summary} To test for that, add reason: {Reason.PASSTHROUGH}."
    return ""
