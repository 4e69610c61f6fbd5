"""What a reload changed, in the words of an operator: per route who may do more than before, and who less.

Pure: two snapshots in, sentences out. Access is compared by what it admits, so an origin that moved from an entry of
its own under a wildcard counts as unchanged. Regular expressions are compared by their text.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields

from cors_gateway.policy.pattern import OriginPattern, covers
from cors_gateway.policy.policy import DISABLED, Mode, Policy
from cors_gateway.snapshot import Route, Snapshot

REMEMBERED_AT_MOST = {"Firefox": 86_400, "Chromium": 7_200, "Safari": 600}
"""Caps of the browsers on Access-Control-Max-Age, in seconds."""
REMEMBERED_BY_DEFAULT = 5
"""Fetch, CORS-preflight fetch, step 7: without Access-Control-Max-Age."""

MAX_NAMED = 5
"""Entries that a sentence names; the rest is a number."""

_SAFELISTED_METHODS = ("GET", "HEAD", "POST")


@dataclass(frozen=True, slots=True)
class RouteChange:
    """One route before and after. Each entry is a phrase such as `origins: https://a.example`."""

    name: str
    widened: tuple[str, ...] = ()
    narrowed: tuple[str, ...] = ()
    other: tuple[str, ...] = ()
    remembered: tuple[tuple[str, int], ...] = ()
    """If narrowed: browsers, and for how many seconds they may go on by a preflight answer they have."""

    @property
    def lines(self) -> tuple[str, ...]:
        """Sentences for the log."""
        start = f"route {self.name}"
        lines = [f"{start}: {phrase}" for phrase in self.other]
        lines += [f"{start}: access widened, {phrase}" for phrase in self.widened]
        lines += [f"{start}: access narrowed, {phrase}" for phrase in self.narrowed]
        if self.remembered:
            times = ", ".join(f"{browser} {seconds} s" for browser, seconds in self.remembered)
            lines.append(f"{start}: browsers may go by preflight answers they remember: {times}")
        return tuple(lines)


@dataclass(frozen=True, slots=True)
class Changes:
    """The difference between two snapshots."""

    routes: tuple[RouteChange, ...] = ()
    settings: tuple[str, ...] = ()
    """Changes outside the routes, as sentences."""

    @property
    def lines(self) -> tuple[str, ...]:
        """Everything, as sentences."""
        return (*self.settings, *(line for route in self.routes for line in route.lines))

    @property
    def widened(self) -> tuple[str, ...]:
        """Names of routes on which somebody may do more than before."""
        return tuple(route.name for route in self.routes if route.widened)

    @property
    def narrowed(self) -> tuple[str, ...]:
        """Names of routes on which somebody may do less than before."""
        return tuple(route.name for route in self.routes if route.narrowed)


NO_CHANGES = Changes()


def compare(old: Snapshot, new: Snapshot) -> Changes:
    """What differs in meaning. Routes are the same if they have the same name.

    Takes its time: not for the event loop.
    """
    before = {route.name: route for route in old.routes}
    after = {route.name: route for route in new.routes}
    gains = _Gains()
    names = list(dict.fromkeys([*before, *after]))
    routes = [_compare_routes(name, before.get(name), after.get(name), gains) for name in names]
    return Changes(tuple(change for change in routes if change is not None), tuple(_settings(old, new)))


def remembered(policy: Policy) -> tuple[tuple[str, int], ...]:
    """For how many seconds each browser may remember a preflight answer of this policy."""
    asked = REMEMBERED_BY_DEFAULT if policy.max_age is None else policy.max_age
    return tuple((browser, min(cap, asked)) for browser, cap in REMEMBERED_AT_MOST.items())


class _Gains:
    """What one policy admits and another does not, found once for each pair: many routes share a large policy."""

    def __init__(self) -> None:
        self._found: dict[tuple[int, int], tuple[str, ...]] = {}

    def __call__(self, old: Policy, new: Policy) -> tuple[str, ...]:
        if old is new:
            return ()
        pair = id(old), id(new)
        if pair not in self._found:
            self._found[pair] = tuple(_gains(old, new))
        return self._found[pair]


class _Cover:
    """Whether some of many patterns match all that another one matches; costs as much as a host has labels."""

    def __init__(self, patterns: Iterable[OriginPattern]) -> None:
        self._same = frozenset(patterns)
        self._wide: dict[tuple[str, str], list[OriginPattern]] = {}
        for pattern in self._same:
            if pattern.subdomains or pattern.any_port:
                self._wide.setdefault((pattern.scheme, pattern.host), []).append(pattern)

    def __contains__(self, pattern: OriginPattern) -> bool:
        if pattern in self._same:
            return True
        host = pattern.host
        while host:
            if any(covers(wide, pattern) for wide in self._wide.get((pattern.scheme, host), ())):
                return True
            host = host.partition(".")[2]
        return False


def _compare_routes(name: str, old: Route | None, new: Route | None, gains: _Gains) -> RouteChange | None:
    widened: tuple[str, ...] = ()
    narrowed: tuple[str, ...] = ()
    other = tuple(_other(old, new))
    old_policy = old.policy if old is not None else DISABLED
    new_policy = new.policy if new is not None else DISABLED
    if is_left_to_backend(new_policy):
        if not is_left_to_backend(old_policy):
            widened = ("CORS is left to the backend",)
    elif is_left_to_backend(old_policy):
        other = (*other, "CORS is no longer left to the backend")
    else:
        widened = gains(old_policy, new_policy)
        narrowed = gains(new_policy, old_policy)
    if not (widened or narrowed or other):
        return None
    return RouteChange(name, widened, narrowed, other, remembered(old_policy) if narrowed else ())


def is_left_to_backend(policy: Policy) -> bool:
    """Whether answers are as the backend made them."""
    return policy.mode is Mode.PASSTHROUGH or policy.report_only


def _gains(old: Policy, new: Policy) -> Iterable[str]:
    """What the new policy admits and the old one does not."""
    if new.any_origin and not old.any_origin:
        yield "origins: any"
    elif not old.any_origin:
        cover = _Cover(old.allow_origins)
        yield from _phrase("origins", [one.text for one in new.allow_origins if one not in cover])
    if new.allow_null_origin and not old.allow_null_origin:
        yield "origins: null"
    for what, names in _NAMES.items():
        had = set(names(old))
        # `*` stands for every name but Authorization (Fetch, CORS non-wildcard request-header name).
        added = [
            name
            for name in names(new)
            if name not in had and ("*" not in had or name.lower() == "authorization")
        ]
        yield from _phrase(what, added)
    for what, is_on in _SWITCHES.items():
        if is_on(new) and not is_on(old):
            yield what


def _methods(policy: Policy) -> list[str]:
    if policy.mode is not Mode.ENFORCE:
        return []
    named = [*_SAFELISTED_METHODS, *policy.allow_methods]
    return ["*", *named] if policy.any_method else named


def _headers(policy: Policy) -> list[str]:
    return ["*", *policy.allow_headers] if policy.any_header else [*policy.allow_headers]


def _exposed(policy: Policy) -> list[str]:
    return ["*", *policy.expose_headers] if policy.expose_any else [*policy.expose_headers]


_NAMES: dict[str, Callable[[Policy], list[str]]] = {
    "methods": _methods,
    "request headers": _headers,
    "exposed headers": _exposed,
}

_SWITCHES: dict[str, Callable[[Policy], bool]] = {
    "credentials": lambda policy: policy.allow_credentials,
    "private network access": lambda policy: policy.allow_private_network,
    "timing details": lambda policy: policy.timing_allow_origin,
    "requests of other origins reach the backend": lambda policy: not policy.reject_disallowed_request,
    "WebSockets of other origins reach the backend": lambda policy: not policy.websocket_origin_check,
}


def _phrase(what: str, names: Iterable[str]) -> Iterable[str]:
    unique = list(dict.fromkeys(names))
    if unique:
        more = f" and {len(unique) - MAX_NAMED} more" if len(unique) > MAX_NAMED else ""
        yield f"{what}: {', '.join(unique[:MAX_NAMED])}{more}"


def _other(old: Route | None, new: Route | None) -> Iterable[str]:
    """Changes that are not about access."""
    if old is None or new is None:
        yield "removed" if new is None else "added"
        return
    for name in ("host", "path", "upstream", "strip_prefix"):
        before, after = getattr(old, name), getattr(new, name)
        if before != after:
            yield f"{name} was {before}, is {after}"
    if old.methods != new.methods:
        yield f"methods were {_method_list(old)}, are {_method_list(new)}"
    if old.policy.max_age != new.policy.max_age:
        yield f"max_age was {old.policy.max_age}, is {new.policy.max_age}"


def _method_list(route: Route) -> str:
    return "any" if route.methods is None else " ".join(sorted(route.methods))


def _settings(old: Snapshot, new: Snapshot) -> Iterable[str]:
    for field in fields(old.server):
        if field.name == "workers":
            continue
        if getattr(old.server, field.name) != getattr(new.server, field.name):
            yield f"server.{field.name} changed"
    if old.admin != new.admin:
        yield "admin changed"
    for name in dict.fromkeys([*old.upstreams, *new.upstreams]):
        if name not in new.upstreams:
            yield f"upstream {name} removed"
        elif name not in old.upstreams:
            yield f"upstream {name} added"
        elif old.upstreams[name] != new.upstreams[name]:
            yield f"upstream {name} changed"
    if old.server.workers != new.server.workers:
        yield "server.workers changed, which needs a restart"
