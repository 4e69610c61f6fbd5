"""From nginx files to an outcome: every server read, every location studied, one table of routes."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from cors_gateway.migrate.naming import Namer
from cors_gateway.migrate.nginx.branch_defects import branch_defects, lost_headers
from cors_gateway.migrate.nginx.defect import Defect
from cors_gateway.migrate.nginx.evaluate import Evaluator, maps_of
from cors_gateway.migrate.nginx.header_defects import header_defects
from cors_gateway.migrate.nginx.leftovers import http_leftovers, leftovers_of
from cors_gateway.migrate.nginx.origin_defects import origin_defects, private_network
from cors_gateway.migrate.nginx.parse import Parsed, parse_files
from cors_gateway.migrate.nginx.scope import Scope, server_scopes
from cors_gateway.migrate.nginx.sentences import finding_of
from cors_gateway.migrate.nginx.sites import (
    Names,
    is_local,
    listeners_of,
    names_of,
    port_of,
    trusted_proxies_of,
)
from cors_gateway.migrate.nginx.table import Table, routes_of, table_of
from cors_gateway.migrate.outcome import Finding, Listener, Outcome, Route, Settings, Untranslated

_NO_ROOM = "its redirects hold on a port where nothing else is served; keep them there"
_LOCAL = "it listens on this machine only; through the gateway everybody would reach it"
_PORT = "the same name and path is served on another port already"


def import_nginx(paths: Sequence[Path]) -> Outcome:
    """Read the files and translate them.

    Raises NginxSyntaxFault, CrossplaneMissingFault (`parse.py`).
    """
    return translate(parse_files(paths))


def translate(parsed: Parsed) -> Outcome:
    """What becomes of directives, wherever they were read."""
    http = Scope(parsed.http)
    tables = [_table(server, http) for server in server_scopes(http)]
    defects = [defect for table in tables for defect in _defects(table)]
    untranslated = [
        Untranslated("include", one.directive.place.file, one.directive.place.line, one.why)
        for one in parsed.missing
    ]
    served, skipped = _served(tables, parsed)
    settings, notes = _settings(served, parsed)
    routes = routes_of(served, [table for table in tables if table not in served], Namer())
    routes, settings = _with_limits(routes, served, settings)
    used = {directive.place for table in served for one in table.placed for directive in one.done}
    untranslated += http_leftovers(http)
    for table in tables:
        untranslated += table.left
        untranslated += [item for one in table.placed for item in one.left]
    untranslated += skipped + notes
    for table in tables:
        untranslated += leftovers_of(table, used if table in served else set())
    return Outcome(
        settings,
        tuple(routes),
        tuple(_findings(defects, parsed)),
        tuple(_ordered(untranslated, parsed)),
        tuple(_ordered((item for table in served for one in table.placed for item in one.notes), parsed)),
        sources=parsed.files,
    )


def _table(server: Scope, http: Scope) -> Table:
    names = names_of(server)
    if not names.hosts and not names.is_any:
        # Only names that routes cannot say: nothing may be reached under any name instead.
        return replace(table_of(server, names, _evaluator(server, names, http), http), placed=())
    return table_of(server, names, _evaluator(server, names, http), http)


def _evaluator(server: Scope, names: Names, http: Scope) -> Evaluator:
    is_tls = any("ssl" in one.args for one in server.own("listen"))
    known = {"scheme": "https" if is_tls else "http"}
    exact = [host for host in names.hosts if not host.startswith("*")]
    if exact:
        known |= {"server_name": exact[0], "host": exact[0]}
    varying = {"host"} if len(names.hosts) > 1 else set()
    return Evaluator(server, maps_of(http.directive), known, frozenset(known.keys() - varying))


def _defects(table: Table) -> Iterator[Defect]:
    yield from lost_headers(table.server)
    for study in table.studies:
        for rule in (branch_defects, header_defects, origin_defects, private_network):
            yield from rule(study)


def _served(tables: list[Table], parsed: Parsed) -> tuple[list[Table], list[Untranslated]]:
    """The servers that one gateway can stand for, and those that it cannot, with the reason."""
    skipped: list[Untranslated] = []
    forwarding: list[Table] = []
    public = [table for table in tables if table.forwards and not _is_local(table, parsed)]
    for table in tables:
        if not table.forwards:
            continue
        if public and _is_local(table, parsed):
            skipped.append(_note(table, "listen", _LOCAL))
        elif any(_collides(table, other, parsed) for other in forwarding):
            skipped.append(_note(table, "listen", _PORT))
        else:
            forwarding.append(table)
    ports = {port_of(one) for table in forwarding for one in _listeners(table, parsed)}
    hosts = {host for table in forwarding for host in table.names.hosts}
    kept = list(forwarding)
    for table in tables:
        if table.forwards or not any(one.route.redirect for one in table.placed):
            continue
        own = {port_of(one) for one in _listeners(table, parsed)}
        fits = (not forwarding or own <= ports) and not hosts & set(table.names.hosts)
        if fits and table.names.hosts and not _leads_to_itself(table):
            kept.append(table)
        else:
            skipped += [
                Untranslated(one.name, one.place.file, one.place.line, _NO_ROOM)
                for placed in table.placed
                for one in placed.done
            ]
    return [table for table in tables if table in kept], list(dict.fromkeys(skipped))


def _is_local(table: Table, parsed: Parsed) -> bool:
    listeners = _listeners(table, parsed)
    return bool(listeners) and all(is_local(one) for one in listeners)


def _collides(table: Table, other: Table, parsed: Parsed) -> bool:
    """Whether two servers serve the same names on different ports, so that one route would have to do for both."""
    if set(table.names.hosts) & set(other.names.hosts) or (not table.names.hosts and not other.names.hosts):
        ports = {port_of(one) for one in _listeners(table, parsed)}
        others = {port_of(one) for one in _listeners(other, parsed)}
        paths = {one.pattern.path for one in table.placed if one.route.upstream}
        return not ports & others and bool(
            paths & {one.pattern.path for one in other.placed if one.route.upstream}
        )
    return False


def _leads_to_itself(table: Table) -> bool:
    """Whether a redirect only changes the scheme, which one gateway would do in a circle."""
    targets = {
        one.route.redirect.to.partition("://")[2].partition("/")[0]
        for one in table.placed
        if one.route.redirect
    }
    return bool(targets & set(table.names.hosts))


def _listeners(table: Table, parsed: Parsed) -> list[Listener]:
    return listeners_of(table.server, is_fragment=parsed.is_fragment)[0]


def _settings(served: Iterable[Table], parsed: Parsed) -> tuple[Settings, list[Untranslated]]:
    listeners: dict[str, Listener] = {}
    proxies: dict[str, None] = {}
    notes: list[Untranslated] = []
    for table in served:
        found, left = listeners_of(table.server, is_fragment=parsed.is_fragment)
        notes += left
        for listener in found:
            kept = listeners.setdefault(listener.address, listener)
            if kept != listener and listener.certificate:
                notes.append(
                    _note(table, "ssl_certificate", "a listener has one certificate; use one with all names")
                )
        networks, left = trusted_proxies_of(table.server)
        proxies |= dict.fromkeys(networks)
        notes += left
    return Settings(listen=tuple(listeners.values()), trusted_proxies=tuple(proxies)), notes


def _with_limits(
    routes: list[Route], served: Iterable[Table], settings: Settings
) -> tuple[list[Route], Settings]:
    """One body limit for all goes to the server, others to their routes."""
    limits = {
        (one.route.hosts, one.pattern.path): one.body_limit
        for table in served
        for one in table.placed
        if one.route.upstream is not None
    }
    said = set(limits.values())
    if len(said) == 1:
        only = said.pop()
        return routes, replace(settings, request_body=only if only != "0" else None)
    return [
        replace(route, request_body=limits.get((route.hosts, route.path))) if route.upstream else route
        for route in routes
    ], settings


def _findings(defects: Iterable[Defect], parsed: Parsed) -> list[Finding]:
    """Each once for its code and line, in the order of the files."""
    defects = list(defects)
    worse = {defect.directive for defect in defects if defect.code == "reflects_any_with_credentials"}
    found: dict[tuple[str, str, int], Finding] = {}
    for defect in defects:
        if defect.code == "reflects_any" and defect.directive in worse:
            continue
        finding = finding_of(defect)
        key = (finding.code, finding.file, finding.line)
        if key not in found or len(finding.message) > len(found[key].message):
            found[key] = finding
    order = {name: at for at, name in enumerate(parsed.files)}
    return sorted(found.values(), key=lambda one: (order.get(one.file, 0), one.line, one.code))


def _ordered(items: Iterable[Untranslated], parsed: Parsed) -> list[Untranslated]:
    order = {name: at for at, name in enumerate(parsed.files)}
    unique: dict[tuple[str, str, int], Untranslated] = {}
    for item in items:
        unique.setdefault((item.directive, item.file, item.line), item)
    return sorted(unique.values(), key=lambda one: (order.get(one.file, 0), one.line))


def _note(table: Table, name: str, why: str) -> Untranslated:
    directives = table.server.own(name) or (table.server.directive,)
    place = directives[0].place
    return Untranslated(directives[0].name, place.file, place.line, why)
