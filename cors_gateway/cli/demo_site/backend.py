"""The sample backend: a little shop whose CORS is wrong on purpose.

Each handler makes one mistake that is common in the wild; its docstring names it. Nothing here is an example to follow.
"""

import asyncio
import contextlib
from dataclasses import asdict

from aiohttp import web
from aiohttp.typedefs import Handler

from cors_gateway.cli.demo_site.journal import Journal, Record

SLOW_SECONDS = 2.5
"""How long `/api/slow` takes; longer than the gateway waits for it (see `gateway.yaml`)."""

UPDATE_SECONDS = 1.0
"""Between two events of `/api/updates`."""

JOURNAL = web.AppKey("journal", Journal)
RECORD = web.RequestKey("record", Record)

PRODUCTS = [{"id": 7, "name": "Espresso cup", "price": 14}, {"id": 8, "name": "Moka pot", "price": 39}]
PICTURE = '<svg xmlns="http://www.w3.org/2000/svg"><circle r="9"/></svg>'


def backend_app() -> web.Application:
    """Build the application; its journal is read at `/_journal/<call>`."""
    app = web.Application(middlewares=[_keep_journal])
    app[JOURNAL] = Journal()
    app.on_response_prepare.append(_note_answer)
    app.add_routes(
        [
            web.get("/api/products", _products),
            web.put("/api/products/{id}", _change_product),
            web.delete("/api/products/{id}", _delete_product),
            web.get("/api/visits", _visits),
            web.get("/api/orders", _orders),
            web.get("/api/picture", _picture),
            web.get("/api/account", _account),
            web.get("/api/broken", _broken),
            web.get("/api/slow", _slow),
            web.get("/api/updates", _updates),
            web.options("/{path:.*}", _refuse_options),
            web.get("/_journal/{call}", _journal),
            web.get("/healthz", _healthy),
        ]
    )
    return app


async def _products(_: web.Request) -> web.Response:
    """Mistake: the framework and the reverse proxy each add the header, so it is there twice."""
    response = web.json_response(PRODUCTS)
    response.headers.add("Access-Control-Allow-Origin", "*")
    response.headers.add("Access-Control-Allow-Origin", "*")
    return response


async def _change_product(request: web.Request) -> web.Response:
    """Mistake: the answer would be readable, but nobody answers the preflight before it."""
    return web.json_response(
        {"id": request.match_info["id"], "saved": await request.json()},
        headers={"Access-Control-Allow-Origin": "*"},
    )


async def _delete_product(request: web.Request) -> web.Response:
    """Mistake: allows anybody, whoever they are and whatever they do."""
    return web.json_response(
        {"id": request.match_info["id"], "deleted": True}, headers={"Access-Control-Allow-Origin": "*"}
    )


async def _visits(request: web.Request) -> web.Response:
    """Mistake: `*` together with credentials, which no browser accepts."""
    before = request.cookies.get("visits", "")
    visits = int(before) + 1 if before.isascii() and before.isdigit() and len(before) < 6 else 1
    response = web.json_response(
        {"visits": visits, "cookie_received": bool(before)},
        headers={"Access-Control-Allow-Origin": "*", "Access-Control-Allow-Credentials": "true"},
    )
    response.set_cookie("visits", str(visits), path="/api", httponly=True, samesite="Lax")
    return response


async def _orders(request: web.Request) -> web.Response:
    """Mistake: two useful headers, and neither is exposed."""
    return web.json_response(
        [{"order": 1042, "total": 53}],
        headers={"X-Total-Count": "128", "X-Internal-Node": "shop-3.internal", **_reflected(request)},
    )


async def _picture(request: web.Request) -> web.Response:
    """Mistake: the answer depends on Origin and may be cached, but says so nowhere (no Vary)."""
    headers = {"Cache-Control": "max-age=60", **_reflected(request)}
    return web.Response(text=PICTURE, content_type="image/svg+xml", headers=headers)


async def _account(request: web.Request) -> web.Response:
    """Mistake: whoever asks is told that they are allowed, cookies included."""
    headers = _reflected(request)
    if headers:
        headers["Access-Control-Allow-Credentials"] = "true"
    return web.json_response({"owner": "Ada", "iban": "GB33 BUKB 2020 1555 5555 55"}, headers=headers)


async def _broken(_: web.Request) -> web.Response:
    """Mistake: errors leave through another door than the one that adds the headers."""
    return web.json_response({"error": "out of coffee", "ticket": "SHOP-1042"}, status=500)


async def _slow(_: web.Request) -> web.Response:
    """Mistake: takes its time, and then forgets the headers."""
    await asyncio.sleep(SLOW_SECONDS)
    return web.json_response({"late": True})


async def _updates(request: web.Request) -> web.StreamResponse:
    """Mistake: a stream is begun by hand, past what adds the headers."""
    response = web.StreamResponse(headers={"Content-Type": "text/event-stream", "Cache-Control": "no-store"})
    await response.prepare(request)
    with contextlib.suppress(ConnectionError):  # the reader has left
        while True:
            await response.write(b'data: {"id": 7, "left": 12}\n\n')
            await asyncio.sleep(UPDATE_SECONDS)
    return response


async def _refuse_options(_: web.Request) -> web.Response:
    """Mistake: a preflight is taken for a request to an endpoint that does not exist."""
    return web.json_response(
        {"error": "method not allowed"}, status=405, headers={"Allow": "GET, PUT, DELETE"}
    )


async def _journal(request: web.Request) -> web.Response:
    records = request.app[JOURNAL].records(request.match_info["call"])
    return web.json_response([asdict(record) for record in records])


async def _healthy(_: web.Request) -> web.Response:
    return web.Response(text="ok\n")


def _reflected(request: web.Request) -> dict[str, str]:
    origin = request.headers.get("Origin")
    return {} if origin is None else {"Access-Control-Allow-Origin": origin}


@web.middleware
async def _keep_journal(request: web.Request, handler: Handler) -> web.StreamResponse:
    request[RECORD] = request.app[JOURNAL].arrived(request)
    return await handler(request)


async def _note_answer(request: web.Request, response: web.StreamResponse) -> None:
    record = request.get(RECORD)
    if record is not None:
        record.status = response.status
        record.answer = list(response.headers.items())
