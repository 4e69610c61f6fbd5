"""Whether a list of origins lets in everybody whom an entry of another list lets in.

For comparing policies, not for deciding: which entry covers a received origin is the business of `matcher.py`.
"""

from collections.abc import Callable, Iterable, Sequence

from cors_gateway.policy.matcher import OriginMatcher
from cors_gateway.policy.pattern import OriginPattern, PatternKind, covers

Contains = Callable[[OriginPattern, OriginPattern], bool]
"""Whether the first pattern matches every origin that the second one matches. False if that is not known."""

MAX_QUESTIONS = 200
"""Pairs with an expression that are compared; those beyond count as different, so that the time stays bounded."""


class Cover:
    """Whether some of many patterns match all that another one matches; costs as much as a host has labels.

    Only an expression is compared with every pattern that is no exact one, and every such pattern with all expressions.
    """

    def __init__(self, patterns: Iterable[OriginPattern], contains: Contains) -> None:
        self._contains = contains
        self._questions = MAX_QUESTIONS
        self._same = frozenset(patterns)
        self._regexes = [pattern for pattern in self._same if pattern.regex is not None]
        self._matcher = OriginMatcher(self._regexes)
        self._wildcards = [pattern for pattern in self._same if pattern.kind is PatternKind.WILDCARD]
        self._wide: dict[tuple[str, str], list[OriginPattern]] = {}
        for pattern in self._wildcards:
            self._wide.setdefault((pattern.scheme, pattern.host), []).append(pattern)

    def __contains__(self, pattern: OriginPattern) -> bool:
        if pattern in self._same:
            return True
        if pattern.regex is not None:
            return self._is_contained(pattern, (*self._regexes, *self._wildcards))
        host = pattern.host
        while True:
            if any(covers(wide, pattern) for wide in self._wide.get((pattern.scheme, host), ())):
                return True
            if not host:  # the place of a pattern for the whole scheme
                break
            host = host.partition(".")[2]
        if pattern.kind is PatternKind.EXACT:
            return self._matcher.match(pattern.text.encode("ascii")) is not None
        return self._is_contained(pattern, self._regexes)

    def _is_contained(self, pattern: OriginPattern, others: Sequence[OriginPattern]) -> bool:
        others = others[: self._questions]
        self._questions -= len(others)
        return any(self._contains(wide, pattern) for wide in others)
