"""Liveness, readiness, and the one thing that can be done here: to reload."""

from aiohttp import hdrs, web

from cors_gateway.admin.responses import json_answer
from cors_gateway.admin.state import CONTROL
from cors_gateway.server.lifecycle import Phase


async def healthz(request: web.Request) -> web.Response:
    """`GET /healthz`: the event loop runs. Says nothing about backends: restarting the gateway would not mend them."""
    return web.Response(text="ok\n")


async def readyz(request: web.Request) -> web.Response:
    """`GET /readyz`: 200 while new traffic is welcome, 503 while starting, draining, or without a worker that answers.

    The body names the phase.
    """
    control = request.app[CONTROL]
    if control.is_ready:
        return web.Response(text=f"{control.phase}\n")
    why = f"{control.phase}\n" if control.phase != Phase.READY else "no worker serves\n"
    return web.Response(text=why, status=503)


async def reload(request: web.Request) -> web.Response:
    """`POST /reload`: read the configuration again; 200 if it is what is served now, else 409 and why.

    A browser without scripts is sent back to the page, which shows the outcome.
    """
    result = await request.app[CONTROL].request_reload()
    if "text/html" in request.headers.get(hdrs.ACCEPT, ""):
        return web.Response(status=303, headers={hdrs.LOCATION: "/#configuration"})
    return json_answer(result.as_dict(), status=200 if result.ok else 409)
