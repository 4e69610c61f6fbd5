"""The files that the page is made of, besides its HTML: read once, served from memory."""

from importlib import resources

from aiohttp import web

TYPES = {
    "admin.css": "text/css",
    "admin.js": "text/javascript",
    "live.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}

_DIRECTORY = resources.files("cors_gateway.admin.page") / "static"
_CONTENT = {name: (_DIRECTORY / name).read_bytes() for name in TYPES}


async def asset(request: web.Request) -> web.Response:
    """`GET /static/<name>`."""
    name = request.match_info["name"]
    if name not in TYPES:
        raise web.HTTPNotFound
    return web.Response(body=_CONTENT[name], content_type=TYPES[name], charset="utf-8")
