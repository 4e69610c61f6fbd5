"""From checked upstream sections to `Upstream` values, and from what a route names to one of them."""

from collections.abc import Collection
from dataclasses import replace
from typing import cast

from cors_gateway.config.compile.certificates import absolute, certificate_end, check_authorities, check_pair
from cors_gateway.config.compile.sections import Placed
from cors_gateway.config.compile.server_section import expiry_problems
from cors_gateway.config.models.upstream import UpstreamSection, UpstreamServerSection, UpstreamTlsSection
from cors_gateway.config.models.validate import suggestion
from cors_gateway.config.problems import Problem, Severity
from cors_gateway.config.syntax.endpoints import EndpointFault, parse_server
from cors_gateway.config.syntax.files import Files
from cors_gateway.config.syntax.tree import Document, Path
from cors_gateway.policy.quoting import quoted
from cors_gateway.policy.spelling import braced
from cors_gateway.snapshot import (
    Balance,
    HealthCheck,
    ServerAddress,
    Upstream,
    UpstreamKeepAlive,
    UpstreamLimits,
    UpstreamTimeouts,
    UpstreamTls,
)


def compile_upstream(
    name: str, placed: Placed[UpstreamSection], files: Files, problems: list[Problem]
) -> Upstream:
    """Build one named upstream. Adds to `problems`."""
    section = placed.value
    servers = tuple(map(_server, section.servers))
    problems += _server_problems(placed, servers)
    return Upstream(
        name=name,
        servers=servers,
        balance=Balance(section.balance),
        timeouts=UpstreamTimeouts(
            section.timeouts.connect, section.timeouts.response_head, section.timeouts.idle
        ),
        keep_alive=UpstreamKeepAlive(section.keep_alive.connections, section.keep_alive.idle),
        health_check=_health_check(section),
        retries=section.retries,
        host=section.host if section.host in ("preserve", "upstream") else section.host.lower(),
        tls=_tls(placed.document, (*placed.path, "tls"), section.tls, files, problems),
        limits=UpstreamLimits(section.limits.response_head),
        rewrites_redirects=section.redirects == "rewrite",
    )


def inline_upstream(server: ServerAddress) -> Upstream:
    """The upstream of a route that names a URL: every route with an equal URL shares it."""
    return Upstream(name=str(server), servers=(server,))


def named_server(text: str) -> ServerAddress | EndpointFault | None:
    """The server if a route's `upstream` is written as a URL; None if it is a name."""
    return parse_server(text) if ":" in text or "/" in text else None


def unknown_upstream(document: Document, path: Path, name: str, known: Collection[str]) -> Problem:
    hint = f"write it with braces: {quoted(braced(name))}" if braced(name) != name else ""
    hint = hint or suggestion(name, known) or "define it under upstreams, or write a URL: http://host:port"
    return document.problem("upstream.unknown", f"no upstream is called {quoted(name)}", hint, path=path)


def _server(entry: str | UpstreamServerSection) -> ServerAddress:
    # the model has made sure that every URL parses
    if isinstance(entry, str):
        return cast("ServerAddress", parse_server(entry))
    return replace(
        cast("ServerAddress", parse_server(entry.url)), weight=entry.weight, is_backup=entry.backup
    )


def _health_check(section: UpstreamSection) -> HealthCheck | None:
    check = section.health_check
    if check is None:
        return None
    return HealthCheck(check.path, check.interval, check.timeout, check.unhealthy_after, check.healthy_after)


def _server_problems(placed: Placed[UpstreamSection], servers: tuple[ServerAddress, ...]) -> list[Problem]:
    document, path, section = placed.document, placed.path, placed.value
    problems = [
        document.problem(
            "upstreams.duplicate",
            f"{quoted(str(server))} is listed twice",
            "it would get twice the traffic and be one failure; list it once, with a weight",
            path=(*path, "servers", index),
        )
        for index, server in enumerate(servers)
        if str(server) in map(str, servers[:index])
    ]
    if all(server.is_backup for server in servers):
        message, hint = "every server is a backup, of none", "remove backup from those that serve usually"
        problems.append(document.problem("upstreams.backup", message, hint, path=(*path, "servers")))
    if len(servers) == 1 and servers[0].weight != 1:
        message = "weight has no effect: there is one server"
        problems.append(
            document.problem("schema.conflict", message, "remove it", path=(*path, "servers", 0, "weight"))
        )
    if section.tls.model_fields_set and not any(server.tls for server in servers):
        message = "tls has no effect: no server of this upstream is https"
        problems.append(
            document.problem("schema.conflict", message, "write https:// or remove tls", path=(*path, "tls"))
        )
    if section.host == "upstream" and len({(server.host, server.port) for server in servers}) > 1:
        message = "the servers have different names, and every request is sent with one Host"
        hint = "write the name that all of them answer to, or preserve"
        problems.append(document.problem("upstreams.host", message, hint, path=(*path, "host")))
    check = section.health_check
    if check is not None and check.timeout > check.interval:
        message = "one check may take longer than the interval between two"
        problems.append(
            document.problem(
                "schema.conflict",
                message,
                "make timeout at most interval",
                path=(*path, "health_check", "timeout"),
            )
        )
    return problems


def _tls(
    document: Document, path: Path, section: UpstreamTlsSection, files: Files, problems: list[Problem]
) -> UpstreamTls:
    ca, certificate, key = (
        absolute(document.directory, name) if name is not None else None
        for name in (section.ca, section.certificate, section.key)
    )
    faults = check_authorities(files, ca) if ca else []
    if certificate and key:
        faults += check_pair(files, certificate, key)
    elif certificate or key:
        missing = "key" if certificate else "certificate"
        message = "a client certificate needs both certificate and key"
        problems.append(document.problem("schema.conflict", message, f"add {missing}", path=path))
    problems += [
        document.problem(found.code, found.message, found.hint, path=(*path, found.key)) for found in faults
    ]
    if not section.verify:
        message = "the certificate of the backend is not verified: anybody on the way can pose as it"
        hint = "name its authority with ca instead"
        problems.append(
            document.problem(
                "tls.unverified", message, hint, path=(*path, "verify"), severity=Severity.WARNING
            )
        )
    ends = certificate_end(files, certificate) if certificate else None
    problems += expiry_problems(document, (*path, "certificate"), ends)
    return UpstreamTls(ca, certificate, key, section.server_name, section.verify, ends)
