"""Who may ask: the checks that come before every handler.

The listener is made for operators on the same machine, whose browsers also show them foreign pages. A foreign page must
neither act here nor read anything, whether it calls this address (then `Origin` or `Sec-Fetch-Site` tells) or has had its
own name resolve to it (DNS rebinding: then `Host` tells). The token, if there is one, keeps out everybody else; the
probes `/healthz` and `/readyz` need none and say nothing worth keeping.
"""

import base64
import binascii
import hmac
import ipaddress
from dataclasses import dataclass

from aiohttp import HttpVersion11, hdrs, web

from cors_gateway.admin.responses import Handler, problem
from cors_gateway.admin.state import CONTROL
from cors_gateway.snapshot import Admin, TcpListener

OPEN_PATHS = frozenset({"/healthz", "/readyz"})
"""Answered without the token."""
PAGE = "/"

CHALLENGES = ('Bearer realm="cors-gateway admin"', 'Basic realm="cors-gateway admin", charset="UTF-8"')
"""Browsers know only the second: any user name, and the token as the password."""

OWN_SITE = frozenset({"same-origin", "none"})
"""Values of Sec-Fetch-Site for requests of the own page and of the user. Another port of this machine is `same-site`."""
LOCALHOST = "localhost"

_WILDCARDS = frozenset({"0.0.0.0", "::"})


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a request is not answered."""

    status: int
    title: str
    detail: str


@web.middleware
async def guard(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer only those who may ask."""
    admin = request.app[CONTROL].snapshot.admin
    if admin is None:
        return problem(503, "no admin listener", "the configuration has switched it off")
    refusal = find_refusal(request, admin)
    if refusal is None:
        return await handler(request)
    challenges = CHALLENGES if refusal.status == 401 else ()
    return problem(refusal.status, refusal.title, refusal.detail, challenges=challenges)


def find_refusal(request: web.Request, admin: Admin) -> Refusal | None:
    """The first check that fails: host, foreign page, token. None if the request may be answered."""
    hosts = request.headers.getall(hdrs.HOST, [])
    # Health checks in HTTP/1.0 have no Host; browsers, the only ones that can be led astray, always have.
    if len(hosts) != 1 and (hosts or request.version >= HttpVersion11):
        return Refusal(400, "bad request", "a request has one Host field")
    name = host_name(hosts[0]) if hosts else LOCALHOST
    if not is_known_host(name, admin):
        detail = f'"{name[:100]}" is no name of this listener; if it should be, add it to admin.hosts'
        return Refusal(403, "unknown host", detail)
    if is_foreign_page(request, own_host=hosts[0] if hosts else ""):
        return Refusal(403, "foreign page", "requests that come from pages of other origins are refused")
    if admin.token is not None and request.path not in OPEN_PATHS:
        credentials = request.headers.getall(hdrs.AUTHORIZATION, [])
        if len(credentials) != 1 or not has_token(credentials[0], admin.token):
            return Refusal(401, "token needed", "the bearer token is missing or wrong")
    return None


def host_name(host: str) -> str:
    """The name or address in a `Host` field, without port and brackets, in lower case."""
    name = host.strip().lower()
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name.partition(":")[0].removesuffix(".")


def is_known_host(name: str, admin: Admin) -> bool:
    """Whether a browser that sends this name cannot have been led here by a foreign name server.

    The own address, loopback and what `admin.hosts` lists are known. A listener on every address cannot know its own,
    but no address was ever looked up: there, all of them are.
    """
    if name == LOCALHOST or name in {host.strip("[]") for host in admin.hosts}:
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    if address.is_loopback or not isinstance(admin.listen, TcpListener):
        return address.is_loopback
    return admin.listen.host in _WILDCARDS or address == ipaddress.ip_address(admin.listen.host)


def is_foreign_page(request: web.Request, *, own_host: str) -> bool:
    """Whether a browser sends this for a page of another origin. Other sites may link to the page, and no more."""
    headers = request.headers
    own = {f"{scheme}://{own_host}".lower() for scheme in ("http", "https") if own_host}
    if not own.issuperset(headers.getall(hdrs.ORIGIN, [])):
        return True
    is_navigation = (
        (request.method, request.path) == ("GET", PAGE)
        and headers.get("Sec-Fetch-Mode") == "navigate"
        and headers.get("Sec-Fetch-Dest") == "document"
    )
    return not is_navigation and not OWN_SITE.issuperset(headers.getall("Sec-Fetch-Site", []))


def has_token(credentials: str, token: str) -> bool:
    """Whether an `Authorization` field has the token, as `Bearer` or as the password of `Basic`."""
    scheme, _, value = credentials.partition(" ")
    given = value.strip().encode("utf-8", "surrogateescape")
    if scheme.lower() == "basic":
        try:
            given = base64.b64decode(given, validate=True).partition(b":")[2]
        except binascii.Error:
            return False
    elif scheme.lower() != "bearer":
        return False
    return hmac.compare_digest(given, token.encode())
