"""What a reload changed: per route who may do more than before, and who less, and what else is different.

Pure: two snapshots in, values out. Policies are compared in `policy/difference.py`, and the words are those of
`change_sentences.py`; here are the routes and everything around them.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields

from cors_gateway.config.lint.regex.containment import contains
from cors_gateway.policy.difference import NO_DIFFERENCE, PolicyDifference, difference
from cors_gateway.policy.policy import DISABLED, Policy
from cors_gateway.server.change_sentences import access_phrases, memory_sentence, other_phrases
from cors_gateway.snapshot import Route, Snapshot

_OTHERWISE_TOLD = frozenset({"name", "methods", "policy", "policy_name"})
"""Fields of a route that have words of their own, or that mean nothing by themselves."""


@dataclass(frozen=True, slots=True)
class RouteChange:
    """One route before and after."""

    name: str
    policy: PolicyDifference = NO_DIFFERENCE
    settings: tuple[str, ...] = ()
    """What changed about the route itself, as phrases."""

    @property
    def widened(self) -> tuple[str, ...]:
        """What somebody may do now and could not before, as phrases such as `origins: https://a.example`."""
        return tuple(access_phrases(self.policy.wider))

    @property
    def narrowed(self) -> tuple[str, ...]:
        """What somebody could do before and may not now, as phrases."""
        return tuple(access_phrases(self.policy.narrower))

    @property
    def lines(self) -> tuple[str, ...]:
        """Sentences for the log."""
        start = f"route {self.name}"
        lines = [f"{start}: {phrase}" for phrase in (*self.settings, *other_phrases(self.policy))]
        lines += [f"{start}: access widened, {phrase}" for phrase in self.widened]
        lines += [f"{start}: access narrowed, {phrase}" for phrase in self.narrowed]
        memory = memory_sentence(self.policy)
        return (*lines, f"{start}: {memory}") if memory else tuple(lines)


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
        return tuple(route.name for route in self.routes if route.policy.wider)

    @property
    def narrowed(self) -> tuple[str, ...]:
        """Names of routes on which somebody may do less than before."""
        return tuple(route.name for route in self.routes if route.policy.narrower)


NO_CHANGES = Changes()


def compare(old: Snapshot, new: Snapshot) -> Changes:
    """What differs in meaning. Routes are the same if they have the same name.

    Takes its time: not for the event loop.
    """
    before = {route.name: route for route in old.routes}
    after = {route.name: route for route in new.routes}
    differences = _Differences()
    changes: list[RouteChange] = []
    for name in dict.fromkeys([*before, *after]):
        one, other = before.get(name), after.get(name)
        settings = tuple(_route_settings(one, other))
        found = differences.between(_policy(one), _policy(other))
        if settings or not found.is_empty:
            changes.append(RouteChange(name, found, settings))
    return Changes(tuple(changes), tuple(_settings(old, new)))


class _Differences:
    """How policies differ, found once for each pair: many routes share a large policy."""

    def __init__(self) -> None:
        self._found: dict[tuple[int, int], PolicyDifference] = {}

    def between(self, old: Policy, new: Policy) -> PolicyDifference:
        pair = id(old), id(new)
        if pair not in self._found:
            self._found[pair] = difference(old, new, contains)
        return self._found[pair]


def _policy(route: Route | None) -> Policy:
    """What is not served is closed."""
    return DISABLED if route is None else route.policy


def _route_settings(old: Route | None, new: Route | None) -> Iterator[str]:
    """Changes of a route that are not about its policy."""
    if old is None or new is None:
        yield "removed" if new is None else "added"
        return
    for field in fields(Route):
        before, after = getattr(old, field.name), getattr(new, field.name)
        if field.compare and field.name not in _OTHERWISE_TOLD and before != after:
            yield f"{field.name} was {before}, is {after}"
    if old.methods != new.methods:
        yield f"methods were {_method_list(old)}, are {_method_list(new)}"


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
