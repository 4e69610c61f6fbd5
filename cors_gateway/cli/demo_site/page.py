"""The demo's own web pages: the stage, and the uninvited second page.

Serves static files, the addresses (`/site.json`) and the explanations (`POST /why`). Nothing here takes part in the
calls that the page makes: those go to the gateway and the backend, which are other origins.
"""

import ipaddress
import json
from collections.abc import AsyncIterator, Mapping
from dataclasses import asdict
from html import escape
from pathlib import Path
from urllib.parse import urlsplit

from aiohttp import ClientError, ClientSession, ClientTimeout, web
from aiohttp.typedefs import Handler

from cors_gateway.cli.demo_site.journal import Record
from cors_gateway.cli.demo_site.site import Site
from cors_gateway.cli.demo_site.story import Seen
from cors_gateway.cli.demo_site.why import Engine
from cors_gateway.policy.browser import Call
from cors_gateway.snapshot import Snapshot

STATIC = Path(__file__).parent / "static"
PAGE_FILES = (
    "demo.css",
    "call.js",
    "crowd.js",
    "diagram.js",
    "icon.svg",
    "main.js",
    "scenarios.js",
    "view.js",
)
STRANGER_FILES = ("stranger.css", "stranger.js", "call.js")
MAX_DESCRIPTION = 16 * 1024

SITE = web.AppKey("site", Site)
ENGINE = web.AppKey("engine", Engine)
JOURNAL_ADDRESS = web.AppKey("journal_address", str)
SESSION = web.AppKey("session", ClientSession)
YAML = web.AppKey("yaml", str)

ELSEWHERE = """\
<!doctype html>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>cors-gateway demo</title>
<p>The demo is at <a href="{page}">{page}</a>, for a browser on the machine where it runs. Its policy allows that origin
and no other, so under this address the page could read nothing.</p>
"""


def page_app(site: Site, snapshot: Snapshot, backend: str, configuration: str) -> web.Application:
    """Build the page's application.

    `backend` is where this process reaches the backend, to ask what arrived there; `configuration` is what the gateway
    goes by, to be shown.
    """
    app = web.Application(client_max_size=MAX_DESCRIPTION)
    app[SITE] = site
    app[ENGINE] = Engine(snapshot, urlsplit(site.gateway).netloc)
    app[YAML] = configuration
    app[JOURNAL_ADDRESS] = f"{backend}/_journal/"
    app.cleanup_ctx.append(_session)
    app.add_routes(
        [
            web.get("/site.json", _site),
            web.get("/gateway.yaml", _yaml),
            web.post("/why", _why),
            web.get("/healthz", _healthy),
        ]
    )
    calls = f"{site.gateway} {site.backend} {site.nobody}"
    policy = f"connect-src 'self' {calls}; frame-src {site.stranger}; frame-ancestors 'none'"
    _serve_files(app, "index.html", PAGE_FILES, policy)
    app.middlewares.append(_lead_to_the_page)
    return app


def stranger_app(site: Site) -> web.Application:
    """Build the application of the origin that no policy knows; its page is shown inside the first one."""
    app = web.Application()
    policy = f"connect-src {site.gateway} {site.backend}; frame-ancestors {site.page}"
    _serve_files(app, "stranger.html", STRANGER_FILES, policy)
    return app


def _serve_files(app: web.Application, index: str, files: tuple[str, ...], policy: str) -> None:
    headers = {
        "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
        f"base-uri 'none'; form-action 'none'; {policy}",
        "X-Content-Type-Options": "nosniff",
        "Referrer-Policy": "no-referrer",
        "Cache-Control": "no-cache",
    }

    def file_handler(path: Path) -> Handler:
        async def serve(_: web.Request) -> web.FileResponse:
            return web.FileResponse(path, headers=headers)

        return serve

    app.router.add_get("/", file_handler(STATIC / index))
    for name in files:
        app.router.add_get(f"/{name}", file_handler(STATIC / name))


@web.middleware
async def _lead_to_the_page(request: web.Request, handler: Handler) -> web.StreamResponse:
    """`localhost` and `127.0.0.1` are two origins, of which the policy knows one: under the other name lead there."""
    page = request.app[SITE].page
    if request.path != "/" or request.host == urlsplit(page).netloc:
        return await handler(request)
    # Whoever calls from another machine cannot be led to a name of this one.
    if _is_loopback(urlsplit(f"//{request.host}").hostname or "") and _is_loopback(
        urlsplit(page).hostname or ""
    ):
        return web.Response(status=307, headers={"Location": f"{page}/", "Cache-Control": "no-store"})
    return web.Response(status=421, text=ELSEWHERE.format(page=escape(page)), content_type="text/html")


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


async def _yaml(request: web.Request) -> web.Response:
    return web.Response(text=request.app[YAML], headers={"Cache-Control": "no-store"})


async def _site(request: web.Request) -> web.Response:
    return web.json_response(request.app[SITE].as_dict(), headers={"Cache-Control": "no-store"})


async def _why(request: web.Request) -> web.Response:
    # A page of another origin cannot send this type without a preflight, and no preflight is answered here.
    if request.content_type != "application/json":
        raise web.HTTPUnsupportedMediaType
    try:
        description = await request.json()
        seen = _described(description)
        records = await _records(request.app, description["id"])
        story = request.app[ENGINE].explain(seen, records)
    except (KeyError, TypeError, ValueError, LookupError) as error:
        raise web.HTTPBadRequest(text=f"cannot explain this: {error}\n") from error
    except (ClientError, TimeoutError) as error:
        raise web.HTTPBadGateway(text=f"the backend's journal cannot be read: {error}\n") from error
    return web.json_response(asdict(story), headers={"Cache-Control": "no-store"})


async def _healthy(_: web.Request) -> web.Response:
    return web.Response(text="ok\n")


def _described(description: Mapping[str, object]) -> Seen:
    headers = description["headers"]
    status = description["status"]
    calls = description["calls"]
    if (
        not isinstance(headers, dict)
        or not isinstance(calls, int)
        or not (status is None or isinstance(status, int))
    ):
        raise TypeError("headers is an object, calls a number, status a number or null")
    return Seen(
        call=Call(
            origin=str(description["origin"]),
            method=str(description["method"]),
            path=str(description["path"]),
            headers=tuple((str(name), str(value)) for name, value in headers.items()),
            credentials=description["credentials"] is True,
        ),
        via_gateway=description["via"] == "gateway",
        calls=calls,
        status=status,
    )


async def _records(app: web.Application, call: object) -> list[Record]:
    if not isinstance(call, str) or not call.isalnum():
        raise ValueError("id is letters and digits")
    async with app[SESSION].get(app[JOURNAL_ADDRESS] + call) as response:
        answer = json.loads(await response.read())
    return [
        Record(
            method=record["method"],
            path=record["path"],
            request=[(name, value) for name, value in record["request"]],
            status=record["status"],
            answer=[(name, value) for name, value in record["answer"]],
        )
        for record in answer
    ]


async def _session(app: web.Application) -> AsyncIterator[None]:
    async with ClientSession(timeout=ClientTimeout(total=5)) as session:
        app[SESSION] = session
        yield
