"""Rules for `cors: [own, partners]`: the first policy that lists an origin decides, so no origin may be in two of them.

Exact origins and wildcards are compared by asking each list about samples of the other, expressions by their automata.
An expression that the automata do not understand counts as listing nothing that another one lists.
"""

from collections.abc import Iterator, Sequence

from cors_gateway.config.lint.finding import Finding
from cors_gateway.config.lint.regex.language import (
    Automaton,
    automaton_of,
    common_value,
    described_by,
    intersection,
)
from cors_gateway.config.lint.regex.origin_sets import ANY_ORIGIN, of_pattern
from cors_gateway.config.lint.regex.parser import parse_regex
from cors_gateway.policy.matcher import OriginMatcher
from cors_gateway.policy.pattern import OriginPattern
from cors_gateway.policy.policy import Policy
from cors_gateway.policy.quoting import shown

_SHARED = {"forward_origin": "strip_origin", "cross_origin_redirects": "cross_origin_redirects"}
"""Keys about the backend, which cannot be one thing to one origin and another to the next, and their fields."""
_LABEL = "x"
"""Stands for whatever a wildcard leaves open."""


class Overlaps:
    """Finds origins that two policies list, once for each pair: many routes may name the same policies."""

    def __init__(self) -> None:
        self._listings: dict[int, _Listing] = {}
        self._found: dict[tuple[int, int], str | None] = {}

    def between(self, one: Policy, other: Policy) -> str | None:
        """An origin that both list, None if there is none. A star lists none: it stands for all that are left."""
        pair = id(one), id(other)
        if pair not in self._found:
            self._found[pair] = _shared(self._listing(one), self._listing(other))
        return self._found[pair]

    def _listing(self, policy: Policy) -> "_Listing":
        found = self._listings.get(id(policy))
        if found is None:
            found = self._listings[id(policy)] = _Listing(policy)
        return found


def lint_policy_list(policies: Sequence[tuple[str, Policy]], overlaps: Overlaps) -> Iterator[Finding]:
    """Check the policies that a route names, in this order. Paths start at the route."""
    for at, (name, policy) in enumerate(policies):
        if policy.any_origin and at < len(policies) - 1:
            what = f"{shown(name)} allows every origin, so no policy after it is ever asked"
            yield Finding("error", "cors.list", what, "put it last", ("cors", at))
        first_name, first = policies[0]
        for key, field in _SHARED.items():
            if getattr(policy, field) != getattr(first, field):
                what = f"{key} of {shown(name)} is not that of {shown(first_name)}"
                hint = "write the same in both: it concerns the backend, whoever asks"
                yield Finding("error", "cors.list", what, hint, ("cors", at))
        if policy.constant_origin:
            what = f"{shown(name)} has constant_origin, but which policy answers depends on the origin"
            yield Finding("error", "cors.list", what, "remove constant_origin", ("cors", at))
        for earlier_name, earlier in policies[:at]:
            origin = overlaps.between(earlier, policy)
            if origin is not None:
                what = f"{shown(name)} lists {shown(origin)}, which {shown(earlier_name)} lists as well"
                hint = "take it out of one of them: the first policy that lists an origin decides"
                yield Finding("error", "cors.overlap", what, hint, ("cors", at))


class _Listing:
    """What a policy lists, ready to be compared."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy  # what is remembered by identity must not go away
        self.has_null = policy.allow_null_origin and not policy.any_origin
        self.matcher = OriginMatcher(policy.allow_origins)
        self.plain = [pattern for pattern in policy.allow_origins if pattern.regex is None]
        self.ports = sorted({pattern.port for pattern in self.plain if pattern.subdomains and pattern.port})
        self.wildcards = [
            automaton
            for pattern in self.plain
            if (pattern.subdomains or pattern.any_port or pattern.any_host)
            and (automaton := automaton_of(parse_regex(of_pattern(pattern)))) is not None
        ]
        self.expressions = [
            automaton
            for pattern in policy.allow_origins
            if pattern.regex is not None
            and (automaton := automaton_of(parse_regex(pattern.regex))) is not None
        ]

    def lists(self, origin: str) -> bool:
        return self.matcher.match(origin.encode()) is not None


def _shared(one: _Listing, other: _Listing) -> str | None:
    if one.has_null and other.has_null:
        return "null"
    return next(
        (origin for origin in _suspects(one, other) if one.lists(origin) and other.lists(origin)), None
    )


def _suspects(one: _Listing, other: _Listing) -> Iterator[str]:
    """Origins of which at least one is in both lists if any is; a sample of a wildcard tries every port of the other."""
    for here, there in ((one, other), (other, one)):
        for pattern in here.plain:
            yield from _samples(pattern, there.ports)
        for expression in here.expressions:
            yield from filter(None, (common_value(expression, wildcard) for wildcard in there.wildcards))
    for expression in one.expressions:
        for opposite in other.expressions:
            yield from filter(None, [_common_origin(expression, opposite)])


def _samples(pattern: OriginPattern, ports: Sequence[int]) -> Iterator[str]:
    host = _LABEL if pattern.any_host else pattern.host
    host = f"{_LABEL}.{host}" if pattern.subdomains else host
    if pattern.any_port:
        yield from (f"{pattern.scheme}://{host}:{port}" for port in ports)
    yield f"{pattern.scheme}://{host}" + ("" if pattern.port is None else f":{pattern.port}")


def _common_origin(one: Automaton, other: Automaton) -> str | None:
    both = intersection(one, other)
    return None if both is None else common_value(both, described_by(ANY_ORIGIN))
