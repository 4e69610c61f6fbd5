"""What befell a request that is not a decision: its cause in one word, and the detail that goes with it.

One value for the access log, the events and the metrics, so that they cannot disagree. Three closed sets of words are
causes: faults of messages (`http1/cause.py`), failures of upstreams (`proxy/failure.py`), and the notices here. What to
do about each is in `remedies.py`.
"""

import logging
from enum import StrEnum
from typing import NamedTuple

from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.observe.event import emit
from cors_gateway.observe.metrics import RouteStats

QUIET_SECONDS = 60.0
"""For so long an event about the same cause on the same route is not repeated."""


class Notice(StrEnum):
    """A cause that leaves the request its answer: it went through, or nobody is there to be answered."""

    CLIENT_LEFT = "client_left"
    """The client closed its connection before its answer was complete."""
    REDIRECTED = "redirected_to_other_origin"
    """The backend answered a cross-origin request with a redirect to another origin, which the browser then asks."""
    ORIGIN_REMOVED = "origin_removed"
    """A request that only a browser's cross-origin call can be came without `Origin`."""
    FORWARDING_IGNORED = "forwarding_ignored"
    """`X-Forwarded-Proto` of a peer that is not in `server.trusted_proxies` contradicts the connection."""


class Trouble(NamedTuple):
    """One cause, as it befell one request."""

    event: str
    """The name of the event that tells of it; empty if only the log and the counters do."""
    cause: str
    detail: str = ""
    """Which field, which limit, which line, which origin; empty if there is nothing to add. Never for the client."""
    failure: str = ""
    """The failure of the upstream (`proxy/failure.py`) that it was for the client, if it was one."""


CLIENT_LEFT = Trouble("", Notice.CLIENT_LEFT)
ORIGIN_REMOVED = Trouble(
    "origin_removed", Notice.ORIGIN_REMOVED, "something in front of the gateway removes Origin"
)

_WARNINGS = frozenset({"upstream_failed", "origin_removed", "fields_dropped", "forwarding_ignored"})


def refused(fault: ProtocolFault) -> Trouble:
    """A request that is not served because of this."""
    return Trouble("request_refused", fault.cause, fault.where)


def report(stats: RouteStats, trouble: Trouble, now: float, **fields: object) -> None:
    """Count a cause, and tell of it unless that was done within the last minute. `now` is in monotonic seconds."""
    cause = trouble.cause
    stats.causes[cause] = stats.causes.get(cause, 0) + 1
    if not trouble.event or now < stats.quiet_causes.get(cause, 0.0):
        return
    stats.quiet_causes[cause] = now + QUIET_SECONDS
    emit(
        trouble.event,
        level=logging.WARNING if trouble.event in _WARNINGS else logging.INFO,
        route=stats.name,
        cause=str(cause),
        detail=trouble.detail or None,
        failure=str(trouble.failure) or None,
        **fields,
    )
