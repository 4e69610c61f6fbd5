"""The filters of a rule: what they set and remove, where they send requests, and which of them close the rule."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from cors_gateway.config.lint.field_edits import Direction
from cors_gateway.config.lint.written_path import path_problem
from cors_gateway.config.syntax.endpoints import is_host
from cors_gateway.migrate.ingress.cors_filter import Granted, policy_of_filter, policy_of_headers
from cors_gateway.migrate.ingress.documents import Node
from cors_gateway.migrate.nginx.fields import field_problem
from cors_gateway.migrate.outcome import Headers, Redirect, Untranslated

_CORS = "access-control-"
_ORIGIN = "access-control-allow-origin"
_GUARDS = {
    "ExternalAuth": "the gateway does not authenticate",
    "ExtensionRef": "what it refers to is not known here, and may be a guard",
}
_REPLACED = "it stood beside what was there; the gateway puts it in its place"
TO_HTTPS = "a route cannot tell http from https; redirect where TLS ends"
_STATUSES = (301, 302, 303, 307, 308)


@dataclass(slots=True)
class Filters:
    """What the filters of one rule come to."""

    cors: Granted | None = None
    request: Headers = field(default_factory=Headers)
    response: Headers = field(default_factory=Headers)
    redirect: Node | None = None
    rewrite: Node | None = None
    closing: tuple[Node, str] | None = None
    """A filter that nothing stands for, so that the rule has to stay closed, and why."""
    left: list[Untranslated] = field(default_factory=list)
    notes: list[Untranslated] = field(default_factory=list)


def filters_of(filters: Iterable[Node]) -> Filters:
    """Read the filters of a rule."""
    made = Filters()
    granting: dict[str, tuple[str, Node]] = {}
    for one in filters:
        match one.text("type"):
            case "CORS":
                made.cors = policy_of_filter(one.at("cors") or one)
            case "RequestHeaderModifier":
                made.request = _headers(one.at("requestHeaderModifier") or one, "request_headers", made, {})
            case "ResponseHeaderModifier":
                made.response = _headers(
                    one.at("responseHeaderModifier") or one, "response_headers", made, granting
                )
            case "RequestRedirect":
                made.redirect = one.at("requestRedirect") or one
            case "URLRewrite":
                made.rewrite = one.at("urlRewrite") or one
            case "RequestMirror":
                made.left.append(_note(one, "RequestMirror", "the gateway does not copy requests"))
            case kind:
                made.closing = (one, _GUARDS.get(kind, "the gateway knows no such filter"))
    if made.cors is None and _ORIGIN in granting:
        made.cors = policy_of_headers(granting)
    return made


def redirect_of(node: Node, hosts: tuple[str, ...]) -> Redirect | str:
    """Where a redirect leads, or why no route can say it."""
    path = node.at("path")
    host = node.text("hostname") or (hosts[0] if len(hosts) == 1 and not hosts[0].startswith("*") else "")
    scheme, port = node.text("scheme"), node.text("port")
    status = node.text("statusCode", default="302")
    if status.isdecimal() and int(status) not in _STATUSES:
        return f"{status} is no redirect that a route can make"
    if path is not None:
        return "a redirect of a route adds the path of the request; it cannot change it"
    if not node.text("hostname") and not port:
        return TO_HTTPS
    if not is_host(host) or not scheme:
        return "where it leads depends on the request"
    return Redirect(f"{scheme}://{host}{f':{port}' if port else ''}", int(status))


def prefix_of(rewrite: Node | None, path: str, *, is_exact: bool) -> str | Untranslated | None:
    """What takes the place of the path of a route; None if it stays as it is."""
    change = rewrite.at("path") if rewrite is not None else None
    if rewrite is None or change is None:
        return None
    full, prefix = change.text("replaceFullPath"), change.text("replacePrefixMatch")
    target = full or prefix
    if full and not is_exact:
        return _note(
            change, "replaceFullPath", "everything below arrives at one path; a route replaces its prefix"
        )
    if not target.startswith("/") or path_problem(target):
        return _note(change, "path", "this is no path that a route can write")
    return target if is_exact or not target.endswith("/") or path.endswith("/") else target.rstrip("/") or "/"


def host_of(rewrite: Node | None) -> str:
    name = rewrite.text("hostname") if rewrite is not None else ""
    return name if is_host(name) else "preserve"


def _headers(
    node: Node, direction: Direction, made: Filters, granting: dict[str, tuple[str, Node]]
) -> Headers:
    values: dict[str, str] = {}
    for key in ("set", "add"):
        for one in node.items(key):
            name, value = one.text("name"), one.text("value")
            if direction == "response_headers" and name.lower().startswith(_CORS):
                granting[name.lower()] = (value, one)
            elif problem := field_problem(direction, name, value):
                made.left.append(_note(one, name, problem))
            else:
                values[name] = value
                if key == "add":
                    made.notes.append(_note(one, name, _REPLACED))
    return Headers(tuple(values.items()), tuple(_removed(node, direction, made)))


def _removed(node: Node, direction: Direction, made: Filters) -> Iterator[str]:
    for one in node.items("remove"):
        name = str(one.value)
        problem = field_problem(direction, name, "")
        if problem is None:
            yield name
        elif not name.lower().startswith(_CORS):
            made.left.append(_note(one, name, problem))


def _note(at: Node, name: str, why: str) -> Untranslated:
    return Untranslated(name, at.file, at.line, why)
