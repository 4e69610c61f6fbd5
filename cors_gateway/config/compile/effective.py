"""A snapshot written as a configuration file again: what is in force, defaults and all.

Loading the text gives an equal snapshot. The one secret, the admin token, is written as the reference it came from;
a token that stands in the file itself is written as asterisks, and then only the token differs.
"""

from collections.abc import Mapping
from dataclasses import asdict

from cors_gateway.config.policy_conversion import written_form
from cors_gateway.config.syntax.emit import Raw, to_yaml
from cors_gateway.config.syntax.units import format_duration, format_size
from cors_gateway.policy.policy import Mode, Policy
from cors_gateway.snapshot import (
    Admin,
    Listener,
    PolicyTest,
    Route,
    Server,
    ServerTls,
    Snapshot,
    UnixListener,
    Upstream,
)

REDACTED = "*" * 8

Section = dict[str, object]

_DANGEROUS = "dangerously_"


def effective(snapshot: Snapshot) -> str:
    """The text of `check --print`. Policies that no route uses are left out: they have no effect."""
    named = {route.policy_name: route.policy for route in snapshot.routes if route.policy_name is not None}
    inline = {name for name, upstream in snapshot.upstreams.items() if _is_inline(upstream)}
    document: Section = {
        "version": 1,
        "server": _server(snapshot.server),
        "admin": _admin(snapshot.admin),
        "upstreams": {
            name: _upstream(upstream) for name, upstream in snapshot.upstreams.items() if name not in inline
        },
        "policies": {name: _policy(policy) for name, policy in named.items()},
        "routes": [_route(route) for route in snapshot.routes],
        "tests": [_test(test) for test in snapshot.tests],
    }
    return to_yaml({key: value for key, value in document.items() if value not in ({}, [])})


def _server(server: Server) -> Section:
    limits, timeouts, shutdown = server.limits, server.timeouts, server.shutdown
    return {
        "listen": [_listener(listener) for listener in server.listen],
        "workers": server.workers or "auto",
        "trusted_proxies": [str(network) for network in server.trusted_proxies],
        "access_log": server.access_log.value,
        "limits": {
            "request_head": _size(limits.request_head),
            "header_fields": limits.header_fields,
            "request_body": _size(limits.request_body),
            "connections": limits.connections,
        },
        "timeouts": {
            "request_head": format_duration(timeouts.request_head),
            "request_body": format_duration(timeouts.request_body),
            "keep_alive": format_duration(timeouts.keep_alive),
            "send": format_duration(timeouts.send),
        },
        "shutdown": {
            "drain_delay": format_duration(shutdown.drain_delay),
            "grace": format_duration(shutdown.grace),
        },
    }


def _listener(listener: Listener) -> Section:
    section: Section = {"address": str(listener)}
    if isinstance(listener, UnixListener):
        section["mode"] = f"{listener.mode:04o}"
    if listener.tls is not None:
        section["tls"] = _server_tls(listener.tls)
    return section


def _server_tls(tls: ServerTls) -> Section:
    return {"certificate": tls.certificate, "key": tls.key}


def _admin(admin: Admin | None) -> object:
    if admin is None:
        return "off"
    section: Section = {"listen": str(admin.listen)}
    if admin.token is not None:
        section["token"] = REDACTED if admin.token_reference is None else Raw(admin.token_reference)
    if admin.hosts:
        section["hosts"] = list(admin.hosts)
    return section


def _is_inline(upstream: Upstream) -> bool:
    """The upstream of a URL in a route: its name is that URL, and no other upstream may be called so."""
    return upstream.name == str(upstream.servers[0])


def _upstream(upstream: Upstream) -> Section:
    section: Section = {
        "servers": [str(server) for server in upstream.servers],
        "balance": upstream.balance.value,
        "timeouts": {
            "connect": format_duration(upstream.timeouts.connect),
            "response_head": format_duration(upstream.timeouts.response_head),
            "idle": format_duration(upstream.timeouts.idle),
        },
        "keep_alive": {
            "connections": upstream.keep_alive.connections,
            "idle": format_duration(upstream.keep_alive.idle),
        },
        "retries": upstream.retries,
        "host": upstream.host,
    }
    check = upstream.health_check
    if check is not None:
        section["health_check"] = {
            "path": check.path,
            "interval": format_duration(check.interval),
            "timeout": format_duration(check.timeout),
            "unhealthy_after": check.unhealthy_after,
            "healthy_after": check.healthy_after,
        }
    if any(server.tls for server in upstream.servers):
        tls = upstream.tls
        given = {"ca": tls.ca, "certificate": tls.certificate, "key": tls.key, "server_name": tls.server_name}
        section["tls"] = {**_present(given), "verify": tls.verify}
    return section


def _route(route: Route) -> Section:
    return {
        **_present({"name": route.name, "host": route.host}),
        "path": route.path,
        **({} if route.methods is None else {"methods": sorted(route.methods)}),
        "upstream": route.upstream,
        "cors": _cors(route),
        "strip_prefix": route.strip_prefix,
    }


def _cors(route: Route) -> object:
    if route.policy.mode is not Mode.ENFORCE:
        return route.policy.mode.value
    return route.policy_name or _policy(route.policy)


def _policy(policy: Policy) -> Section:
    """Every key, but for those that are absent and for dangerous flags that are not set."""
    written = asdict(written_form(policy))
    return {
        key: list(value) if isinstance(value, tuple) else value
        for key, value in written.items()
        if value is not None and (value or not key.startswith(_DANGEROUS))
    }


def _test(test: PolicyTest) -> Section:
    return {
        **_present({"origin": test.origin}),
        "method": test.method,
        "path": test.path,
        **_present({"host": test.host}),
        "headers": list(test.headers),
        "credentials": test.credentials,
        "expect": "allow" if test.allow else "deny",
        **_present({"reason": test.reason}),
    }


def _size(size: int) -> object:
    return format_size(size) if size else 0


def _present(values: Mapping[str, object]) -> Section:
    return {key: value for key, value in values.items() if value is not None}
