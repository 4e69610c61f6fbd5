"""The configuration as a careful person would have written it: policies with names, shared between routes, and a comment
beside everything that could not be translated.

Short mappings stand on one line, lists too; the order is that of the documentation.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from textwrap import wrap

from cors_gateway.config.syntax.emit import scalar
from cors_gateway.config.syntax.units import format_duration
from cors_gateway.migrate.naming import Namer, host_name, site_name
from cors_gateway.migrate.outcome import (
    NO_HEADERS,
    Headers,
    Listener,
    Origin,
    Outcome,
    Policy,
    Route,
    Server,
    Untranslated,
    Upstream,
)

_WIDTH = 118
_COMMENT_WIDTH = 108
_INDENT = "  "

Value = str | int | bool | list["Value"] | dict[str, "Value"]


@dataclass(frozen=True, slots=True)
class _Named:
    """The policies and upstreams of an outcome, by the names that they are given."""

    policies: dict[Policy, str]
    upstreams: dict[Upstream, str]


def write(outcome: Outcome) -> str:
    """The text of the configuration."""
    named = _Named(_policy_names(outcome), _upstream_names(outcome))
    lines = [*_title(outcome), "version: 1", "", *_settings(outcome)]
    if named.upstreams:
        lines += ["upstreams:", *_upstreams(named), ""]
    if named.policies:
        lines += ["policies:", *_policies(named), ""]
    lines += ["routes:", *_routes(outcome, named)]
    lines += _left(outcome)
    return "\n".join(lines) + "\n"


def _title(outcome: Outcome) -> Iterator[str]:
    yield from _comment(
        f"Translated from {', '.join(outcome.sources[:4])}{' …' if len(outcome.sources) > 4 else ''}.", ""
    )
    yield ""


def _settings(outcome: Outcome) -> Iterator[str]:
    settings = outcome.settings
    section: dict[str, Value] = {}
    if settings.listen:
        section["listen"] = [_listener(one) for one in settings.listen]
    if settings.trusted_proxies:
        section["trusted_proxies"] = list(settings.trusted_proxies)
    if settings.request_body:
        section["limits"] = {"request_body": settings.request_body}
    if section:
        yield "server:"
        for key, value in section.items():
            yield from _entry(key, value, _INDENT)
        yield ""


def _listener(listener: Listener) -> Value:
    if listener.certificate is None or listener.key is None:
        return listener.address
    return {"address": listener.address, "tls": {"certificate": listener.certificate, "key": listener.key}}


def _upstreams(named: _Named) -> Iterator[str]:
    for upstream, name in named.upstreams.items():
        section: dict[str, Value] = {"servers": [_server(one) for one in upstream.servers]}
        if upstream.balance != "round_robin":
            section["balance"] = upstream.balance
        if upstream.timeouts:
            section["timeouts"] = dict(upstream.timeouts)
        if upstream.keep_alive:
            section["keep_alive"] = dict(upstream.keep_alive)
        if upstream.host != "preserve":
            section["host"] = upstream.host
        if upstream.tls:
            section["tls"] = dict(upstream.tls)
        yield from _comments(upstream.comments, _INDENT)
        yield from _mapping(f"{_INDENT}{scalar(name)}:", section, _INDENT * 2)


def _server(server: Server) -> Value:
    if server.weight == 1 and not server.is_backup:
        return server.url
    value: dict[str, Value] = {"url": server.url}
    if server.weight != 1:
        value["weight"] = server.weight
    if server.is_backup:
        value["backup"] = True
    return value


def _policies(named: _Named) -> Iterator[str]:
    for policy, name in named.policies.items():
        yield f"{_INDENT}{scalar(name)}:"
        yield from _comments(policy.comments, _INDENT * 2)
        for key, value in _policy(policy).items():
            yield from _entry(key, value, _INDENT * 2)


def _policy(policy: Policy) -> dict[str, Value]:
    section: dict[str, Value] = {"allow_origins": [_origin(one) for one in policy.allow_origins]}
    for key in ("allow_methods", "allow_headers", "expose_headers"):
        if (names := getattr(policy, key)) is not None:
            section[key] = list(names)
    if policy.allow_credentials:
        section["allow_credentials"] = True
    if policy.max_age is not None:
        section["max_age"] = format_duration(policy.max_age) if policy.max_age else 0
    for key in ("allow_private_network", "websocket_origin_check"):
        if getattr(policy, key):
            section[key] = True
    for key in (
        "on_disallowed_request",
        "forward_origin",
        "timing_allow_origin",
        "cross_origin_resource_policy",
    ):
        if (word := getattr(policy, key)) is not None:
            section[key] = word
    return section


def _origin(origin: Origin) -> Value:
    return {"regex": origin.text} if origin.is_regex else origin.text


def _routes(outcome: Outcome, named: _Named) -> Iterator[str]:
    for route in outcome.routes:
        yield from _comments(route.comments, _INDENT)
        section = _route(route, named)
        line = f"{_INDENT}- {_flow(section)}"
        if len(line) <= _WIDTH:
            yield line
            continue
        first = True
        for key, value in section.items():
            for text in _entry(key, value, _INDENT * 2):
                yield f"{_INDENT}- {text.lstrip()}" if first else text
                first = False


def _route(route: Route, named: _Named) -> dict[str, Value]:
    section: dict[str, Value] = {"name": route.name}
    if len(route.hosts) == 1:
        section["host"] = route.hosts[0]
    elif route.hosts:
        section["hosts"] = list(route.hosts)
    section["path"] = route.path
    if route.is_exact:
        section["match"] = "exact"
    if route.extensions:
        section["extensions"] = list(route.extensions)
    if route.methods:
        section["methods"] = list(route.methods)
    if route.upstream is not None:
        section["upstream"] = named.upstreams[route.upstream]
    if route.redirect is not None:
        section["redirect"] = {"to": route.redirect.to, "status": route.redirect.status}
    if route.refuse is not None and route.upstream is None and route.redirect is None:
        section["refuse"] = route.refuse
    names = [named.policies[policy] for policy in route.policies]
    section["cors"] = (names[0] if len(names) == 1 else list(names)) if names else route.mode
    if route.replace_prefix == "/":
        section["strip_prefix"] = True
    elif route.replace_prefix is not None:
        section["replace_prefix"] = route.replace_prefix
    for key, headers in (
        ("request_headers", route.request_headers),
        ("response_headers", route.response_headers),
    ):
        if headers != NO_HEADERS:
            section[key] = _headers(headers)
    if route.request_body is not None:
        section["limits"] = {"request_body": 0 if route.request_body == "0" else route.request_body}
    return section


def _headers(headers: Headers) -> Value:
    section: dict[str, Value] = {}
    if headers.set:
        section["set"] = dict(headers.set)
    if headers.remove:
        section["remove"] = list(headers.remove)
    return section


def _left(outcome: Outcome) -> Iterator[str]:
    """At the end: what no route stands for."""
    said = {line for route in outcome.routes for line in route.comments}
    rest = [
        item for item in outcome.untranslated if not any(f"{item.file}:{item.line})" in line for line in said)
    ]
    if rest or outcome.notes:
        yield ""
    if rest:
        yield "# Not translated:"
        for item in rest:
            yield from _comment(_said(item), "", continued="    ")
    if outcome.notes:
        yield "# Translated, with a difference:"
        for item in outcome.notes:
            yield from _comment(_said(item), "", continued="    ")


def _said(item: Untranslated) -> str:
    return f"  {item.file}:{item.line} {item.directive}: {item.why}"


def _mapping(start: str, section: dict[str, Value], indent: str) -> Iterator[str]:
    """On one line if it fits and is short, else key by key."""
    line = f"{start} {_flow(section)}"
    if len(section) <= 2 and len(line) <= _WIDTH:
        yield line
        return
    yield start
    for key, value in section.items():
        yield from _entry(key, value, indent)


def _entry(key: str, value: Value, indent: str) -> Iterator[str]:
    line = f"{indent}{key}: {_flow(value)}"
    if not isinstance(value, list | dict) or (len(line) <= _WIDTH and not _is_long(value)):
        yield line
    elif isinstance(value, dict):
        yield f"{indent}{key}:"
        for name, item in value.items():
            yield from _entry(scalar(name), item, indent + _INDENT)
    else:
        yield f"{indent}{key}:"
        for item in value:
            yield f"{indent}{_INDENT}- {_flow(item)}"


def _is_long(value: Value) -> bool:
    """Lists of origins read better one a line."""
    return isinstance(value, list) and len(value) > 2 and any("://" in str(item) for item in value)


def _flow(value: Value) -> str:
    if isinstance(value, dict):
        return f"{{{', '.join(f'{scalar(key)}: {_flow(item)}' for key, item in value.items())}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_flow, value))}]"
    return scalar(value)


def _comments(lines: tuple[str, ...], indent: str) -> Iterator[str]:
    for line in lines:
        yield from _comment(line, indent)


def _comment(text: str, indent: str, continued: str = "") -> Iterator[str]:
    """Wrapped; whatever the original holds, it stays a comment."""
    clean = "".join(char if char.isprintable() else " " for char in text)
    pieces = wrap(
        clean,
        _COMMENT_WIDTH - len(indent),
        subsequent_indent=continued,
        break_long_words=False,
        break_on_hyphens=False,
    )
    yield from (f"{indent}# {piece}" for piece in pieces)


def _policy_names(outcome: Outcome) -> dict[Policy, str]:
    namer = Namer()
    names: dict[Policy, str] = {}
    for route in _broad_first(outcome):
        for policy in route.policies:
            if policy not in names:
                names[policy] = namer.name(*_wishes(policy, route))
    return {policy: names[policy] for route in outcome.routes for policy in route.policies}


def _wishes(policy: Policy, route: Route) -> list[str]:
    """What the policy might be called: after its first origin, or after the route."""
    if policy.is_open:
        return ["everyone", f"everyone-{route.name}"]
    origin = policy.allow_origins[0].text
    site = site_name(origin)
    return [site, f"{site}-{route.name}", route.name]


def _upstream_names(outcome: Outcome) -> dict[Upstream, str]:
    namer = Namer()
    names: dict[Upstream, str] = {}
    for route in _broad_first(outcome):
        upstream = route.upstream
        if upstream is None or upstream in names:
            continue
        wish = upstream.name or _server_name(upstream) or route.name
        names[upstream] = namer.name(wish, f"{wish}-{route.name}")
    return {route.upstream: names[route.upstream] for route in outcome.routes if route.upstream is not None}


def _server_name(upstream: Upstream) -> str:
    """The name of its first server, if that says anything."""
    address = upstream.servers[0].url.partition("://")[2]
    host = address.rpartition(":")[0] or address
    says_nothing = host in ("", "localhost") or "[" in host or host.replace(".", "").isdigit()
    return "" if says_nothing else host_name(host)


def _broad_first(outcome: Outcome) -> list[Route]:
    """What several routes share is called after the broadest of them."""
    return sorted(
        outcome.routes,
        key=lambda route: (len([part for part in route.path.split("/") if part]), route.is_exact),
    )
