"""Requests as they happen, for whoever looks just now: the lines that a JSON access log has, kept until they are fetched.

A feed stands where a log stands, and only while somebody looks; then too it keeps no more than `MAX_LINES`. Who looks,
and how lines reach them, is in `server/subscriptions.py`.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass

from cors_gateway.observe.log_format import JsonFormat
from cors_gateway.observe.record import RequestRecord
from cors_gateway.observe.tracing import RecordSink
from cors_gateway.policy.reason import Reason

MAX_LINES = 500
"""Lines that wait to be fetched; what comes after them is counted and lost."""
FIRST_ERROR = 400


@dataclass(frozen=True, slots=True)
class Interest:
    """Which requests somebody wants to see; an empty text is any."""

    origin: str = ""
    """As browsers write it."""
    route: str = ""

    def covers(self, route: str, origin: str) -> bool:
        """Whether a request on this route, from this origin, is one of them."""
        return self.route in ("", route) and self.origin in ("", origin)


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen since the last time: whole lines of JSON, the oldest first, and how many more there were."""

    lines: tuple[str, ...] = ()
    lost: int = 0


NOTHING = Seen()


def merge_seen(parts: Iterable[Seen]) -> Seen:
    """What several processes saw, as one. Lines begin with their time, so their order is that of the text."""
    parts = list(parts)
    return Seen(
        tuple(sorted(line for part in parts for line in part.lines)), sum(part.lost for part in parts)
    )


class Feed:
    """A log that is fetched. Tells of every decision and cause; requests without either pass unseen."""

    def __init__(self, interests: Iterable[Interest], before: Seen = NOTHING) -> None:
        """`before` was kept by the feed in whose place this one stands."""
        self._interests = tuple(interests)
        self._format = JsonFormat()
        self._lines = list(before.lines)
        self._lost = before.lost

    def record(self, record: RequestRecord) -> None:
        """Keep one request, if somebody wants to see it. Never blocks and never raises."""
        if record.tally.reason == Reason.NOT_CORS and record.status < FIRST_ERROR and record.trouble is None:
            return
        origin = (record.origin or b"").decode("ascii", "backslashreplace")
        if not any(interest.covers(record.stats.name, origin) for interest in self._interests):
            return
        if len(self._lines) >= MAX_LINES:
            self._lost += 1
            return
        self._lines.append(self._format.line(record, time.time()).rstrip())

    def take(self) -> Seen:
        """What was kept since the last time."""
        seen = Seen(tuple(self._lines), self._lost)
        self._lines.clear()
        self._lost = 0
        return seen


class WatchedLog:
    """Stands before the access log, if there is one, while somebody looks."""

    def __init__(self, log: RecordSink | None, feed: Feed) -> None:
        self._log = log
        self._feed = feed

    def record(self, record: RequestRecord) -> None:
        self._feed.record(record)
        if self._log is not None:
            self._log.record(record)
