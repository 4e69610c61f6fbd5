"""From the checked `server` and `admin` sections to `Server` and `Admin` values.

The models have made sure that every address parses; the casts below rely on it.
"""

import ipaddress
import time
from collections.abc import Iterator
from typing import cast

from cors_gateway.config.compile.certificates import absolute, certificate_end, check_pair
from cors_gateway.config.compile.http2_listeners import compile_http2
from cors_gateway.config.compile.validity import warning
from cors_gateway.config.models.kinds import OFF
from cors_gateway.config.models.server import AdminSection, ListenSection, ServerSection, TlsSection
from cors_gateway.config.problems import Problem, Severity
from cors_gateway.config.syntax.endpoints import UNIX, Network, overlap, parse_listener, parse_networks
from cors_gateway.config.syntax.files import Files
from cors_gateway.config.syntax.interpolation import absolute_reference
from cors_gateway.config.syntax.tree import Document, Path, Scalar
from cors_gateway.policy.quoting import quoted
from cors_gateway.snapshot import (
    AccessLog,
    Admin,
    Limits,
    Listener,
    Server,
    ServerTimeouts,
    ServerTls,
    Shutdown,
    TcpListener,
    UnderscoreHeaders,
    UnixListener,
)


def compile_server(
    document: Document, section: ServerSection, files: Files, problems: list[Problem]
) -> Server:
    """Build the server. Adds to `problems`."""
    listeners = tuple(
        _listener(document, ("server", "listen", index), entry, files, problems)
        for index, entry in enumerate(section.listen)
    )
    for index, listener in enumerate(listeners):
        if any(overlap(listener, other) for other in listeners[:index]):
            message = f"{quoted(str(listener))} is taken by an earlier entry"
            problems.append(document.problem("listen.duplicate", message, path=("server", "listen", index)))
    problems += _proxy_protocol_problems(document, section, listeners)
    limits, timeouts, shutdown = section.limits, section.timeouts, section.shutdown
    return Server(
        listen=listeners,
        workers=section.workers,
        trusted_proxies=_trusted(document, section, problems),
        trusts_unix=UNIX in section.trusted_proxies,
        underscore_headers=UnderscoreHeaders(section.underscore_headers),
        access_log=AccessLog(section.access_log) if section.access_log is not None else None,
        limits=Limits(limits.request_head, limits.header_fields, limits.request_body, limits.connections),
        timeouts=ServerTimeouts(
            timeouts.request_head, timeouts.request_body, timeouts.keep_alive, timeouts.send
        ),
        shutdown=Shutdown(shutdown.drain_delay, shutdown.grace),
    )


def compile_admin(
    document: Document, section: str | AdminSection, listeners: tuple[Listener, ...], problems: list[Problem]
) -> Admin | None:
    """Build the admin listener, None if it is off. Adds to `problems`."""
    if section == OFF:
        return None
    section = AdminSection(listen=section) if isinstance(section, str) else section
    listener = cast("Listener", parse_listener(section.listen))
    path: Path = ("admin", "listen") if document.node(("admin", "listen")) else ("admin",)
    if any(overlap(listener, other) for other in listeners):
        message = f"{quoted(str(listener))} is a public listener"
        hint = "give the admin interface a port of its own"
        problems.append(document.problem("admin.listen", message, hint, path=path))
    if section.token is None and _is_reachable_from_elsewhere(listener):
        message = f"whoever reaches {quoted(str(listener))} can read the configuration, reload it and watch requests"
        hint = "set admin.token, or listen on 127.0.0.1 or a Unix socket"
        problems.append(document.problem("admin.token", message, hint, path=path, severity=Severity.WARNING))
    token = document.node(("admin", "token"))
    reference = token.reference if isinstance(token, Scalar) else None
    return Admin(
        listener,
        section.token,
        reference and absolute_reference(reference, document.directory),
        tuple(dict.fromkeys(host.lower().removesuffix(".") for host in section.hosts)),
    )


def _listener(
    document: Document, path: Path, entry: str | ListenSection, files: Files, problems: list[Problem]
) -> Listener:
    if isinstance(entry, str):
        return cast("Listener", parse_listener(entry))
    listener = cast("Listener", parse_listener(entry.address, int(entry.mode, 8)))
    tls = _tls(document, (*path, "tls"), entry.tls, files, problems) if entry.tls is not None else None
    http2 = compile_http2(document, path, entry, problems)
    if isinstance(listener, UnixListener):
        return UnixListener(listener.path, listener.mode, tls, entry.proxy_protocol, http2)
    if "mode" in entry.model_fields_set:
        message = "mode has no effect: only a Unix socket has permissions"
        problems.append(document.problem("schema.conflict", message, "remove it", path=(*path, "mode")))
    return TcpListener(listener.host, listener.port, tls, entry.proxy_protocol, http2)


def _proxy_protocol_problems(
    document: Document, section: ServerSection, listeners: tuple[Listener, ...]
) -> Iterator[Problem]:
    """Nobody else may say who the client is, so without trusted peers such a listener serves nobody."""
    for index, listener in enumerate(listeners):
        is_unix = isinstance(listener, UnixListener)
        is_peer_trusted = any((word == UNIX) == is_unix for word in section.trusted_proxies)
        if listener.proxy_protocol and not is_peer_trusted:
            message = "no peer of this listener is trusted to say who the client is: it would serve nobody"
            hint = f"list {UNIX if is_unix else 'the load balancers'} in trusted_proxies, or remove proxy_protocol"
            path: Path = ("server", "listen", index, "proxy_protocol")
            yield document.problem("listen.proxy_protocol", message, hint, path=path)


def _tls(
    document: Document, path: Path, section: TlsSection, files: Files, problems: list[Problem]
) -> ServerTls:
    certificate = absolute(document.directory, section.certificate)
    key = absolute(document.directory, section.key)
    problems += [
        document.problem(found.code, found.message, found.hint, path=(*path, found.key))
        for found in check_pair(files, certificate, key)
    ]
    ends = certificate_end(files, certificate)
    problems += expiry_problems(document, (*path, "certificate"), ends)
    return ServerTls(certificate, key, ends)


def expiry_problems(document: Document, path: Path, ends: float | None) -> Iterator[Problem]:
    """A warning about a certificate that has expired or soon will; never an error: an outage would be no better."""
    found = warning(ends, time.time())
    if found is not None:
        yield document.problem("tls.expires", *found, path=path, severity=Severity.WARNING)


def _is_reachable_from_elsewhere(listener: Listener) -> bool:
    return isinstance(listener, TcpListener) and not ipaddress.ip_address(listener.host).is_loopback


def _trusted(document: Document, section: ServerSection, problems: list[Problem]) -> tuple[Network, ...]:
    networks: list[Network] = []
    for index, text in enumerate(section.trusted_proxies):
        found = cast("tuple[Network, ...]", parse_networks(text))
        networks += [network for network in found if network not in networks]
        if any(network.prefixlen == 0 for network in found):
            message = "every client may claim any address for itself"
            hint = "list the networks of your own proxies"
            path: Path = ("server", "trusted_proxies", index)
            problems.append(
                document.problem("trusted_proxies.any", message, hint, path=path, severity=Severity.WARNING)
            )
    return tuple(networks)
