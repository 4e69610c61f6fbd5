"""A snapshot written as a configuration file again: what is in force, defaults and all.

Loading the text gives an equal snapshot. Secrets, which are the admin token and values of header fields, are written as
the reference they came from, without its default; one that stands in the file itself is written as asterisks, and then only that differs.
"""

from collections.abc import Mapping
from dataclasses import asdict

from cors_gateway.config.lint.field_edits import is_secret_name
from cors_gateway.config.policy_conversion import written_form
from cors_gateway.config.syntax.emit import Raw, to_yaml
from cors_gateway.config.syntax.endpoints import UNIX
from cors_gateway.config.syntax.secrets import redacted_reference
from cors_gateway.config.syntax.units import format_duration, format_size
from cors_gateway.policy.policy import Mode, Policy
from cors_gateway.policy.quoting import REDACTED
from cors_gateway.snapshot import (
    Admin,
    CookieEdits,
    FieldEdits,
    Http2,
    Listener,
    PolicyTest,
    Redirect,
    Refusal,
    Route,
    Server,
    ServerAddress,
    ServerTls,
    SetField,
    Snapshot,
    UnixListener,
    Upstream,
)

Section = dict[str, object]

_DANGEROUS = "dangerously_"


def effective(snapshot: Snapshot) -> str:
    """The text of `check --print`. Policies that no route uses are left out: they have no effect."""
    named = {route.policy_name: route.policy for route in snapshot.routes if route.policy_name is not None}
    named |= {
        further.name: further.policy
        for route in snapshot.routes
        for further in route.further_policies
        if further.name is not None
    }
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
        "trusted_proxies": [
            *(str(network) for network in server.trusted_proxies),
            *([UNIX] if server.trusts_unix else []),
        ],
        "underscore_headers": server.underscore_headers.value,
        **({"access_log": server.access_log.value} if server.access_log is not None else {}),
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


_HTTP2: dict[Http2, bool | str] = {Http2.OFF: False, Http2.TLS: True, Http2.CLEARTEXT: "cleartext"}


def _listener(listener: Listener) -> Section:
    section: Section = {"address": str(listener)}
    if isinstance(listener, UnixListener):
        section["mode"] = f"{listener.mode:04o}"
    if listener.tls is not None:
        section["tls"] = _server_tls(listener.tls)
    section["proxy_protocol"] = listener.proxy_protocol
    section["http2"] = _HTTP2[listener.http2]
    return section


def _server_tls(tls: ServerTls) -> Section:
    return {"certificate": tls.certificate, "key": tls.key}


def _admin(admin: Admin | None) -> object:
    if admin is None:
        return "off"
    section: Section = {"listen": str(admin.listen)}
    if admin.token is not None:
        section["token"] = (
            REDACTED if admin.token_reference is None else Raw(redacted_reference(admin.token_reference))
        )
    if admin.hosts:
        section["hosts"] = list(admin.hosts)
    return section


def _is_inline(upstream: Upstream) -> bool:
    """The upstream of a URL in a route: its name is that URL, and no other upstream may be called so."""
    return upstream.name == str(upstream.servers[0])


def _upstream(upstream: Upstream) -> Section:
    section: Section = {
        "servers": [_upstream_server(server) for server in upstream.servers],
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
        "limits": {"response_head": _size(upstream.limits.response_head)},
        "redirects": "rewrite" if upstream.rewrites_redirects else "keep",
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


def _upstream_server(server: ServerAddress) -> object:
    if server.weight == 1 and not server.is_backup:
        return str(server)
    return {"url": str(server), "weight": server.weight, "backup": server.is_backup}


def _route(route: Route) -> Section:
    return {
        "name": route.name,
        **({"hosts": list(route.hosts)} if route.hosts else {}),
        "path": route.path,
        "match": "exact" if route.is_exact else "prefix",
        **({} if route.methods is None else {"methods": sorted(route.methods)}),
        **({} if route.extensions is None else {"extensions": sorted(route.extensions)}),
        **_destination(route),
        "cors": _cors(route),
        **_present({"replace_prefix": route.replace_prefix}),
        **_field_edits("request_headers", route.request_headers),
        **_field_edits("response_headers", route.response_headers),
        **_cookies(route.cookies),
        **({} if route.request_body is None else {"limits": {"request_body": _size(route.request_body)}}),
    }


def _destination(route: Route) -> Section:
    match route.answer:
        case Redirect(to, status):
            return {"redirect": {"to": to or "/", "status": status}}
        case Refusal(status):
            return {"refuse": status}
        case None:
            return {"upstream": route.upstream}


def _field_edits(key: str, edits: FieldEdits) -> Section:
    section: Section = {}
    if edits.set:
        section["set"] = {each.name: _field_value(each) for each in edits.set}
    if edits.remove:
        section["remove"] = list(edits.remove)
    return {key: section} if section else {}


def _field_value(each: SetField) -> str:
    is_secret = is_secret_name(each.name)
    if each.reference is not None:
        return Raw(redacted_reference(each.reference) if is_secret else each.reference)
    return REDACTED if is_secret else each.value


def _cookies(edits: CookieEdits) -> Section:
    section: Section = {
        **({} if edits.same_site is None else {"same_site": edits.same_site.lower()}),
        **_present({"secure": edits.secure}),
        **{
            key: value or "remove"
            for key, value in (("domain", edits.domain), ("path", edits.path))
            if value is not None
        },
    }
    return {"cookies": section} if section else {}


def _cors(route: Route) -> object:
    if route.further_policies:
        return [route.policy_name, *(further.name for further in route.further_policies)]
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
