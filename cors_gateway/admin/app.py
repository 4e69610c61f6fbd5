"""The operators' HTTP interface as an aiohttp application; never on the public port."""

from aiohttp import web

from cors_gateway.server.control import Control

CONTROL = web.AppKey("control", Control)


def create_app(control: Control) -> web.Application:
    """The application for one process."""
    app = web.Application()
    app[CONTROL] = control
    app.add_routes(
        [
            web.get("/healthz", _healthz),
            web.get("/readyz", _readyz),
            web.post("/reload", _reload),
        ]
    )
    return app


async def _healthz(request: web.Request) -> web.Response:
    """The process is alive. Says nothing about backends: restarting the gateway would not mend them."""
    return web.Response(text="ok\n")


async def _readyz(request: web.Request) -> web.Response:
    """New traffic is welcome."""
    control = request.app[CONTROL]
    status = 200 if control.is_ready else 503
    return web.Response(text=f"{control.phase}\n", status=status, headers={"Cache-Control": "no-store"})


async def _reload(request: web.Request) -> web.Response:
    result = await request.app[CONTROL].request_reload()
    return web.json_response(result.as_dict(), status=200 if result.ok else 409)
