"""Rules for the keys of one route that say what happens to its requests: where they go, and what is changed on the way.

Which requests it gets (host, path, methods, extensions) is in `route_rules.py`, header fields are in `field_edits.py`.
Paths of findings start at the route.
"""

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Literal

from cors_gateway.config.lint.field_edits import lint_fields
from cors_gateway.config.lint.finding import Finding
from cors_gateway.config.lint.public_suffix import is_public_suffix
from cors_gateway.config.lint.written_path import path_problem
from cors_gateway.config.models.route import RouteSection
from cors_gateway.config.syntax.endpoints import EndpointFault, is_host, parse_server
from cors_gateway.policy.quoting import shown

DESTINATIONS = ("upstream", "redirect", "refuse")
"""Of which a route has one."""
REDIRECTS = (301, 302, 303, 307, 308)

_INCOMPLETE = {
    401: "has to say how to log in",
    405: "has to name the methods that are allowed",
    407: "is for proxies that ask for a login",
    408: "is about a slow request",
    426: "has to name a protocol",
}
"""Refusals that mean nothing without a field of their own, and why."""
_FORWARDING_KEYS = ("strip_prefix", "replace_prefix", "request_headers", "cookies", "limits")
"""Keys about what the backend gets, or what came from it."""
_KNOWN = frozenset(map(int, HTTPStatus))
_KEEP, _REMOVE = "keep", "remove"
_ABSOLUTE = re.compile(
    r"(https?://(?:\[[^\]]*\]|[^/?#@\[\]:]*)(?::[0-9]*)?)(/.*)?", re.IGNORECASE | re.DOTALL
)
_COOKIE_PATH = re.compile(r"/[\x20-\x3a\x3c-\x7e]*")


def lint_route(route: RouteSection) -> list[Finding]:
    """Apply every rule to one route."""
    return [finding for rule in RULES for finding in rule(route)]


def destination(route: RouteSection) -> Iterator[Finding]:
    """A route forwards, redirects or refuses."""
    present = [key for key in DESTINATIONS if getattr(route, key) is not None]
    for key in present[1:]:
        what = f"a route with {present[0]} cannot have {key} as well"
        yield Finding("error", "schema.conflict", what, f"remove {present[0]} or {key}", (key,))
    if not present:
        hint = "name an upstream or write the URL of a server, or answer here with redirect or refuse"
        yield Finding("error", "schema.missing", '"upstream" is missing', hint, ("upstream",))


def without_effect(route: RouteSection) -> Iterator[Finding]:
    """What a route answers itself has no backend; a redirect may still replace a prefix."""
    key = "refuse" if route.refuse is not None else "redirect" if route.redirect is not None else None
    if key is None or route.upstream is not None:
        return
    if route.cors == "passthrough":
        what = f"cors: passthrough leaves CORS to a backend, and a route with {key} has none"
        yield Finding("error", "schema.conflict", what, "name a policy, or write disabled", ("cors",))
    for idle in _FORWARDING_KEYS:
        if idle in route.model_fields_set and not (key == "redirect" and idle.endswith("_prefix")):
            what = f"{idle} has no effect: nothing is forwarded on a route with {key}"
            yield Finding("error", "schema.conflict", what, "remove it", (idle,))


def redirect(route: RouteSection) -> Iterator[Finding]:
    """The place is the beginning of a URL: the path of the request is added to it."""
    if route.redirect is None:
        return
    status, to = route.redirect.status, route.redirect.to
    if status not in REDIRECTS:
        what = f"{status} is no redirect"
        yield Finding(
            "error", "redirect.status", what, "write 301, 302, 303, 307 or 308", ("redirect", "status")
        )
    problem = _redirect_problem(to)
    if problem is not None:
        yield Finding("error", "redirect.to", f"{shown(to)} {problem[0]}", problem[1], ("redirect", "to"))


def refuse(route: RouteSection) -> Iterator[Finding]:
    """An error that is complete with its status."""
    status = route.refuse
    if status is None:
        return
    if not 400 <= status <= 599:
        yield Finding("error", "refuse.status", f"{status} is no error", "write 403 or 404", ("refuse",))
    elif status in _INCOMPLETE:
        what = f"an answer with {status} {_INCOMPLETE[status]}"
        yield Finding("error", "refuse.status", what, "write 403 or 404", ("refuse",))
    elif status not in _KNOWN:
        what = f"{status} is not a status that clients know"
        yield Finding("error", "refuse.status", what, "write 403 or 404", ("refuse",))


def replacement(route: RouteSection) -> Iterator[Finding]:
    """A path to put in place of the route's own, as `path` is written."""
    new = route.replace_prefix
    if new is None:
        return
    if route.strip_prefix:
        what = "strip_prefix is the same as replace_prefix: /"
        yield Finding("error", "schema.conflict", what, "remove one of the two", ("strip_prefix",))
    problem = path_problem(new)
    if problem is not None:
        yield Finding(
            "error", "routes.replace_prefix", f"{shown(new)} {problem[0]}", problem[1], ("replace_prefix",)
        )
    elif new.rstrip("/") == route.path.rstrip("/"):
        what = "the path would be replaced by itself"
        yield Finding("warning", "schema.conflict", what, "remove it", ("replace_prefix",))


def cookies(route: RouteSection) -> Iterator[Finding]:
    """Attributes that browsers accept (RFC 6265bis, section 5.7)."""
    edits = route.cookies
    if edits.same_site == "none" and edits.secure is not True:
        severity: Literal["error", "warning"] = "warning" if edits.secure is None else "error"
        what = "browsers drop a cookie with SameSite=None that is not Secure"
        yield Finding(
            severity, "cookies.same_site", what, "write secure: true as well", ("cookies", "same_site")
        )
    domain = edits.domain.removeprefix(".")
    if edits.domain in (_KEEP, _REMOVE):
        pass
    elif not is_host(domain) or domain.startswith("["):
        what, hint = (
            f"{shown(edits.domain)} is not a host name",
            "write keep, remove, or a name such as example.com",
        )
        yield Finding("error", "cookies.domain", what, hint, ("cookies", "domain"))
    elif is_public_suffix(domain):
        what = f"browsers refuse a cookie for {shown(edits.domain)}: anyone can register a name under it"
        yield Finding(
            "error", "cookies.domain", what, "write a name of your own, or remove", ("cookies", "domain")
        )
    if edits.path not in (_KEEP, _REMOVE) and not _COOKIE_PATH.fullmatch(edits.path):
        what, hint = (
            f"{shown(edits.path)} is not the path of a cookie",
            "write keep, remove, or a path such as /api",
        )
        yield Finding("error", "cookies.path", what, hint, ("cookies", "path"))


def fields(route: RouteSection) -> Iterator[Finding]:
    """The header fields of both directions."""
    yield from lint_fields("request_headers", route.request_headers)
    yield from lint_fields("response_headers", route.response_headers)


RULES = (destination, without_effect, redirect, refuse, replacement, cookies, fields)


def _redirect_problem(to: str) -> tuple[str, str] | None:
    if "$" in to:
        what = "goes out as it stands: there are no variables"
        return what, "path and query of the request are added: leave it out"
    for char, what in (("?", "has a query; that of the request is added"), ("#", "has a fragment")):
        if char in to:
            return what, f"write {shown(to.partition(char)[0])}"
    parts = _ABSOLUTE.fullmatch(to)
    if parts is None:
        if to.startswith("/") and not to.startswith("//"):
            return path_problem(to)
        return "is neither a URL nor a path", 'write "https://www.example.com", or a path such as /new/'
    server = parse_server(parts[1])
    if isinstance(server, EndpointFault):
        return "is not a URL to send a browser to", server.hint or "write https://www.example.com"
    return path_problem(parts[2]) if parts[2] else None
