"""All Ingresses as the servers of one nginx: a server for each host, with the paths of every Ingress that names it."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import count

from cors_gateway.migrate.ingress.directives import directive
from cors_gateway.migrate.ingress.documents import Node
from cors_gateway.migrate.ingress.findings import finding
from cors_gateway.migrate.ingress.locations import Ingress
from cors_gateway.migrate.ingress.paths import IngressPath, locations_of
from cors_gateway.migrate.ingress.services import Services, Unknown
from cors_gateway.migrate.naming import path_name
from cors_gateway.migrate.nginx.parse import Directive, MissingInclude
from cors_gateway.migrate.outcome import Finding, Redirect, Route, Untranslated

_ANY = "_"
_NEWEST = "9999"
_ONE_LABEL = "ingress-nginx serves names one label below it; the gateway serves names further down as well"
_CANARY = "requests are not spread by headers or cookies"
_WEIGHT_TOTAL = 100
_MAX_WEIGHT = 1000
_DIRECTORY = re.compile(r"(?:/[A-Za-z0-9_~-]+)+/?")


@dataclass(slots=True)
class Servers:
    """What the Ingresses become, and what is said about them."""

    directives: list[Directive] = field(default_factory=list)
    findings: list[Finding] = field(default_factory=list)
    left: list[Untranslated] = field(default_factory=list)
    notes: list[Untranslated] = field(default_factory=list)
    missing: list[MissingInclude] = field(default_factory=list)
    routes: list[Route] = field(default_factory=list)
    """What needs no directives."""
    paths: list[IngressPath] = field(default_factory=list)


@dataclass(slots=True)
class _Host:
    name: str
    at: Node
    ingresses: list[Ingress] = field(default_factory=list)
    paths: list[IngressPath] = field(default_factory=list)
    default: IngressPath | None = None
    """Of the first Ingress that names the host; counts where no path is the root."""


def servers_of(ingresses: Iterable[Ingress], services: Services) -> Servers:
    """Read all Ingresses, the oldest first: of two that want the same, that one has it."""
    made = Servers()
    ordered = sorted(ingresses, key=_age)
    hosts: dict[str, _Host] = {}
    for ingress in ordered:
        if not ingress.is_canary:
            _collect(ingress, hosts, services)
    for host in hosts.values():
        has_root = any(one.path == "/" and one.kind != "Exact" for one in host.paths)
        if host.default is not None and not has_root:
            host.paths.append(host.default)
    for ingress in ordered:
        if ingress.is_canary:
            _merge_canary(ingress, hosts, services, made)
    for host in hosts.values():
        made.directives += _server(host, set(hosts), made)
    return made


def _age(ingress: Ingress) -> str:
    return ingress.node.text("metadata", "creationTimestamp", default=_NEWEST)


def _collect(ingress: Ingress, hosts: dict[str, _Host], services: Services) -> None:
    spec = ingress.node.at("spec") or ingress.node
    default = spec.at("defaultBackend")
    rules = spec.items("rules")
    if default is not None and not rules:
        host = hosts.setdefault(_ANY, _Host(_ANY, default))
        host.ingresses.append(ingress)
        host.paths.append(_path(ingress, default, "/", "Prefix", default, services))
    for rule in rules:
        name = rule.text("host").lower() or _ANY
        if name not in hosts:
            hosts[name] = _Host(name, rule)
            if default is not None:
                hosts[name].default = _path(ingress, default, "/", "Prefix", default, services)
        host = hosts[name]
        host.ingresses.append(ingress)
        for entry in rule.items("http", "paths"):
            backend = entry.at("backend") or entry
            host.paths.append(
                _path(ingress, entry, entry.text("path") or "/", _kind(entry), backend, services)
            )


def _kind(entry: Node) -> str:
    return entry.text("pathType", default="ImplementationSpecific")


def _path(
    ingress: Ingress, node: Node, path: str, kind: str, backend: Node, services: Services
) -> IngressPath:
    return IngressPath(ingress, node, path, kind, backend, _address(ingress, backend, services))


def _address(ingress: Ingress, backend: Node, services: Services) -> str | Unknown:
    name = backend.text("service", "name")
    if ingress.annotations.is_on("ssl-passthrough"):
        return Unknown("its TLS is passed through unopened; the gateway reads what it forwards")
    if not name:
        return Unknown("it is no Service")
    port = backend.text("service", "port", "number") or backend.text("service", "port", "name")
    return services.address(ingress.node.namespace, name, port)


def _merge_canary(ingress: Ingress, hosts: dict[str, _Host], services: Services, made: Servers) -> None:
    """A part of the requests of a path goes to another Service."""
    for name in (
        "canary-by-header",
        "canary-by-header-value",
        "canary-by-header-pattern",
        "canary-by-cookie",
    ):
        if (found := ingress.annotations.get(name)) is not None:
            made.left.append(Untranslated(name, found.node.file, found.node.line, _CANARY))
    weight = ingress.annotations.get("canary-weight")
    total = ingress.annotations.get("canary-weight-total")
    share = max(0, (weight.integer or 0) if weight is not None else 0)
    whole = max(1, (total.integer if total is not None else None) or _WEIGHT_TOTAL)
    for rule in ingress.node.items("spec", "rules"):
        host = hosts.get(rule.text("host").lower() or _ANY)
        for entry in rule.items("http", "paths"):
            if weight is None or share == 0 or host is None:
                continue
            backend = entry.at("backend") or entry
            address = _address(ingress, backend, services)
            for at, main in enumerate(host.paths):
                if (main.path, main.kind) == (entry.text("path") or "/", _kind(entry)):
                    host.paths[at] = _shared(main, address, min(share, whole), whole, weight.node, made)


def _shared(
    main: IngressPath, canary: str | Unknown, share: int, whole: int, at: Node, made: Servers
) -> IngressPath:
    if isinstance(canary, Unknown) or isinstance(main.address, Unknown):
        why = canary.why if isinstance(canary, Unknown) else "the main Service is not known"
        made.left.append(Untranslated("canary-weight", at.file, at.line, why))
        return main
    if ":" not in main.address:
        made.left.append(Untranslated("canary-weight", at.file, at.line, "the path has a canary already"))
        return main
    if share == whole:
        address = canary
    else:
        parts = [(main.address, _weight(whole - share, whole)), (canary, _weight(share, whole))]
        servers = tuple(directive("server", name, f"weight={weight}", at=at) for name, weight in parts)
        address = _free_name(f"{main.address.partition(':')[0].partition('.')[0]}-with-canary", made)
        made.directives.append(directive("upstream", address, at=at, block=servers))
    return IngressPath(main.ingress, main.node, main.path, main.kind, main.backend, address)


def _free_name(wish: str, made: Servers) -> str:
    taken = {one.args[0] for one in made.directives if one.name == "upstream"}
    return next(
        name for number in count(1) if (name := wish if number == 1 else f"{wish}-{number}") not in taken
    )


def _weight(share: int, whole: int) -> int:
    return share if whole <= _MAX_WEIGHT else max(1, share * _MAX_WEIGHT // whole)


def _server(host: _Host, known: set[str], made: Servers) -> Iterator[Directive]:
    locations = locations_of(host.paths)
    made.paths += host.paths
    made.findings += locations.findings
    made.left += locations.left
    made.notes += locations.notes
    for ingress in host.ingresses:
        made.findings += [one for one in ingress.cors.findings if one not in made.findings]
        made.missing += [*ingress.snippet.missing, *ingress.server_snippet.missing]
    if host.name.startswith("*."):
        at = host.at.at("host") or host.at
        made.notes.append(Untranslated("host", at.file, at.line, _ONE_LABEL))
    block = [directive("server_name", host.name, *_aliases(host, known), at=host.at.at("host") or host.at)]
    block += _guards(host, made)
    with_snippet = next((ingress for ingress in host.ingresses if ingress.server_snippet.directives), None)
    if with_snippet is not None:
        block += with_snippet.server_snippet.directives
    block += host.ingresses[0].controller.server_snippet.directives
    block += locations.directives
    _application_root(host, known, made)
    _close_below(locations.closed, host, known, made)
    yield directive("server", at=host.at, block=tuple(block))
    yield from _www(host, known)


def _aliases(host: _Host, known: set[str]) -> list[str]:
    for ingress in host.ingresses:
        if (found := ingress.annotations.get("server-alias")) is not None:
            names = [name.strip() for name in found.value.split(",")]
            return [name for name in names if name and name not in known]
    return []


def _guards(host: _Host, made: Servers) -> Iterator[Directive]:
    """Client certificates are asked for by the whole host."""
    for ingress in host.ingresses:
        secret = ingress.annotations.get("auth-tls-secret")
        if secret is None or ingress.annotations.value("auth-tls-verify-client") == "off":
            continue
        if ingress.annotations.value("auth-tls-verify-client").startswith("optional"):
            made.findings.append(finding("forged_headers", secret.node))
        yield directive("ssl_verify_client", "on", at=secret.node, written=secret.written)
        return


def _application_root(host: _Host, known: set[str], made: Servers) -> None:
    """The front page leads elsewhere. A route adds the path of the request, here a slash."""
    for ingress in host.ingresses:
        found = ingress.annotations.get("app-root")
        target = found.value.strip() if found is not None else ""
        if found is None or not target.startswith("/"):
            continue
        route = Route(name="app-root", path="/", is_exact=True, hosts=_names(host, known))
        place = f"{found.node.file}:{found.node.line}"
        if _DIRECTORY.fullmatch(target):
            made.routes.append(replace(route, redirect=Redirect(target.rstrip("/"), 302)))
            if not target.endswith("/"):
                made.notes.append(
                    _note(found.node, "app-root", f"it leads to {target}/, with a slash at the end")
                )
        else:
            why = "a redirect of a route adds a slash to this"
            made.routes.append(replace(route, refuse=404, comments=(f"{found.written}  ({place}): {why}",)))
            made.left.append(_note(found.node, "app-root", why))
        return


def _close_below(paths: list[IngressPath], host: _Host, known: set[str], made: Servers) -> None:
    """As an expression without an end, an exact path kept what begins like it from broader paths."""
    for one in paths:
        comment = f"{one.written}  ({one.at.file}:{one.at.line}): nginx gives what is below to the same backend, and no other"
        made.routes.append(
            Route(
                name=f"below-{path_name(one.path)}",
                path=f"{one.path.rstrip('/')}/",
                hosts=_names(host, known),
                refuse=404,
                comments=(comment,),
            )
        )


def _names(host: _Host, known: set[str]) -> tuple[str, ...]:
    return () if host.name == _ANY else (host.name, *_aliases(host, known))


def _note(at: Node, name: str, why: str) -> Untranslated:
    return Untranslated(name, at.file, at.line, why)


def _www(host: _Host, known: set[str]) -> Iterator[Directive]:
    """The server that leads from one of example.com and www.example.com to the other."""
    ingress = next((one for one in host.ingresses if one.annotations.is_on("from-to-www-redirect")), None)
    if ingress is None or host.name == _ANY or host.name.startswith("*"):
        return
    other = host.name.removeprefix("www.") if host.name.startswith("www.") else f"www.{host.name}"
    if other in known:
        return
    at = ingress.annotations.all["from-to-www-redirect"].node
    scheme = "https" if host.name in ingress.tls_hosts() else "http"
    block = (
        directive("server_name", other, at=at),
        directive("return", "308", f"{scheme}://{host.name}$request_uri", at=at),
    )
    yield directive("server", at=at, block=block)
