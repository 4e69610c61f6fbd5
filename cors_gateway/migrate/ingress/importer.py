"""From Kubernetes YAML to an outcome: Ingresses by way of nginx, HTTPRoutes by themselves, one table for both."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from cors_gateway.migrate.ingress.controller import Controller
from cors_gateway.migrate.ingress.directives import directive
from cors_gateway.migrate.ingress.documents import ManifestFault, read_objects, shown
from cors_gateway.migrate.ingress.entrances import chosen_entrances
from cors_gateway.migrate.ingress.http_routes import HttpRoutes, http_routes_of
from cors_gateway.migrate.ingress.leftovers import left_of, misspelt
from cors_gateway.migrate.ingress.locations import Ingress
from cors_gateway.migrate.ingress.servers import Servers, servers_of
from cors_gateway.migrate.ingress.services import Services, Unknown
from cors_gateway.migrate.ingress.wording import Wording
from cors_gateway.migrate.naming import Namer, host_name
from cors_gateway.migrate.nginx.importer import translate
from cors_gateway.migrate.nginx.parse import Directive, Parsed
from cors_gateway.migrate.nginx.table import distinct_routes
from cors_gateway.migrate.outcome import Finding, Outcome, Route, Settings, Untranslated

_Item = TypeVar("_Item", Finding, Untranslated)
_CLOSED = 404
_TAKEN = "an older object has this host and path"
_NOTHING_HERE = "neither an Ingress nor an HTTPRoute is in these files"


def import_ingress(paths: Sequence[Path], entrance: str | None = None) -> Outcome:
    """Read the files and translate what comes in by one ingress class and one Gateway, or by those of that name.

    Raises ManifestFault, and NginxSyntaxFault or CrossplaneMissingFault for snippets.
    """
    objects = read_objects(paths)
    chosen = chosen_entrances(objects, entrance)
    if not chosen.ingresses and not chosen.routes:
        raise ManifestFault(f"{', '.join(map(str, paths))}: {chosen.why or _NOTHING_HERE}")
    services = Services(objects)
    controller = Controller(objects)
    ingresses = [Ingress(one, controller) for one in chosen.ingresses]
    servers = servers_of(ingresses, services)
    files = tuple(dict.fromkeys(shown(path, paths[0]) for path in paths))
    outcome = _by_nginx(ingresses, servers, controller, files)
    written = http_routes_of(chosen.routes, objects, services)
    return _joined(outcome, ingresses, servers, written, (*chosen.left, *controller.left()), files)


def _by_nginx(
    ingresses: list[Ingress], servers: Servers, controller: Controller, files: tuple[str, ...]
) -> Outcome:
    if not ingresses:
        return Outcome(Settings(), (), (), ())
    http = http_of(ingresses, servers, controller)
    missing = (*servers.missing, *controller.missing())
    outcome = translate(Parsed(http, missing, files, is_fragment=True))
    return Wording(ingresses, controller.settings(), _reasons(servers)).of(outcome)


def http_of(ingresses: Sequence[Ingress], servers: Servers, controller: Controller) -> Directive:
    """The http block that ingress-nginx would write, as far as it matters here."""
    first = ingresses[0].node
    return directive("http", at=first, block=(*controller.directives(first), *servers.directives))


def _reasons(servers: Servers) -> dict[tuple[str, int], str]:
    """Why an address is not known, by the place of the backend."""
    return {
        (one.backend.file, one.backend.line): one.address.why
        for one in servers.paths
        if isinstance(one.address, Unknown)
    }


def _joined(
    outcome: Outcome,
    ingresses: list[Ingress],
    servers: Servers,
    written: HttpRoutes,
    left: Iterable[Untranslated],
    files: tuple[str, ...],
) -> Outcome:
    findings = [
        *outcome.findings,
        *servers.findings,
        *(one for ingress in ingresses for one in misspelt(ingress)),
    ]
    untranslated = [
        *outcome.untranslated,
        *servers.left,
        *(one for ingress in ingresses for one in left_of(ingress)),
        *written.left,
        *left,
    ]
    routes = distinct_routes([*servers.routes, *outcome.routes, *written.routes])
    untranslated += [
        Untranslated("path", node.file, node.line, _TAKEN)
        for route, node in written.places.items()
        if route in written.routes and route not in routes and route.refuse is None
    ]
    return Outcome(
        outcome.settings,
        tuple(_named([*routes, *_closing(routes)])),
        tuple(_in_order([*findings, *written.findings], files)),
        tuple(_in_order(untranslated, files)),
        tuple(_in_order([*outcome.notes, *servers.notes, *written.notes], files)),
        sources=files,
    )


def _closing(routes: list[Route]) -> Iterator[Route]:
    """Names that serve nothing else stay so, where routes for more names would serve them."""
    serving = [route for route in routes if route.refuse is None]
    whole = {
        host for route in routes if route.path == "/" and not _is_filtered(route) for host in route.hosts
    }
    for host in dict.fromkeys(host for route in routes for host in route.hosts):
        is_opened = any(_takes(route, host) for route in serving)
        if host not in whole and is_opened:
            comment = "nothing else is served under this name; without this the routes for more names would"
            yield Route(
                name=f"{host_name(host)}-nothing-else",
                path="/",
                hosts=(host,),
                refuse=_CLOSED,
                comments=(comment,),
            )


def _is_filtered(route: Route) -> bool:
    return route.is_exact or bool(route.methods or route.extensions)


def _takes(route: Route, host: str) -> bool:
    """Whether requests for the host reach the route where the host has none of its own."""
    if not route.hosts:
        return True
    return any(
        own.startswith("*.") and host != own and host.removeprefix("*").endswith(own[1:])
        for own in route.hosts
    )


def _named(routes: list[Route]) -> Iterator[Route]:
    namer = Namer()
    for route in routes:
        hosts = host_name((route.hosts or ("",))[0])
        yield replace(route, name=namer.name(route.name, f"{hosts}-{route.name}"))


def _in_order(items: Iterable[_Item], files: tuple[str, ...]) -> list[_Item]:
    """Each once, by file and line."""
    order = {name: at for at, name in enumerate(files)}
    return sorted(dict.fromkeys(items), key=lambda one: (order.get(one.file, 0), one.line))
