"""Which origins an expression matches: answers that hold for all of them, not for a few samples.

An expression becomes an automaton with one state for each of its atoms (Glushkov's construction), and is walked side
by side with a second one that describes the values asked about. The work is bounded by the product of their sizes.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import product

from cors_gateway.config.lint.regex.origin_sets import NAME, NAMED_ORIGIN, SCHEME
from cors_gateway.config.lint.regex.parser import parse_regex
from cors_gateway.config.lint.regex.tree import (
    Chars,
    Expression,
    Node,
    Repeat,
    Sequence,
    chars_of,
    mask_of,
)

_STATE_LIMIT = 1_000
_WALK_LIMIT = 50_000
_NAME_CHARS = mask_of("abcdefghijklmnopqrstuvwxyz0123456789-")
_WIDE = 10
"""So many ways to write a part of a name leave strangers a choice: all digits, say, or two letters out of four."""
STRAY = "x"
"""Stands for whatever else than a dot a `.` may match."""


@dataclass(frozen=True, slots=True)
class Automaton:
    """States are atoms of the expression, numbered from 1; state 0 is the beginning."""

    atoms: tuple[Chars, ...]
    follow: tuple[tuple[int, ...], ...]
    accepting: frozenset[int]
    lone_dots: frozenset[int]
    """States of a `.` that is not repeated: most likely a forgotten backslash."""
    looped: frozenset[int]
    """States inside an unbounded repeat."""
    is_ambiguous: bool
    """Whether nested repeats can split one value in exponentially many ways."""


def automaton_of(expression: Expression | None) -> Automaton | None:
    """Build the automaton; None for what was not understood, or is unreasonably large."""
    try:
        return _Builder().build(expression.root) if expression else None
    except _TooLargeError:
        return None


@lru_cache(maxsize=64)
def described_by(text: str) -> Automaton:
    """Build the automaton of a description that the rules ask about (`origin_sets.py`)."""
    automaton = automaton_of(parse_regex(text))
    if automaton is None:
        raise ValueError(text)
    return automaton


def common_value(one: Automaton, other: Automaton, *, literal_from: int | None = None) -> str | None:
    """Return the shortest value that both match, None if there is none.

    What `other` writes from `literal_from` on has to be spelt out by `one`: classes do not count there.
    """
    origin: dict[tuple[int, int], tuple[tuple[int, int], str] | None] = {(0, 0): None}
    waiting = deque([(0, 0)])
    while waiting:
        pair = waiting.popleft()
        if pair[0] in one.accepting and pair[1] in other.accepting:
            return "".join(_trace(origin, pair))
        for left in one.follow[pair[0]]:
            atom = one.atoms[left]
            for right in other.follow[pair[1]]:
                opposite = other.atoms[right]
                if literal_from is not None and opposite.start >= literal_from and atom.kind != "literal":
                    continue
                both = atom.mask & opposite.mask
                if both and (left, right) not in origin:
                    origin[left, right] = (pair, next(chars_of(both)))
                    waiting.append((left, right))
    return None


def intersection(one: Automaton, other: Automaton) -> Automaton | None:
    """Build the automaton of what both match; None if it is unreasonably large."""
    numbers = {(0, 0): 0}
    atoms = [Chars(0, "literal", -1)]
    follow: list[list[int]] = []
    pairs = [(0, 0)]
    for left, right in pairs:  # grows on the way
        if len(pairs) > _WALK_LIMIT:
            return None
        steps: list[int] = []
        for pair in product(one.follow[left], other.follow[right]):
            both = one.atoms[pair[0]].mask & other.atoms[pair[1]].mask
            if both:
                if pair not in numbers:
                    numbers[pair] = len(pairs)
                    pairs.append(pair)
                    atoms.append(Chars(both, "class", -1))
                steps.append(numbers[pair])
        follow.append(steps)
    accepting = {number for (left, right), number in numbers.items() if _both_accept(one, other, left, right)}
    nothing: frozenset[int] = frozenset()
    return Automaton(tuple(atoms), tuple(map(tuple, follow)), frozenset(accepting), nothing, nothing, False)


def open_ends(automaton: Automaton) -> set[str]:
    """Return what the hosts end in, to the right of the last character that anyone may choose.

    `https://.*\\.example\\.com` gives `.example.com`, `https://.*` the empty text, a list of names nothing. A `.` that is not
    repeated is a dot or `STRAY`: alone it leaves nobody a choice, after such a character it is part of a name.
    """
    host = described_by(NAMED_ORIGIN)
    before = _predecessors(automaton, host)
    ends: set[str] = set()
    waiting = [(left, right, "", 1) for left, right in before if _both_accept(automaton, host, left, right)]
    seen = set(waiting)
    while waiting and len(seen) < _WALK_LIMIT:
        left, right, end, ways = waiting.pop()
        written_at = host.atoms[right].start
        if written_at < len(SCHEME):
            continue
        tails = [end]
        if written_at < len(SCHEME) + len(NAME):
            ways *= _ways(automaton, left)
            if ways >= _WIDE:
                ends.add(end.removesuffix("."))
                continue
            both = automaton.atoms[left].mask & host.atoms[right].mask
            if left in automaton.lone_dots:
                both &= mask_of(f".{STRAY}")
            tails = [char + end for char in chars_of(both)]
        for pair in before[left, right]:
            for tail in tails:
                step = (*pair, tail, ways)
                if step not in seen:
                    seen.add(step)
                    waiting.append(step)
    return ends


class _TooLargeError(Exception):
    pass


@dataclass(frozen=True, slots=True)
class _Part:
    """What a sub-expression looks like from outside: where a match of it begins and ends."""

    is_optional: bool
    first: frozenset[int]
    last: frozenset[int]


_NOTHING = _Part(is_optional=True, first=frozenset(), last=frozenset())


class _Builder:
    def __init__(self) -> None:
        self._atoms = [Chars(0, "literal", -1)]
        self._follow: list[set[int]] = [set()]
        self._lone_dots: set[int] = set()
        self._looped: set[int] = set()
        self._is_ambiguous = False

    def build(self, root: Node) -> Automaton:
        whole = self._part(root)
        self._follow[0] = set(whole.first)
        return Automaton(
            tuple(self._atoms),
            tuple(tuple(sorted(states)) for states in self._follow),
            whole.last | {0} if whole.is_optional else whole.last,
            frozenset(self._lone_dots),
            frozenset(self._looped),
            self._is_ambiguous,
        )

    def _part(self, node: Node, *, repeated: bool = False) -> _Part:
        if isinstance(node, Chars):
            return self._atom(node, is_lone_dot=node.kind == "any" and not repeated)
        if isinstance(node, Sequence):
            return self._joined(self._part(item) for item in node.items)
        if isinstance(node, Repeat):
            return self._repeat(node)
        branches = [self._part(branch) for branch in node.branches]
        return _Part(
            any(branch.is_optional for branch in branches),
            frozenset().union(*(branch.first for branch in branches)),
            frozenset().union(*(branch.last for branch in branches)),
        )

    def _atom(self, node: Chars, *, is_lone_dot: bool) -> _Part:
        state = len(self._atoms)
        if state > _STATE_LIMIT:
            raise _TooLargeError
        self._atoms.append(node)
        self._follow.append(set())
        if is_lone_dot:
            self._lone_dots.add(state)
        here = frozenset({state})
        return _Part(is_optional=False, first=here, last=here)

    def _joined(self, parts: Iterator[_Part]) -> _Part:
        whole = _NOTHING
        for part in parts:
            self._connect(whole.last, part.first)
            whole = _Part(
                whole.is_optional and part.is_optional,
                whole.first | part.first if whole.is_optional else whole.first,
                whole.last | part.last if part.is_optional else part.last,
            )
        return whole

    def _repeat(self, node: Repeat) -> _Part:
        required = self._joined(self._part(node.item, repeated=True) for _ in range(max(node.low - 1, 0)))
        if node.high is None:
            return self._joined(iter((required, self._loop(node))))
        rest = _NOTHING
        for copy in range(node.high, max(node.low - 1, 0), -1):
            # From the inside out, x(x(x)?)?: beside each other the copies would all be connected.
            rest = self._joined(iter((self._part(node.item, repeated=True), rest)))
            if copy > node.low:
                rest = _Part(is_optional=True, first=rest.first, last=rest.last)
        return self._joined(iter((required, rest)))

    def _loop(self, node: Repeat) -> _Part:
        begin = len(self._atoms)
        part = self._part(node.item, repeated=True)
        self._looped.update(range(begin, len(self._atoms)))
        for state in part.last:
            # Two loops that take the same step leave it open which of them does.
            self._is_ambiguous |= not part.first.isdisjoint(self._follow[state])
        self._connect(part.last, part.first)
        return _Part(part.is_optional or node.low == 0, part.first, part.last)

    def _connect(self, sources: frozenset[int], targets: frozenset[int]) -> None:
        for state in sources:
            self._follow[state] |= targets


def _trace(
    origin: dict[tuple[int, int], tuple[tuple[int, int], str] | None], pair: tuple[int, int]
) -> list[str]:
    chars: list[str] = []
    while step := origin[pair]:
        pair, char = step
        chars.append(char)
    return chars[::-1]


def _both_accept(one: Automaton, other: Automaton, left: int, right: int) -> bool:
    return left in one.accepting and right in other.accepting


def _ways(automaton: Automaton, state: int) -> int:
    """How many letters an atom has to choose from, at least one; a repeat without end is as good as any number."""
    if state in automaton.lone_dots:
        return 1
    choices = (automaton.atoms[state].mask & _NAME_CHARS).bit_count()
    return _WIDE if choices and state in automaton.looped else max(choices, 1)


def _predecessors(one: Automaton, other: Automaton) -> dict[tuple[int, int], list[tuple[int, int]]]:
    """Return the pairs of states that can be reached together, each with those before it."""
    before: dict[tuple[int, int], list[tuple[int, int]]] = {}
    waiting = [(0, 0)]
    while waiting:
        pair = waiting.pop()
        for left in one.follow[pair[0]]:
            for right in other.follow[pair[1]]:
                if not one.atoms[left].mask & other.atoms[right].mask:
                    continue
                if (left, right) not in before:
                    before[left, right] = []
                    waiting.append((left, right))
                before[left, right].append(pair)
    return before
