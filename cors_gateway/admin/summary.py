"""How the gateway is, in one look: what is wrong just now, and the few numbers that people look at first.

The page's first panels show it as HTML, `GET /summary` gives it as JSON, and `cors-gateway status` prints that.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from aiohttp import web

from cors_gateway.admin.counts import Counts
from cors_gateway.admin.history import Rates
from cors_gateway.admin.page import words
from cors_gateway.admin.page.view import View, look
from cors_gateway.admin.responses import json_answer
from cors_gateway.admin.state import CONTROL
from cors_gateway.config.compile.validity import SOON_DAYS, days_left, left_words
from cors_gateway.server.lifecycle import Phase

SERVING = frozenset({Phase.READY, Phase.RELOADING})

NO_COMPLAINT = (
    "Nothing is wrong: ready, the configuration is in force, every server is available, and no request of the last "
    "minute failed."
)


@dataclass(frozen=True, slots=True)
class Complaint:
    """Something that is wrong just now."""

    text: str
    """A sentence."""
    place: str
    """The part of the page to look at."""


def phase_words(phase: Phase) -> str:
    """The phase for people."""
    return "Ready, reloading" if phase is Phase.RELOADING else phase.value.capitalize()


def complaints(view: View) -> Iterator[Complaint]:
    """What is wrong, the worst first."""
    last, load = view.last_reload, view.load
    if view.phase not in SERVING:
        yield Complaint(f"The process is {view.phase}: no new traffic should come here.", "configuration")
    if last is not None and not last.ok:
        yield Complaint(f"What is in the files is not what is served: {last.message}.", "configuration")
    if load.workers_serving < load.workers:
        yield Complaint(f"Only {load.workers_serving} of {load.workers} workers serve.", "configuration")
    if view.recent.errors:
        yield Complaint(_failing(view.recent), "failures")
    for file, ends in view.snapshot.certificates.items():
        if days_left(ends, view.now) < SOON_DAYS:
            yield Complaint(f"Certificate {file}: {left_words(ends, view.now)}.", "configuration")
    for upstream in view.upstreams:
        down = [server.address for server in upstream.servers if not server.is_healthy]
        if down:
            yield Complaint(f"Upstream {upstream.name}: {words.enumerated(down)} not available.", "upstreams")


def _failing(recent: Counts) -> str:
    """`12 % of the requests of the last minute failed: 30 of 250 got a 5xx (28 upstream_refused, 2 server_error).`"""
    share = 100 * recent.errors / max(recent.requests, recent.errors)
    shown = f"{share:.0f} %" if share >= 1 else "Less than 1 %"
    by_outcome: dict[str, int] = {}
    for (_, outcome), times in recent.failures.items():
        by_outcome[outcome] = by_outcome.get(outcome, 0) + times
    causes = [
        f"{words.number(times)} {name}" for name, times in sorted(by_outcome.items(), key=lambda one: -one[1])
    ]
    return (
        f"{shown} of the requests of the last minute failed: {words.number(recent.errors)} of "
        f"{words.number(max(recent.requests, recent.errors))} got a 5xx"
        f"{f' ({words.enumerated(causes)})' if causes else ''}."
    )


async def summary(request: web.Request) -> web.Response:
    """`GET /summary`."""
    view = await look(request.app)
    return json_answer({"ready": request.app[CONTROL].is_ready, **as_document(view)})


def as_document(view: View) -> dict[str, object]:
    """The view in JSON's types; keys are only ever added."""
    load = view.load
    return {
        "phase": view.phase.value,
        "instance": view.instance,
        "version": view.version,
        "uptime": view.uptime,
        "generation": view.generation,
        "configuration": view.path,
        "listen": list(view.listen),
        "complaints": [one.text for one in complaints(view)],
        "warnings": len(view.warnings),
        "certificates": [
            {"file": file, "ends": ends, "days_left": days_left(ends, view.now)}
            for file, ends in view.snapshot.certificates.items()
        ],
        "per_second": None if view.rates is None else _numbers(view.rates),
        "last_minute": {
            "requests": view.recent.requests,
            "server_errors": view.recent.errors,
            "failures": [
                {"upstream": upstream, "outcome": outcome, "count": times}
                for (upstream, outcome), times in sorted(view.recent.failures.items())
            ],
        },
        "since_start": _numbers(view.counts),
        "connections": load.connections,
        "tunnels": load.tunnels,
        "active_requests": load.active_requests,
        "workers": load.workers,
        "workers_serving": load.workers_serving,
        "upstreams": {
            upstream.name: [
                {"server": server.address, "healthy": server.is_healthy, "known": server.is_known}
                for server in upstream.servers
            ]
            for upstream in view.upstreams
        },
    }


def _numbers(counted: Counts | Rates) -> dict[str, float]:
    return {
        "requests": counted.requests,
        "preflights": counted.preflights,
        "refused_origins": counted.refused,
        "server_errors": counted.errors,
    }
