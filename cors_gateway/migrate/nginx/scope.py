"""Which directives are in effect in a server, a location or an `if`: inheritance as nginx resolves it.

Most directives count from the innermost block that has them. Those that may be repeated (`add_header`, `proxy_set_header`,
`allow` …) are inherited only as a whole; `more_set_headers` adds up; handlers (`proxy_pass`, `return` …) are never inherited,
except by an `if` from its location.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from cors_gateway.migrate.nginx.parse import Directive

PASSES = ("fastcgi_pass", "uwsgi_pass", "scgi_pass", "grpc_pass", "memcached_pass")
"""Handlers that are no HTTP proxy."""
MORE_SET = ("more_set_headers",)
_STATUS_OPTIONS = {"-s", "-t"}


@dataclass(frozen=True, slots=True)
class HeaderLine:
    """One header that nginx adds to answers."""

    name: str
    value: str
    """With its variables."""
    is_always: bool
    """Whether answers with an error status have it, too."""
    directive: Directive

    @property
    def key(self) -> str:
        return self.name.lower()

    @property
    def replaces(self) -> bool:
        """Whether the backend's header of that name goes."""
        return self.directive.name in MORE_SET


@dataclass(frozen=True, slots=True, eq=False)
class Scope:
    """A block with those around it. The outermost has the http block."""

    directive: Directive
    parent: "Scope | None" = None

    @property
    def kind(self) -> str:
        """`http`, `server`, `location`, `if` …"""
        return self.directive.name

    def own(self, *names: str) -> tuple[Directive, ...]:
        return self.directive.children(*names)

    def outwards(self) -> Iterator["Scope"]:
        """This block, then those around it."""
        scope: Scope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    def effective(self, *names: str) -> tuple[Directive, ...]:
        """The directives of the innermost block that has any of them."""
        for scope in self.outwards():
            if found := scope.own(*names):
                return found
        return ()

    def one(self, name: str) -> Directive | None:
        """The directive of that name that counts."""
        found = self.effective(name)
        return found[-1] if found else None

    @property
    def server(self) -> "Scope":
        return next(scope for scope in self.outwards() if scope.kind in ("server", "http"))

    def own_headers(self) -> tuple[HeaderLine, ...]:
        return tuple(line for directive in self.own("add_header", *MORE_SET) for line in _lines(directive))

    def headers(self) -> tuple[HeaderLine, ...]:
        """What nginx adds to answers made under this block."""
        added = [line for directive in self.effective("add_header") for line in _lines(directive)]
        replaced: dict[str, HeaderLine] = {}
        for scope in reversed(tuple(self.outwards())):
            for directive in scope.own(*MORE_SET):
                replaced |= {line.key: line for line in _lines(directive)}
        return (*added, *replaced.values())

    def handler(self) -> Directive | None:
        """`proxy_pass`, `fastcgi_pass` …: its own, or that of the location around an `if`."""
        found = self.own("proxy_pass", *PASSES)
        if found:
            return found[-1]
        return self.parent.handler() if self.kind == "if" and self.parent else None

    def hides(self, name: str) -> Directive | None:
        """The directive that keeps the backend's header of that name from the client."""
        for directive in self.effective("proxy_hide_header"):
            if directive.args and directive.args[0].lower() == name.lower():
                return directive
        return None

    def request_headers(self) -> dict[str, Directive]:
        """`proxy_set_header` in effect, by name in lower case."""
        return {found.args[0].lower(): found for found in self.effective("proxy_set_header") if found.args}


def server_scopes(http: Scope) -> list[Scope]:
    return [Scope(server, http) for server in http.own("server")]


def locations_of(scope: Scope) -> Iterator[Scope]:
    """Every location of a server, nested ones after the one around them."""
    for directive in scope.own("location"):
        location = Scope(directive, scope)
        yield location
        yield from locations_of(location)


@dataclass(frozen=True, slots=True)
class LocationMatch:
    """What a location asks of the path."""

    kind: str
    """`=`, `^~`, `~`, `~*`, `@`, or empty for a plain prefix."""
    text: str


def match_of(location: Scope) -> LocationMatch:
    args = location.directive.args
    if not args:
        return LocationMatch("", "/")
    if len(args) > 1:
        return LocationMatch(args[0], args[1])
    found = re.match(r"=|\^~|~\*|~|@", args[0])
    kind = found[0] if found else ""
    return LocationMatch(kind, args[0] if kind == "@" else args[0].removeprefix(kind))


def _lines(directive: Directive) -> Iterator[HeaderLine]:
    if directive.name == "add_header":
        if len(directive.args) >= 2:
            is_always = directive.args[2:3] == ("always",)
            yield HeaderLine(directive.args[0], directive.args[1], is_always, directive)
        return
    args = iter(directive.args)
    statuses: list[str] = []
    fields: list[str] = []
    for arg in args:
        if arg in _STATUS_OPTIONS:
            values = next(args, "").split()
            statuses += values if arg == "-s" else []
        elif not arg.startswith("-"):
            fields.append(arg)
    is_always = not statuses or any(status.startswith(("4", "5")) for status in statuses)
    for field in fields:
        name, _, value = field.partition(":")
        yield HeaderLine(name.strip(), value.strip(), is_always, directive)
