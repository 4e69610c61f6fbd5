"""What is remembered of a preflight that was answered: the answer, ready to be sent again, and where that counts.

Where it is kept, and for how long, is in `active.py`; which preflights it is right for is decided in `dispatch.py`.
"""

from collections.abc import Mapping
from typing import Protocol, final

from cors_gateway.http1.request import RequestHead
from cors_gateway.observe.metrics import RouteStats, Tally
from cors_gateway.policy.reason import Kind, Reason
from cors_gateway.proxy.answers import OwnAnswer, render_around_date

# Python 3.11 looks members of enumerations up by a call.
_PREFLIGHT = Kind.PREFLIGHT


class Counted(Protocol):
    """A route, as what is counted on."""

    @property
    def stats(self) -> RouteStats: ...

    @property
    def tallies(self) -> Mapping[tuple[Kind, Reason], Tally]: ...


@final
class Repeat:
    """The answer of one policy to all preflights whose fields say the same, on one of the routes with that policy.

    A value: connections share it. Under the same snapshot the same bytes get it without being looked at.
    """

    __slots__ = (
        *("after_date", "answer", "asked", "before_date", "reason", "requests", "route", "status_class"),
        "tally",
    )

    def __init__(
        self,
        asked: RequestHead,
        reason: Reason,
        answer: OwnAnswer,
        rendered: tuple[bytes, bytes],
        route: Counted,
    ) -> None:
        self.asked = asked
        """What the fields say."""
        self.reason = reason
        self.answer = answer
        self.before_date, self.after_date = rendered
        """The answer in HTTP/1.1 on a connection that goes on: what stands before the Date line, and after it."""
        self.route = route
        self.tally = route.tallies[_PREFLIGHT, reason]
        """Not counted yet."""
        self.requests = route.stats.requests[b"OPTIONS"]
        self.status_class = answer.status // 100
        """Which of the counters `requests` is that of the answer."""

    def on(self, route: Counted) -> "Repeat":
        """The same on another route with that policy."""
        return Repeat(self.asked, self.reason, self.answer, (self.before_date, self.after_date), route)


def remembered(asked: RequestHead, reason: Reason, answer: OwnAnswer, route: Counted) -> Repeat:
    """The answer, ready to be sent again."""
    return Repeat(asked, reason, answer, render_around_date(answer), route)
