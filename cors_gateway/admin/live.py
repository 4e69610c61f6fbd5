"""Requests as they happen, as server-sent events, and diagnosis for single origins.

What a reader gets is bounded (`server/subscriptions.py`), and nothing is kept while there is none.
"""

import json
import time

from aiohttp import hdrs, web

from cors_gateway.admin.responses import PROTECTION, json_answer, problem
from cors_gateway.admin.state import CONTROL
from cors_gateway.config.syntax.units import UnitFault, parse_duration
from cors_gateway.observe.feed import Interest, Seen
from cors_gateway.policy.origin import parse_origin
from cors_gateway.server.diagnoses import DiagnosisError
from cors_gateway.server.subscriptions import TooManySubscriptionsError

TICK_SECONDS = 1.0
"""So often it is found out whether the reader is still there."""
KEEP_ALIVE_TICKS = 10
"""After so many ticks without news a comment is sent, for what may stand between and close silent connections."""


async def watch(request: web.Request) -> web.StreamResponse:
    """`GET /watch?origin=…&route=…`: the lines of a JSON access log, of CORS decisions and failures, as they happen.

    Events: `watching` once, with what is watched; unnamed ones, each a line; `lost`, with the number of lines that this
    reader was too slow for.
    """
    subscriptions = request.app[CONTROL].subscriptions
    interest = Interest(request.query.get("origin", "").strip(), request.query.get("route", "").strip())
    routes = {route.name for route in request.app[CONTROL].snapshot.routes}
    if interest.route and interest.route not in routes:
        return problem(404, "no such route", f'no route is called "{interest.route[:100]}"')
    try:
        subscription = await subscriptions.open(interest)
    except TooManySubscriptionsError as error:
        return problem(503, "too many watch", f"{error}; try again when one of them has ended")
    response = web.StreamResponse(headers={**PROTECTION, "Content-Type": "text/event-stream"})
    try:
        await response.prepare(request)
        about = json.dumps({"origin": interest.origin, "route": interest.route})
        await response.write(f"event: watching\ndata: {about}\n\n".encode())
        silent = 0
        while subscription.is_open and _is_there(request):
            seen = await subscription.take(within=TICK_SECONDS)
            silent = 0 if seen.lines else silent + 1
            if seen.lines or seen.lost:
                await response.write(_events(seen))
            elif silent % KEEP_ALIVE_TICKS == 0:
                await response.write(b": still watching\n\n")
    except ConnectionError:
        pass  # the reader has gone
    finally:
        await subscriptions.close(subscription)
    return response


async def diagnoses(request: web.Request) -> web.Response:
    """`GET /diagnoses`: whose refused preflights are answered with what is allowed, and until when."""
    return json_answer({"diagnoses": _current(request)})


async def diagnose(request: web.Request) -> web.Response:
    """`POST /diagnoses` with the fields `origin` and `for` (a duration; `0s` ends it): begin or end a diagnosis.

    A browser without scripts is sent back to the page.
    """
    fields = await request.post()
    origin, text = str(fields.get("origin", "")).strip(), str(fields.get("for", "10m")).strip()
    parsed = parse_origin(origin.encode("ascii", "replace"))
    if parsed is None:
        hint = "write it as the browser does: https://app.example.com, without a path"
        return problem(400, "no origin", f'"{origin[:100]}" is not an origin; {hint}')
    seconds = parse_duration(text)
    if isinstance(seconds, UnitFault):
        return problem(400, "no duration", f'for: "{text[:100]}" is {seconds.message}; {seconds.hint}')
    running = request.app[CONTROL].diagnoses
    try:
        if seconds == 0:
            await running.end(origin)
        else:
            await running.begin(origin, seconds)
    except DiagnosisError as error:
        return problem(409, "no diagnosis", str(error))
    if "text/html" in request.headers.get(hdrs.ACCEPT, ""):
        return web.Response(status=303, headers={hdrs.LOCATION: "/#live"})
    return json_answer({"diagnoses": _current(request)})


def _current(request: web.Request) -> list[dict[str, object]]:
    now = time.time()
    return [
        {"origin": origin, "ends": ends, "seconds_left": max(0, round(ends - now))}
        for origin, ends in sorted(request.app[CONTROL].diagnoses.ends.items())
    ]


def _events(seen: Seen) -> bytes:
    lost = f"event: lost\ndata: {seen.lost}\n\n" if seen.lost else ""
    return (lost + "".join(f"data: {line}\n\n" for line in seen.lines)).encode("ascii")


def _is_there(request: web.Request) -> bool:
    transport = request.transport
    return transport is not None and not transport.is_closing()
