"""RE2 expressions as trees, seen through the characters that an origin can have.

Only what the rules ask about is kept: an atom is the set of origin characters it matches, whatever else it may match.
Where RE2 has more to say (word boundaries, Unicode classes) the tree matches more than the expression, never less.
Reading expressions is in `parser.py`; what the trees mean for a policy is in `origins.py`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

ALPHABET = "abcdefghijklmnopqrstuvwxyz0123456789-._:/[]+"
"""The characters of serialised origins; `Chars.mask` has a bit for each, in this order."""
ALL = (1 << len(ALPHABET)) - 1

_BITS = {char: 1 << place for place, char in enumerate(ALPHABET)}


@dataclass(frozen=True, slots=True)
class Chars:
    """One character out of a set."""

    mask: int
    kind: Literal["literal", "any", "class"]
    start: int
    """Where it is written in the expression."""


@dataclass(frozen=True, slots=True)
class Sequence:
    items: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Choice:
    branches: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Repeat:
    item: "Node"
    low: int
    high: int | None
    """None is unbounded."""


Node = Chars | Sequence | Choice | Repeat


@dataclass(frozen=True, slots=True)
class Expression:
    """A parsed expression, and what the tree does not show."""

    root: Node
    anchors: tuple[tuple[int, int], ...]
    """Where `^`, `$` and the like begin and end."""


def mask_of(chars: str) -> int:
    """Return the set of those characters that can occur in an origin."""
    return sum(_BITS.get(char, 0) for char in set(chars))


def chars_of(mask: int) -> Iterator[str]:
    """Yield the characters of a set, letters first."""
    return (char for char, bit in _BITS.items() if mask & bit)
