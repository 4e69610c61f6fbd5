"""Refused requests as an access log of the form `json` tells them: of a preflight what it asked for, if that is there."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from cors_gateway.observe.refusals import RefusedOrigin
from cors_gateway.policy.reason import Kind, Outcome


@dataclass(frozen=True, slots=True)
class LogReading:
    """What was found in a log."""

    refusals: tuple[RefusedOrigin, ...]
    """One for each route, origin, reason and method, the most frequent first."""
    requests: int
    """Lines about requests; 0 if it is no access log of that form."""


def read_log(lines: Iterable[str]) -> LogReading:
    """Count refusals. Other lines, and what a log collector puts before a line, are passed over."""
    found: dict[tuple[str, ...], RefusedOrigin] = {}
    requests = 0
    for line in lines:
        entry = _entry(line)
        if entry is None:
            continue
        requests += 1
        cors = entry.get("cors")
        if not isinstance(cors, dict) or cors.get("outcome") != Outcome.REFUSED:
            continue
        route, origin, method, host, path = (
            str(entry.get(name, "")) for name in ("route", "origin", "method", "host", "path")
        )
        reason, kind = str(cors.get("reason", "")), str(cors.get("kind", ""))
        headers = ""
        if kind == Kind.PREFLIGHT:
            asked = entry.get("asked")
            method, headers = (
                (str(asked.get("method", "")), str(asked.get("headers", "")))
                if isinstance(asked, dict)
                else ("", "")
            )
        key = route, origin, reason, kind, method
        refusal = found.setdefault(key, RefusedOrigin(route, origin, reason, kind))
        refusal.count += 1
        refusal.method, refusal.host, refusal.path, refusal.headers = method, host, path, headers
    ranked = sorted(found.values(), key=lambda refusal: -refusal.count)
    return LogReading(tuple(ranked), requests)


def _entry(line: str) -> dict[str, object] | None:
    """The object in a line, if it is about a request."""
    _, brace, rest = line.partition("{")
    try:
        entry = json.loads(brace + rest)
    except ValueError:
        return None
    return entry if isinstance(entry, dict) and entry.get("event") == "request" else None
