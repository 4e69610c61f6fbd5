"""Playing a request through a location: `set`, `if`, `rewrite`, `return` and `break` in their order, as nginx runs them.

`if` is a rewrite directive: it changes which block's headers and handlers count, and the last one that matches wins. What
the headers then are is asked of the run; nothing here knows what they mean.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from cors_gateway.migrate.nginx.parse import Directive
from cors_gateway.migrate.nginx.pcre import search
from cors_gateway.migrate.nginx.scope import PASSES, HeaderLine, LocationMatch, Scope, match_of
from cors_gateway.migrate.nginx.variables import OriginTest, Request, Variables, names_in

_REWRITES = frozenset({"set", "if", "rewrite", "return", "break"})
_REDIRECT_FLAGS = {"redirect": 302, "permanent": 301}
_FILE_METHODS = frozenset({"GET", "HEAD"})
"""What nginx serves files for; anything else is 405, and never looked for elsewhere."""
_NOT_ALLOWED = 405
_REWRITE_CYCLE = 500
_MAX_HOPS = 10
_NEGATED = "!"
_FILE_TESTS = frozenset({"-f", "-d", "-e", "-x"})


@dataclass(slots=True)
class Run:
    """What became of a request."""

    request: Request
    variables: Variables
    scope: Scope
    """Whose headers and handler count: a location, the last `if` entered, or a server that answers by itself."""
    location: Scope | None = None
    entered: list[Scope] = field(default_factory=list)
    """The `if` blocks of the location that matched, in their order."""
    returned: Directive | None = None
    """The `return`, or the `rewrite` that redirects."""
    status: int | None = None
    """Of an answer that nginx makes itself."""
    answer: str = ""
    """Its text, or where it redirects to."""
    broke: Directive | None = None
    """What ended the rewrite directives of the location early, and keeps the request in it."""
    is_stopped: bool = False
    """Whether the rewrite directives of this block are over."""
    moved: list[Directive] = field(default_factory=list)
    """The directives that changed the path or the location."""
    guard: Directive | None = None
    """The outermost `if` around the `return`."""

    @property
    def handler(self) -> Directive | None:
        return None if self.returned else self.scope.handler()

    @property
    def is_proxied(self) -> bool:
        return self.handler is not None and self.handler.name == "proxy_pass"

    @property
    def reaches_backend(self) -> bool:
        return self.handler is not None

    @property
    def path(self) -> str:
        return self.variables.path

    @property
    def tests(self) -> Iterable[OriginTest]:
        return self.variables.tests

    def sent(self) -> list[tuple[HeaderLine, str]]:
        """The headers that nginx adds to a good answer, with their values; an empty one is not sent."""
        lines = [(line, self.variables.value(line.value)) for line in self.scope.headers()]
        return [(line, value) for line, value in lines if value]

    def value_of(self, name: str) -> str:
        """The value of a header as the last such line gives it; empty if it is not sent."""
        return next((value for line, value in reversed(self.sent()) if line.key == name), "")

    def target_path(self) -> str | None:
        """The path that the backend sees; None if nothing is proxied or the address is computed."""
        handler = self.handler
        if handler is None or handler.name != "proxy_pass" or not handler.args:
            return None
        address = self.variables.value(handler.args[0])
        uri = uri_of(address)
        if uri is None or (self.moved_by_break and not any(names_in(handler.args[0]))):
            return self.path
        if any(names_in(handler.args[0])):
            return uri
        match = match_of(self.location) if self.location else LocationMatch("", "/")
        if match.kind not in ("", "=", "^~"):
            return self.path
        return uri + self.path[len(match.text) :]

    @property
    def moved_by_break(self) -> bool:
        """With a path that was rewritten here, the URI of `proxy_pass` is not used."""
        return self.broke is not None and any(directive.name == "rewrite" for directive in self.moved)


def uri_of(address: str) -> str | None:
    """What follows the server in a `proxy_pass`; None without one (a slash is one)."""
    _, _, rest = address.partition("://")
    if rest.startswith("unix:"):
        _, colon, uri = rest.removeprefix("unix:").partition(":")
        return (uri or "/") if colon else None
    slash = rest.find("/")
    return None if slash < 0 else urlsplit(rest[slash:]).path


class Evaluator:
    """Plays requests through one server."""

    def __init__(
        self,
        server: Scope,
        maps: dict[str, Directive],
        known: dict[str, str],
        constant: frozenset[str] = frozenset(),
    ) -> None:
        self.server = server
        self._maps = maps
        self._known = known
        self._constant = constant

    def run(self, request: Request, location: Scope | None, *, ignore_breaks: bool = False) -> Run:
        """Play a request that belongs to `location` (None: look for it).

        With `ignore_breaks` nothing ends the rewrite directives early, which no nginx does.
        """
        variables = Variables(self._maps, request, self._known, self._constant, path=request.path)
        run = Run(request, variables, self.server)
        if self._execute(run, self.server, self.server.directive.block or (), ignore_breaks):
            return run
        moved_by_server = run.path != request.path
        if location is None or moved_by_server:
            location = self.find(run.path)
        hops = 0
        while location is not None and hops < _MAX_HOPS:
            hops += 1
            run.scope = run.location = location
            run.entered, run.broke, run.is_stopped = [], None, False
            self._capture(run, location)
            before = run.path
            if self._execute(run, location, location.directive.block or (), ignore_breaks):
                location = self._error_handler(run)
                if location is None or run.returned is None:
                    return run
                run.moved.append(run.returned)
                run.returned = run.status = None
                continue
            if run.path != before and run.broke is None:
                location = self.find(run.path)
                continue
            following = self._fallback(run, location)
            if following is None:
                return run
            location = following
        if location is not None and run.moved:
            run.returned, run.status = run.moved[-1], _REWRITE_CYCLE
        return run

    def find(self, path: str) -> Scope | None:
        """The location for a path: exact, the longest prefix, and expressions unless that prefix forbids them."""
        return _find(self.server, path)

    def named(self, name: str) -> Scope | None:
        for directive in self.server.own("location"):
            if match_of(scope := Scope(directive, self.server)).text == name:
                return scope
        return None

    def _error_handler(self, run: Run) -> Scope | None:
        """The named location that answers an error made by `return`: a way to give preflights a place of their own."""
        if run.returned is None or run.returned.name != "return" or (run.status or 0) < 400 or run.answer:
            return None
        for directive in run.scope.effective("error_page"):
            if str(run.status) in directive.args[:-1] and directive.args[-1].startswith("@"):
                run.moved.append(directive)
                return self.named(directive.args[-1])
        return None

    def _capture(self, run: Run, location: Scope) -> None:
        """The expression of a location sets `$1` and its named groups."""
        match = match_of(location)
        if match.kind in ("~", "~*"):
            found = search(match.text, run.path, ignore_case=match.kind == "~*")
            if found:
                run.variables.capture(found)

    def _fallback(self, run: Run, location: Scope) -> Scope | None:
        """Where a request goes that no file answers: the last of `try_files`, or an `error_page` for 404."""
        tried = location.own("try_files")
        target = tried[-1].args[-1] if tried and tried[-1].args else ""
        source = tried[-1] if tried else None
        if not tried and run.scope.handler() is None:
            for directive in location.effective("error_page"):
                if "404" in directive.args[:-1] and directive.args[-1].startswith("@"):
                    target, source = directive.args[-1], directive
        if not target.startswith("@") or source is None:
            return None
        found = self.named(target)
        if found is None or found.directive is location.directive:
            return None
        if source.name == "error_page" and run.request.method not in _FILE_METHODS:
            run.returned, run.status = source, _NOT_ALLOWED
            return None
        run.moved.append(source)
        return found

    def _execute(
        self,
        run: Run,
        scope: Scope,
        directives: Iterable[Directive],
        ignore_breaks: bool,
        guard: Directive | None = None,
    ) -> bool:
        """Run rewrite directives. True if they answered the request."""
        for directive in directives:
            if directive.name not in _REWRITES or run.is_stopped:
                continue
            if directive.name == "if":
                if not self._holds(run, directive):
                    continue
                inner = Scope(directive, scope)
                if scope.kind == "location":
                    run.entered.append(inner)
                    run.scope = inner
                if self._execute(run, inner, directive.block or (), ignore_breaks, guard or directive):
                    return True
            elif self._step(run, directive, ignore_breaks):
                run.guard = guard or run.guard
                return True
        return False

    def _step(self, run: Run, directive: Directive, ignore_breaks: bool) -> bool:
        args = directive.args
        match directive.name:
            case "set" if len(args) == 2:
                run.variables.assign(args[0].lstrip("$"), run.variables.value(args[1]), directive)
            case "break" if not ignore_breaks:
                run.broke, run.is_stopped = directive, True
            case "return":
                _answer(run, directive)
                return True
            case "rewrite" if len(args) >= 2:
                return self._rewrite(run, directive, ignore_breaks)
        return False

    def _rewrite(self, run: Run, directive: Directive, ignore_breaks: bool) -> bool:
        expression, replacement, *flags = directive.args
        found = search(expression, run.path, ignore_case=False)
        if found is None:
            return False
        run.variables.capture(found)
        target = run.variables.value(replacement)
        flag = flags[0] if flags else ""
        if flag in _REDIRECT_FLAGS or re.match(r"https?://|\$scheme", replacement):
            run.returned, run.status, run.answer = directive, _REDIRECT_FLAGS.get(flag, 302), target
            return True
        run.variables.path = target.partition("?")[0] or "/"
        run.moved.append(directive)
        if flag == "break" and not ignore_breaks:
            run.broke = directive
        run.is_stopped = flag == "last" or run.broke is not None
        return False

    def _holds(self, run: Run, directive: Directive) -> bool:
        variables, args = run.variables, directive.args
        if not args:
            return False
        if args[0].lstrip(_NEGATED) in _FILE_TESTS:
            return args[0].startswith(_NEGATED)
        left = variables.value(args[0])
        if len(args) == 1:
            return left not in ("", "0")
        operator, right = args[1], variables.value(args[2]) if len(args) > 2 else ""
        is_negated = operator.startswith(_NEGATED)
        if operator in ("=", "!="):
            if variables.is_origin(left):
                variables.note(directive, "exact", right, is_negated=is_negated)
            return (left == right) != is_negated
        expression, ignore_case = args[2] if len(args) > 2 else "", operator.endswith("*")
        if variables.is_origin(left):
            variables.note(directive, "regex", expression, ignore_case=ignore_case, is_negated=is_negated)
        found = search(expression, left, ignore_case=ignore_case)
        if found:
            variables.capture(found)
        return bool(found) != is_negated


def maps_of(http: Directive) -> dict[str, Directive]:
    """What the http block says about variables, by their names."""
    return {
        directive.args[-1].lstrip("$"): directive
        for directive in http.children("map", "geo", "split_clients")
        if directive.args
    }


def _answer(run: Run, directive: Directive) -> None:
    run.returned = directive
    args = directive.args
    if args and args[0].isdecimal():
        run.status = int(args[0])
        run.answer = run.variables.value(args[1]) if len(args) > 1 else ""
    elif args:
        run.status, run.answer = 302, run.variables.value(args[0])


def _find(scope: Scope, path: str) -> Scope | None:
    best: Scope | None = None
    best_match = LocationMatch("", "")
    expressions: list[tuple[Scope, LocationMatch]] = []
    for directive in scope.own("location"):
        location = Scope(directive, scope)
        match = match_of(location)
        if match.kind == "=" and match.text == path:
            return location
        if match.kind in ("~", "~*"):
            expressions.append((location, match))
        elif (
            match.kind in ("", "^~")
            and path.startswith(match.text)
            and len(match.text) > len(best_match.text)
        ):
            best, best_match = location, match
    if best is not None and (nested := _find(best, path)) is not None:
        return nested
    if best_match.kind != "^~":
        for location, match in expressions:
            if search(match.text, path, ignore_case=match.kind == "~*"):
                return _find(location, path) or location
    return best


__all__ = ["PASSES", "Evaluator", "Request", "Run", "maps_of", "uri_of"]
