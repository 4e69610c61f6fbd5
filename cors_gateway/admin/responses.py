"""Forms of answers that all handlers share: problem documents (RFC 9457), JSON, and the fields that protect a page.

Nothing here is cached anywhere, framed, sniffed or read by another origin.
"""

import json
import logging
from collections.abc import Awaitable, Callable, Sequence

from aiohttp import web

PROTECTION = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    # Not `no-referrer`, with which forms would send `Origin: null` (Fetch, "append a request `Origin` header").
    "Referrer-Policy": "same-origin",
    "Server": "cors-gateway",
    "X-Content-Type-Options": "nosniff",
}

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def problem(
    status: int, title: str, detail: str, *, challenges: Sequence[str] = (), allow: str = ""
) -> web.Response:
    """A problem document; `challenges` are values of `WWW-Authenticate`."""
    body = {"type": "about:blank", "title": title, "status": status, "detail": detail}
    response = json_answer(body, status=status, content_type="application/problem+json")
    for challenge in challenges:
        response.headers.add("WWW-Authenticate", challenge)
    if allow:
        response.headers["Allow"] = allow
    return response


def json_answer(body: object, *, status: int = 200, content_type: str = "application/json") -> web.Response:
    """Readable JSON, for programs and for people with curl."""
    text = json.dumps(body, indent=2, ensure_ascii=False) + "\n"
    return web.Response(body=text.encode(), status=status, content_type=content_type)


@web.middleware
async def protect(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Put the protecting fields on every answer, and make problem documents of all errors."""
    try:
        response = await handler(request)
    except web.HTTPException as error:
        detail = f"{request.method} {request.path} is not served here"
        response = problem(error.status, error.reason, detail, allow=error.headers.get("Allow", ""))
    except Exception:
        logging.getLogger(__name__).exception("%s %s failed", request.method, request.path)
        response = problem(500, "internal server error", "a mistake of the gateway; its log tells more")
    for name, value in PROTECTION.items():
        response.headers.setdefault(name, value)
    return response
