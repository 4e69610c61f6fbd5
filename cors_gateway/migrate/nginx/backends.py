"""From `proxy_pass` and `upstream` blocks to upstreams of the gateway, and which path the backend sees."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace

from cors_gateway.config.lint.written_path import path_problem
from cors_gateway.config.syntax.endpoints import EndpointFault, is_host, parse_server
from cors_gateway.migrate.nginx.expression import expansions, parse_expression
from cors_gateway.migrate.nginx.parse import Directive
from cors_gateway.migrate.nginx.quantities import duration
from cors_gateway.migrate.nginx.scope import Scope
from cors_gateway.migrate.nginx.study import METHODS, Study
from cors_gateway.migrate.nginx.variables import Request, names_in
from cors_gateway.migrate.outcome import Server, Untranslated, Upstream

_ADDRESS = re.compile(r"(https?)://(unix:[^:]+|\[[^\]]+\](?::[0-9]+)?|[^/:]+(?::[0-9]+)?)")
_CLIENT_VARIABLES = frozenset({"remote_addr", "binary_remote_addr"})
_BALANCED = {"least_conn": "least_requests", "ip_hash": "client_address", "least_time": "least_requests"}
_UNBALANCED = ("sticky", "sticky_cookie_insert", "hash", "random", "fair")
_REQUEST_PART = re.compile(r"\$\{?(?:request_uri|uri|document_uri|is_args|args|query_string)\b\}?")
_TAILS = ("wq7x/kz-1", "ab2")
"""Ends of paths, to see what becomes of what stands before them."""


@dataclass(frozen=True, slots=True)
class Backend:
    """Where requests of a location go."""

    upstream: Upstream
    notes: tuple[Untranslated, ...] = ()


@dataclass(frozen=True, slots=True)
class Unreachable:
    """Why no upstream can stand for it."""

    directive: Directive
    why: str


def backend_of(study: Study, http: Scope) -> Backend | Unreachable:
    """The upstream of a proxied location."""
    handler = study.observe("GET", study.welcome).run.handler
    if handler is None or not handler.args:
        return Unreachable(study.place.directive, "there is no backend")
    address = _constant_address(study)
    found = _ADDRESS.match(address or "")
    if address is None or found is None:
        return Unreachable(handler, "the server is computed from the request")
    scheme, name = found[1], found[2]
    block = next((one for one in http.own("upstream") if one.args[:1] == (name,)), None)
    notes: list[Untranslated] = []
    servers = _servers(block, scheme) if block else (Server(_url(scheme, name)),)
    bad = next((server for server in servers if isinstance(parse_server(server.url), EndpointFault)), None)
    if not servers or bad is not None:
        return Unreachable(handler, f"{bad.url if bad else name} is no server that can be called")
    return Backend(
        Upstream(
            servers=servers,
            balance=_balance(block, notes) if len(servers) > 1 else "round_robin",
            host=_host(study, block, name, notes),
            timeouts=tuple(_timeouts(study.place)),
            keep_alive=tuple(_keep_alive(block)),
            tls=tuple(_tls(study.place)) if scheme == "https" else (),
            name=name if block else "",
            comments=(
                "nginx does not verify certificates of backends unless it is told to: better name the authority with ca",
            )
            if scheme == "https" and not _verifies(study.place)
            else (),
        ),
        tuple(notes),
    )


def server_text(address: str) -> str:
    """The part of a `proxy_pass` that names the server, variables and all."""
    plain = _REQUEST_PART.sub("", address)
    scheme, separator, rest = plain.partition("://")
    return scheme + separator + rest.partition("/")[0]


def prefix_of(study: Study, path: str, *, is_exact: bool) -> str | Unreachable | None:
    """What stands in place of the path of a route at the backend: None where it stays as it is."""
    handler = study.observe("GET", study.welcome).run.handler or study.place.directive
    if (rewrite := _unexplained_rewrite(study)) is not None:
        return Unreachable(rewrite, "paths are rewritten by an expression; a route can replace its prefix")
    found: set[str | None] = set()
    for tail in ("",) if is_exact else _TAILS:
        asked = path + tail if path.endswith("/") or not tail else f"{path}/{tail}"
        seen = study.evaluator.run(_request(study, asked), study.location)
        target = seen.target_path()
        if target is None:
            return Unreachable(handler, "the path is computed from the request")
        target = re.sub(r"//+", "/", target)
        if target == asked:
            found.add(None)
        elif target.endswith(tail):
            found.add(target[: len(target) - len(tail)] or "/")
        else:
            found.add("")
    prefix = found.pop()
    if found or prefix == "" or (prefix is not None and path_problem(prefix)):
        return Unreachable(handler, "the path is rewritten in a way that is no exchange of prefixes")
    return prefix if prefix is None or path.endswith("/") else prefix.rstrip("/") or "/"


def _unexplained_rewrite(study: Study) -> Directive | None:
    """A rewrite that applies to some paths of the location and not to others, of which nobody knows how many there are."""
    moved = study.observe("GET", study.welcome).run.moved
    for directive in study.place.own("rewrite"):
        is_redirect = directive.args[-1] in ("redirect", "permanent") or "://" in directive.args[1:2]
        if directive in moved or is_redirect or len(directive.args) < 2:
            continue
        expression = parse_expression(directive.args[0], ignore_case=False)
        rows = (
            expansions(expression.root)
            if expression and expression.has_start and expression.has_end
            else None
        )
        if rows is None or any(not isinstance(part, str) for row in rows for part in row):
            return directive
    return None


def _request(study: Study, path: str) -> Request:
    return replace(study.observe("GET", study.welcome).run.request, path=path)


def _constant_address(study: Study) -> str | None:
    """The address, if every request goes to the same server."""
    said = set()
    for method in METHODS:
        for origin in study.origins:
            run = study.observe(method, origin).run
            if not run.is_proxied or run.handler is None:
                continue
            server = server_text(run.handler.args[0])
            if not run.variables.is_constant(server):
                return None
            found = _ADDRESS.match(run.variables.value(run.handler.args[0]))
            said.add(found[0] if found else None)
    return said.pop() if len(said) == 1 else None


def _url(scheme: str, name: str) -> str:
    return name if name.startswith("unix:") else f"{scheme}://{name}"


def _servers(block: Directive, scheme: str) -> tuple[Server, ...]:
    servers: dict[str, Server] = {}
    for directive in block.children("server"):
        if not directive.args or "down" in directive.args:
            continue
        weight = next((arg[7:] for arg in directive.args if arg.startswith("weight=")), "1")
        url = _url(scheme, directive.args[0])
        servers.setdefault(
            url, Server(url, int(weight) if weight.isdecimal() else 1, "backup" in directive.args)
        )
    if servers and all(server.is_backup for server in servers.values()):
        servers = {url: Server(url, server.weight) for url, server in servers.items()}
    return tuple(servers.values())


def _balance(block: Directive | None, notes: list[Untranslated]) -> str:
    if block is None:
        return "round_robin"
    for directive in block.children(*_BALANCED):
        return _BALANCED[directive.name]
    for directive in block.children(*_UNBALANCED):
        is_by_client = directive.name == "hash" and set(names_in(directive.args[0])) <= _CLIENT_VARIABLES
        if is_by_client and any(names_in(directive.args[0])):
            return "client_address"
        if directive.name != "random":
            notes.append(_note(directive, "requests are not spread by this; they go round"))
    return "round_robin"


def _host(study: Study, block: Directive | None, name: str, notes: list[Untranslated]) -> str:
    given = study.place.request_headers().get("host")
    text = given.args[1] if given and len(given.args) > 1 else "$proxy_host"
    names = set(names_in(text))
    if names & {"host", "http_host"}:
        return "preserve"
    if text in ("$proxy_host", "$proxy_host:$proxy_port"):
        if block is None:
            return "upstream" if not name.startswith("unix:") else "localhost"
        text = name
    run = study.observe("GET", study.welcome).run
    value = run.variables.value(text).lower()
    host, _, port = value.rpartition(":")
    if run.variables.is_constant(text) and is_host(host if host and port.isdecimal() else value):
        return value
    if given is not None:
        notes.append(_note(given, "the Host is computed from the request; the client's goes on"))
    return "preserve"


def _timeouts(place: Scope) -> Iterator[tuple[str, str]]:
    connect, read = place.one("proxy_connect_timeout"), place.one("proxy_read_timeout")
    if connect and (value := duration(" ".join(connect.args))):
        yield "connect", value
    if read and (value := duration(" ".join(read.args))):
        yield "response_head", value
        yield "idle", value


def _keep_alive(block: Directive | None) -> Iterator[tuple[str, str | int]]:
    for directive in block.children("keepalive") if block else ():
        if directive.args and directive.args[0].isdecimal():
            yield "connections", min(int(directive.args[0]), 100_000)
    for directive in block.children("keepalive_timeout") if block else ():
        if value := duration(directive.args[0] if directive.args else ""):
            yield "idle", value


def _tls(place: Scope) -> Iterator[tuple[str, str | bool]]:
    trusted, name = place.one("proxy_ssl_trusted_certificate"), place.one("proxy_ssl_name")
    if not _verifies(place):
        yield "verify", False
    elif trusted and trusted.args:
        yield "ca", trusted.args[0]
    if name and name.args and is_host(name.args[0]):
        yield "server_name", name.args[0]


def _verifies(place: Scope) -> bool:
    verify = place.one("proxy_ssl_verify")
    return verify is not None and verify.args == ("on",)


def _note(directive: Directive, why: str) -> Untranslated:
    return Untranslated(directive.name, directive.place.file, directive.place.line, why)
