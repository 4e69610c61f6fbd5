"""Telling operators that a backend still does CORS itself, and differently: once per route, then once a minute.

Removing the backend's fields is in `response_head.py`. Here nothing changes what anybody receives.
"""

import logging

from cors_gateway.http1.response import ResponseHead
from cors_gateway.observe.event import emit
from cors_gateway.observe.metrics import RouteStats
from cors_gateway.policy.grant import Grant

QUIET_SECONDS = 60.0
MAX_NAMES = 10

_EXPOSE_HEADERS = b"access-control-expose-headers"


_HINT = "Take the CORS code out of the backend, or change the policy"
_EXPOSE_HINT = (
    "If scripts need what the backend exposes, write upstream_expose: merge or list it in expose_headers; "
    "else take the CORS code out of the backend"
)


def report_difference(stats: RouteStats, response: ResponseHead, grant: Grant, now: float) -> None:
    """Report the backend's fields that were removed and say something else than the policy.

    `response` answers a request with an Origin: without one there is nothing to compare with.
    """
    if now < stats.quiet_until:
        return
    ours = {_parsed(line) for line in grant.lines.split(b"\r\n")}
    names = {
        field.name.decode("ascii")
        for field in response.policy_fields
        if field.is_cors
        and (field.name, field.value) not in ours
        and not (grant.merge_expose and field.name == _EXPOSE_HEADERS)
    }
    if not names:
        return
    stats.quiet_until = now + QUIET_SECONDS
    hint = _EXPOSE_HINT if _EXPOSE_HEADERS.decode("ascii") in names else _HINT
    emit(
        "backend_cors_removed",
        level=logging.WARNING,
        route=stats.name,
        headers=sorted(names)[:MAX_NAMES],
        message="the backend sends CORS headers that differ from the policy; they were removed. " + hint,
    )


def _parsed(line: bytes) -> tuple[bytes, bytes]:
    name, _, value = line.partition(b": ")
    return name.lower(), value
