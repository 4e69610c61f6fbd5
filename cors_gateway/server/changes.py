"""What a reload changed: per route who may do more than before, and who less, and what else is different.

Pure: two snapshots in, values out. Policies are compared in `policy/difference.py`, and the words are those of
`change_sentences.py`; here are the routes and everything around them.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, fields, replace
from datetime import UTC, datetime
from itertools import zip_longest

from cors_gateway.config.lint.regex.containment import contains
from cors_gateway.policy.difference import NO_DIFFERENCE, PolicyDifference, difference
from cors_gateway.policy.policy import DISABLED, Policy
from cors_gateway.server.change_sentences import access_phrases, memory_sentence, named, other_phrases
from cors_gateway.server.moved_requests import moves
from cors_gateway.server.route_changes import route_phrases
from cors_gateway.snapshot import Route, Snapshot


@dataclass(frozen=True, slots=True)
class RouteChange:
    """One route before and after."""

    name: str
    policy: PolicyDifference = NO_DIFFERENCE
    settings: tuple[str, ...] = ()
    """What changed about the route itself, as phrases."""
    owner: str | None = None
    """The named policy that changed, if the route goes by it and no other, before and after."""

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
        return tuple(f"route {self.name}: {phrase}" for phrase in (*self.settings, *self.policy_phrases))

    @property
    def policy_phrases(self) -> tuple[str, ...]:
        """What changed about the policy."""
        phrases = [*other_phrases(self.policy)]
        phrases += [f"access widened, {phrase}" for phrase in self.widened]
        phrases += [f"access narrowed, {phrase}" for phrase in self.narrowed]
        memory = memory_sentence(self.policy)
        return (*phrases, memory) if memory else tuple(phrases)


@dataclass(frozen=True, slots=True)
class Changes:
    """The difference between two snapshots."""

    routes: tuple[RouteChange, ...] = ()
    settings: tuple[str, ...] = ()
    """Changes outside the routes, as sentences."""

    @property
    def lines(self) -> tuple[str, ...]:
        """Everything, as sentences. What changed about a policy that several routes share is said once."""
        return (*self.settings, *self._policy_lines(), *self._route_lines())

    def _shared(self) -> dict[tuple[str, PolicyDifference], list[str]]:
        """Names of the routes that a change of one named policy concerns, where it is more than one."""
        routes: dict[tuple[str, PolicyDifference], list[str]] = {}
        for route in self.routes:
            if route.owner is not None and not route.policy.is_empty:
                routes.setdefault((route.owner, route.policy), []).append(route.name)
        return {shared: names for shared, names in routes.items() if len(names) > 1}

    def _policy_lines(self) -> Iterator[str]:
        phrases = {(route.owner, route.policy): route.policy_phrases for route in self.routes}
        for (owner, policy), names in self._shared().items():
            start = f"policy {owner} (routes {named(names)})"
            yield from (f"{start}: {phrase}" for phrase in phrases[owner, policy])

    def _route_lines(self) -> Iterator[str]:
        shared = self._shared()
        for route in self.routes:
            is_told = route.owner is not None and (route.owner, route.policy) in shared
            lines = [f"route {route.name}: {phrase}" for phrase in route.settings]
            yield from lines if is_told else route.lines

    @property
    def widened(self) -> tuple[str, ...]:
        """Names of routes on which somebody may do more than before."""
        return tuple(dict.fromkeys(route.name for route in self.routes if route.policy.wider))

    @property
    def narrowed(self) -> tuple[str, ...]:
        """Names of routes on which somebody may do less than before."""
        return tuple(dict.fromkeys(route.name for route in self.routes if route.policy.narrower))


NO_CHANGES = Changes()


def compare(old: Snapshot, new: Snapshot) -> Changes:
    """What differs in meaning, request by request: who served it before, and who serves it now.

    Routes are the same if they have the same name, or serve the same requests under another. Takes its time: not for
    the event loop.
    """
    new = _with_former_names(old, new)
    before = {route.name: route for route in old.routes}
    after = {route.name: route for route in new.routes}
    differences = _Differences()
    changes: list[RouteChange] = []
    for name in dict.fromkeys([*before, *after]):
        if name in before and name in after:
            one, other = before[name], after[name]
            phrases = tuple(route_phrases(one, other))
            changes.append(RouteChange(name, differences.of(one, other), phrases, _owner(one, other)))
    seen = set(before) & set(after)
    for one_or_none, other_or_none in moves(old, new):
        changes.append(_moved(one_or_none, other_or_none, seen, differences))
    # One that is never reached moves nothing.
    unseen = [route.name for route in (*old.routes, *new.routes) if route.name not in seen]
    changes += [RouteChange(name, settings=("added" if name in after else "removed",)) for name in unseen]
    return Changes(
        tuple(change for change in changes if change.settings or not change.policy.is_empty),
        tuple(_settings(old, new)),
    )


def _owner(old: Route, new: Route) -> str | None:
    is_alone = not old.further_policies and not new.further_policies
    return new.policy_name if is_alone and old.policy_name == new.policy_name else None


def _moved(old: Route | None, new: Route | None, seen: set[str], differences: "_Differences") -> RouteChange:
    """Requests that another route serves now; `seen` are the routes of which it was told that they came or went."""
    settings = []
    for route, verb in ((old, "removed"), (new, "added")):
        if route is not None and route.name not in seen:
            seen.add(route.name)
            settings.append(verb if route is (new or old) else f"route {route.name} {verb}")
    if old is not None and new is not None:
        settings.append(f"serves requests that route {old.name} served")
    name = new.name if new is not None else old.name if old is not None else ""
    return RouteChange(name, differences.of(old, new), tuple(settings))


def _with_former_names(old: Snapshot, new: Snapshot) -> Snapshot:
    """The new routes, those under their old names that are only named otherwise."""
    names = {route.name for route in new.routes}
    gone = {route.keys: route.name for route in old.routes if route.name not in names}
    known = {route.name for route in old.routes}
    return replace(
        new,
        routes=tuple(
            replace(route, name=gone.pop(route.keys))
            if route.name not in known and route.keys in gone
            else route
            for route in new.routes
        ),
    )


class _Differences:
    """How policies differ, found once for each pair: many routes share a large policy."""

    def __init__(self) -> None:
        self._found: dict[tuple[int, int], PolicyDifference] = {}

    def of(self, old: Route | None, new: Route | None) -> PolicyDifference:
        """All policies of two routes; nobody's requests are closed to everybody."""
        pairs = _pairs(_policies(old), _policies(new))
        return _joined([self._between(one, other) for one, other in pairs])

    def _between(self, old: Policy, new: Policy) -> PolicyDifference:
        pair = id(old), id(new)
        if pair not in self._found:
            self._found[pair] = difference(old, new, contains)
        return self._found[pair]


def _policies(route: Route | None) -> dict[str, Policy]:
    """By name, in order. What is not served is closed."""
    if route is None:
        return {"": DISABLED}
    further = {each.name or "": each.policy for each in route.further_policies}
    return {route.policy_name or "": route.policy, **further}


def _pairs(old: dict[str, Policy], new: dict[str, Policy]) -> Iterator[tuple[Policy, Policy]]:
    """The policies to compare: those with one name, then the others as they come; one that is alone was or is closed."""
    names = [name for name in old if name in new] if len(old) + len(new) > 2 else []
    yield from ((old[name], new[name]) for name in names)
    rest = ([policy for name, policy in each.items() if name not in names] for each in (old, new))
    yield from zip_longest(*rest, fillvalue=DISABLED)


def _joined(differences: Sequence[PolicyDifference]) -> PolicyDifference:
    """What several policies of one route gained and lost together: what all of them say is said once."""
    if len(differences) == 1:
        return differences[0]
    memories: dict[str, int] = {}
    for browser, seconds in (memory for each in differences for memory in each.remembered):
        memories[browser] = max(seconds, memories.get(browser, 0))
    return PolicyDifference(
        wider=tuple(dict.fromkeys(statement for each in differences for statement in each.wider)),
        narrower=tuple(dict.fromkeys(statement for each in differences for statement in each.narrower)),
        changed=tuple(dict.fromkeys(statement for each in differences for statement in each.changed)),
        remembered=tuple(memories.items()),
    )


def _settings(old: Snapshot, new: Snapshot) -> Iterable[str]:
    for field in fields(old.server):
        if field.name == "workers":
            continue
        if getattr(old.server, field.name) != getattr(new.server, field.name):
            yield f"server.{field.name} changed"
    if old.admin != new.admin:
        yield "admin changed"
    former = old.certificates
    for file, ends in new.certificates.items():
        if former.get(file, ends) != ends:
            days = [datetime.fromtimestamp(each, UTC).date().isoformat() for each in (ends, former[file])]
            yield "certificate {}: valid until {}, was {}".format(file, *days)
    for name in dict.fromkeys([*old.upstreams, *new.upstreams]):
        if name not in new.upstreams:
            yield f"upstream {name} removed"
        elif name not in old.upstreams:
            yield f"upstream {name} added"
        elif old.upstreams[name] != new.upstreams[name]:
            yield f"upstream {name} changed"
    if old.server.workers != new.server.workers:
        yield "server.workers changed, which needs a restart"
