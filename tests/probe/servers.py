"""Small servers as people write them: one that is right, and one for each mistake.

A server is a function from a request to status and fields. All know the one front end, with cookies.
"""

import contextlib
import ssl
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import NamedTuple

from aiohttp import web
from aiohttp.test_utils import TestServer

APP = "https://app.example.com"
ADMIN = "https://admin.example.com"
PATH = "/api/items"

Request = web.Request
Fields = list[tuple[str, str]]


class Reply(NamedTuple):
    status: int
    fields: Fields


Server = Callable[[web.Request], Reply]


def origin_of(request: web.Request) -> str | None:
    return request.headers.get("Origin")


def is_preflight(request: web.Request) -> bool:
    return request.method == "OPTIONS" and "Access-Control-Request-Method" in request.headers


def grant(origin: str) -> Fields:
    return [("Access-Control-Allow-Origin", origin), ("Access-Control-Allow-Credentials", "true")]


def preflight_lists() -> Fields:
    return [
        ("Access-Control-Allow-Methods", "GET, PUT"),
        ("Access-Control-Allow-Headers", "content-type, x-csrf-token"),
        ("Access-Control-Max-Age", "600"),
    ]


def status_of(request: web.Request) -> int:
    return 204 if is_preflight(request) else 200 if request.path == PATH else 404


def admitting(admits: Callable[[str], bool]) -> Server:
    """Right but for the comparison."""

    def serve(request: web.Request) -> Reply:
        origin = origin_of(request)
        fields = [("Vary", "Origin")]
        if origin is not None and admits(origin):
            fields += grant(origin)
            if is_preflight(request):
                fields += preflight_lists()
        return Reply(status_of(request), fields)

    return serve


right = admitting(lambda origin: origin in (APP, ADMIN))
"""Written with care: exact origins, Vary on everything, errors included."""


def public(request: web.Request) -> Reply:
    """Everybody may read, without cookies, by a constant."""
    star = [("Access-Control-Allow-Origin", "*")]
    return Reply(status_of(request), star + (preflight_lists() if is_preflight(request) else []))


def constant(request: web.Request) -> Reply:
    """One front end, always named: nothing depends on who asks."""
    return Reply(status_of(request), grant(APP) + (preflight_lists() if is_preflight(request) else []))


def changed(change: Callable[[web.Request, Reply], Reply]) -> Server:
    """The right server with a mistake on top."""
    return lambda request: change(request, right(request))


def with_field(name: str, value: str) -> Server:
    """One field of every grant with another value."""

    def change(_: web.Request, reply: Reply) -> Reply:
        return Reply(reply.status, [(each, value if each == name else old) for each, old in reply.fields])

    return changed(change)


def adding(*fields: tuple[str, str]) -> Server:
    """Another place that writes CORS headers as well."""

    def change(_: web.Request, reply: Reply) -> Reply:
        is_granted = any(name == "Access-Control-Allow-Origin" for name, _ in reply.fields)
        return Reply(reply.status, reply.fields + (list(fields) if is_granted else []))

    return changed(change)


def without(name: str) -> Server:
    return changed(lambda _, reply: Reply(reply.status, [each for each in reply.fields if each[0] != name]))


def preflights(status: int, *fields: tuple[str, str]) -> Server:
    """Something in front that answers preflights like any request."""
    return changed(lambda request, reply: Reply(status, list(fields)) if is_preflight(request) else reply)


def bare_errors(request: web.Request) -> Reply:
    """As nginx without `always`."""
    reply = right(request)
    return reply if reply.status < 400 else Reply(reply.status, [])


def login_redirect(request: web.Request) -> Reply:
    """As a login proxy that lets preflights through and knows CORS, but no scripts."""
    reply = right(request)
    is_script = request.method == "GET" and origin_of(request) is not None
    return Reply(302, [*reply.fields, ("Location", "https://login.example.com/")]) if is_script else reply


def origin_stripped(request: web.Request) -> Reply:
    """A hop in front that keeps Origin for itself: the server sees requests of nobody."""
    return Reply(200, [("Vary", "Origin")])


class CacheWithoutVary:
    """A cache in front of the right server: the first answer to a GET of an address is everybody's."""

    def __init__(self) -> None:
        self._kept: dict[str, Reply] = {}

    def __call__(self, request: web.Request) -> Reply:
        if request.method != "GET":
            return right(request)
        return self._kept.setdefault(request.path_qs, right(request))


@dataclass(frozen=True)
class Running:
    url: str
    requests: list[str]
    """`METHOD path` of all that came, and every field that could hold a secret."""


@contextlib.asynccontextmanager
async def running(server: Server, *, tls: ssl.SSLContext | None = None) -> AsyncIterator[Running]:
    """Serve under an address of its own."""
    requests: list[str] = []

    async def answer(request: web.Request) -> web.Response:
        secrets = [
            name for name in ("Cookie", "Authorization", "Proxy-Authorization") if name in request.headers
        ]
        requests.append(" ".join((request.method, request.path_qs, *secrets)))
        status, fields = server(request)
        response = web.Response(status=status)
        for name, value in fields:
            response.headers.add(name, value)
        return response

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    test_server = TestServer(app, scheme="http" if tls is None else "https", host="127.0.0.1")
    await test_server.start_server(ssl=tls)
    try:
        yield Running(str(test_server.make_url("")).rstrip("/"), requests)
    finally:
        await test_server.close()
