"""What of a configuration the gateway does not do, directive by directive.

Fixed answers, files, other protocols, limits, error pages and caches are looked for here; what is lost with one location
(guards, prefixes, headers) is known where its route is made.
"""

from collections.abc import Iterator

from cors_gateway.migrate.nginx.origins import STRANGER
from cors_gateway.migrate.nginx.parse import Directive, Place
from cors_gateway.migrate.nginx.placing import OTHER_HANDLERS
from cors_gateway.migrate.nginx.scope import PASSES, Scope, match_of
from cors_gateway.migrate.nginx.sites import all_scopes
from cors_gateway.migrate.nginx.study import Study
from cors_gateway.migrate.nginx.table import Table
from cors_gateway.migrate.outcome import Untranslated

_FILES = "the gateway serves no files"
_WHYS = {
    "root": _FILES,
    "alias": _FILES,
    "try_files": _FILES,
    "limit_req": "the gateway does not limit rates",
    "limit_conn": "the gateway does not limit connections of one client",
    "limit_rate": "the gateway does not slow downloads down",
    "error_page": "the backend's own error pages go out; those of the gateway are problem documents",
    "proxy_cache": "the gateway has no cache",
    "expires": "the gateway does not reckon expiry dates",
    "sub_filter": "the gateway does not change bodies",
    "mirror": "the gateway does not copy requests",
    "proxy_redirect": "the gateway rewrites redirects of the backend by its own rule (redirects: rewrite)",
    "proxy_cookie_domain": "write cookies: {domain: …} on the route",
    "proxy_cookie_path": "write cookies: {path: …} on the route",
    "proxy_cookie_flags": "write cookies: {same_site: …, secure: …} on the route",
}
_PROTOCOL = "the gateway speaks HTTP to backends"
_WHERE = ("server", "location", "if", "limit_except")
_HTTP_WIDE = ("root", "error_page", "proxy_cache", "limit_req", "limit_conn")
_LOST_PROXY = "the backend is chosen by a condition"


def leftovers_of(table: Table, done: set[Place]) -> Iterator[Untranslated]:
    """Everything in one server."""
    yield from table.names.notes
    answering = _answering(table.studies)
    for scope in all_scopes(table.server):
        if scope.kind not in _WHERE:
            continue
        for directive in scope.directive.block or ():
            why = _why(directive, scope, table, done, answering)
            if why:
                yield _note(directive, why)
    yield from _static_expressions(table)


def http_leftovers(http: Scope) -> Iterator[Untranslated]:
    """What stands above all servers."""
    for directive in http.own(*_HTTP_WIDE):
        if why := _WHYS.get(directive.name):
            yield _note(directive, why)


def _why(directive: Directive, scope: Scope, table: Table, done: set[Place], answering: set[Place]) -> str:
    name = directive.name
    if directive.place in done or (name == "error_page" and directive.place in answering):
        return ""
    if name in PASSES or name in OTHER_HANDLERS:
        return _PROTOCOL if name in PASSES else "nginx answers this itself; the gateway has no such answer"
    if name in ("proxy_cache", "expires", "mirror") and directive.args[:1] == ("off",):
        return ""
    if name == "expires" and scope.handler() is None:
        return ""
    if name == "proxy_redirect" and directive.args[:1] in (("off",), ("default",)):
        return ""
    if name in _WHYS:
        return _WHYS[name]
    if name == "return":
        return "" if directive.place in answering else _fixed(directive)
    if name == "rewrite":
        return _rewrite(directive, scope)
    if name == "proxy_pass" and scope.kind == "if":
        return _LOST_PROXY
    return ""


def _fixed(directive: Directive) -> str:
    status = directive.args[0] if directive.args else ""
    if status.startswith("3") or not status.isdecimal():
        return "this redirect cannot be made by a route"
    if status == "404":
        return "the gateway has no fixed answers; a path without a route is 404 anyway"
    return "the gateway has no fixed answers"


def _rewrite(directive: Directive, scope: Scope) -> str:
    flag = directive.args[-1] if directive.args else ""
    is_redirect = flag in ("redirect", "permanent") or (
        len(directive.args) > 1 and "://" in directive.args[1]
    )
    if is_redirect:
        return "this redirect cannot be made by a route"
    if len(directive.args) > 1 and directive.args[1] == "-":
        return ""
    return "paths are not rewritten by expressions; a route can replace its prefix"


def _answering(studies: tuple[Study, ...]) -> set[Place]:
    """The returns that answer preflights or refuse strangers: policies do that."""
    found: set[Place] = set()
    for study in studies:
        for origin in ("", *study.origins[1:]):
            asked = (study.observe("OPTIONS", origin), study.preflight(origin or STRANGER))
            # A branch behind a break is never reached, and answers preflights all the same.
            runs = [*(seen.run for seen in asked), *(study.without_breaks(seen) for seen in asked)]
            for run in runs:
                if run.returned is None or run.guard is None or (run.status or 0) >= 400:
                    continue
                if study.observe("GET", origin).run.returned is not run.returned:
                    found |= {run.returned.place, *(one.place for one in run.moved if one.name != "rewrite")}
        if study.refuses_strangers:
            found |= {
                seen.run.returned.place
                for seen in study.everything(STRANGER)
                if seen.is_refused and seen.run.returned is not None
            }
    return found


def _static_expressions(table: Table) -> Iterator[Untranslated]:
    """Locations by expression with nothing to show for it but files."""
    for study in table.studies:
        location = study.location
        own = location.own(
            "root", "alias", "try_files", "proxy_pass", "return", "deny", "internal", *PASSES, *OTHER_HANDLERS
        )
        is_expression = match_of(location).kind in ("~", "~*")
        if is_expression and location.directive not in table.unplaced and not own:
            yield _note(location.directive, "the gateway serves no files")


def _note(directive: Directive, why: str) -> Untranslated:
    return Untranslated(directive.name, directive.place.file, directive.place.line, why)
