"""Whether one entry of `allow_origins` matches every origin that another one matches, expressions included.

Answers yes only where that is certain: the tree of an expression may match more than the expression (`tree.py`), which does
no harm in the narrow one and makes every doubtful wide one a no.
"""

import re

from cors_gateway.config.lint.regex.language import Automaton, automaton_of, described_by
from cors_gateway.config.lint.regex.origin_sets import ANY_ORIGIN, of_pattern
from cors_gateway.config.lint.regex.parser import parse_regex
from cors_gateway.config.lint.regex.tree import chars_of, mask_of
from cors_gateway.policy.pattern import OriginPattern

_STEP_LIMIT = 20_000
"""Steps of the walk, some tenths of a second; what takes more counts as not known."""

_INEXACT = re.compile(r"\\(?![dw./:-])|\(\?(?!:)|\[\[|[\^$]")
"""What a tree may show too widely, or what is too rare to tell: boundaries, flags, named classes, inner anchors."""


def contains(wide: OriginPattern, narrow: OriginPattern) -> bool:
    """Whether `wide` matches every origin that `narrow` matches. False as well if that is not known."""
    if wide.regex is not None and (narrow.any_host or not _is_exact(wide.regex)):
        return False
    outer, inner = (automaton_of(parse_regex(of_pattern(pattern))) for pattern in (wide, narrow))
    return outer is not None and inner is not None and _is_within(inner, outer)


def _is_exact(expression: str) -> bool:
    # The whole value has to match, so anchors at the ends say nothing; `[^` is no anchor.
    body = expression.removeprefix("^").removesuffix("$").replace("[^", "[")
    return _INEXACT.search(body) is None


def _is_within(inner: Automaton, outer: Automaton) -> bool:
    """Walk through the origins that `inner` matches, with all states that `outer` may be in by then."""
    origin = described_by(ANY_ORIGIN)
    start = (0, 0, frozenset({0}))
    waiting, seen = [start], {start}
    after: dict[tuple[frozenset[int], str], frozenset[int]] = {}
    while waiting:
        here, shape, possible = waiting.pop()
        is_match = here in inner.accepting and shape in origin.accepting
        if len(seen) > _STEP_LIMIT or (is_match and possible.isdisjoint(outer.accepting)):
            return False
        for following in inner.follow[here]:
            for shaped in origin.follow[shape]:
                for char in chars_of(inner.atoms[following].mask & origin.atoms[shaped].mask):
                    if (possible, char) not in after:
                        after[possible, char] = _after(outer, possible, char)
                    step = (following, shaped, after[possible, char])
                    if step not in seen:
                        seen.add(step)
                        waiting.append(step)
    return True


def _after(automaton: Automaton, states: frozenset[int], char: str) -> frozenset[int]:
    bit = mask_of(char)
    return frozenset(
        following
        for state in states
        for following in automaton.follow[state]
        if automaton.atoms[following].mask & bit
    )
