"""What is remembered of a preflight that was answered: the answer, ready to be sent again.

Where it is kept, and for how long, is in `active.py`; which preflights it is right for is decided in `dispatch.py`.
"""

from dataclasses import dataclass

from cors_gateway.http1.request import RequestHead
from cors_gateway.policy.reason import Reason
from cors_gateway.proxy.answers import OwnAnswer, render_around_date


@dataclass(frozen=True, slots=True)
class PreflightAnswer:
    """The answer of one policy to all preflights whose fields say the same. A value: routes and connections share it."""

    asked: RequestHead
    """What the fields say."""
    reason: Reason
    answer: OwnAnswer
    before_date: bytes
    """The answer in HTTP/1.1 on a connection that goes on: what stands before the Date line, and after it."""
    after_date: bytes


def remembered(asked: RequestHead, reason: Reason, answer: OwnAnswer) -> PreflightAnswer:
    """The answer, ready to be sent again."""
    return PreflightAnswer(asked, reason, answer, *render_around_date(answer))
