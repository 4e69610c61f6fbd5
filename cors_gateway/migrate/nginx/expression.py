"""Expressions taken apart: what they spell out, what they leave open, and where they lack an anchor.

PCRE as configurations use it, over printable ASCII. `expansions` cuts an expression into the alternatives it has: each is a
row of characters with open parts between them. Look-around, back-references and the like are not understood: None.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product

from cors_gateway.config.lint.regex.scanner import Scanner, UnknownSyntaxError

PRINTABLE = frozenset(map(chr, range(0x21, 0x7F)))
_WORD = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_")
_DIGITS = frozenset("0123456789")
_CLASSES = {"d": _DIGITS, "w": _WORD, "s": frozenset[str]()}
_POSIX = {"alnum": _WORD - {"_"}, "alpha": _WORD - _DIGITS - {"_"}, "digit": _DIGITS, "word": _WORD}
_COUNT = re.compile(r"\{([0-9]{1,3})(?:(,)([0-9]{0,3}))?\}")
_GROUP = re.compile(r"\?(?::|P?<[A-Za-z_]\w*>|([i]):)")
_POSIX_CLASS = re.compile(r"\[:(\w+):\]")
_MAX_EXPANSIONS = 64
_MAX_DEPTH = 40
_SMALL = 10
"""A class of at most so many characters is spelt out."""
_FEW_REPEATS = 3


@dataclass(frozen=True, slots=True)
class Chars:
    """One character out of a set; `is_dot` for the dot that stands for any."""

    members: frozenset[str]
    is_dot: bool = False


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


@dataclass(frozen=True, slots=True)
class Anchor:
    """`^` or `$`."""

    is_start: bool


Node = Chars | Sequence | Choice | Repeat | Anchor
Expansion = tuple[str | Node, ...]
"""Texts and open parts in turn, without anchors."""


@dataclass(frozen=True, slots=True)
class Expression:
    root: Node
    has_start: bool
    """Whether every match begins where the value begins."""
    has_end: bool
    has_lone_dot: bool
    """Whether a dot that is not repeated stands for any character."""


def parse_expression(text: str, *, ignore_case: bool) -> Expression | None:
    """Read an expression; with `ignore_case` letters are taken in lower case."""
    parser = _Parser(text, ignore_case)
    try:
        root = parser.whole()
    except UnknownSyntaxError:
        return None
    return Expression(
        root, _is_anchored(root, at_start=True), _is_anchored(root, at_start=False), parser.has_lone_dot
    )


def expansions(node: Node) -> list[Expansion] | None:
    """The alternatives of an expression; None if they are too many. A dot that is not repeated counts as a dot."""
    try:
        return [_joined(expansion) for expansion in dict.fromkeys(_expand(node))]
    except _TooManyError:
        return None


def is_unbounded_any(part: str | Node) -> bool:
    """Whether the part is `.*`, `.+` or a class that admits what no host name has."""
    return (
        isinstance(part, Repeat)
        and part.high is None
        and isinstance(part.item, Chars)
        and "/" in part.item.members
    )


def always_ends_in(node: "str | Node", char: str) -> bool:
    """Whether every text that the part matches ends so (an optional part may match nothing)."""
    match node:
        case str():
            return node.endswith(char)
        case Chars():
            return node.is_dot is False and node.members == {char}
        case Sequence():
            return bool(node.items) and always_ends_in(node.items[-1], char)
        case Choice():
            return all(always_ends_in(branch, char) for branch in node.branches)
        case Repeat():
            return always_ends_in(node.item, char)
    return False


def begins_with(node: "str | Node", char: str) -> bool:
    """Whether every text that the part matches, if it matches one, begins so."""
    match node:
        case str():
            return node.startswith(char)
        case Chars():
            return not node.is_dot and node.members == {char}
        case Sequence():
            return bool(node.items) and begins_with(node.items[0], char)
        case Choice():
            return all(begins_with(branch, char) for branch in node.branches)
        case Repeat():
            return begins_with(node.item, char)
    return False


class _TooManyError(Exception):
    pass


class _Parser(Scanner):
    def __init__(self, text: str, ignore_case: bool) -> None:
        super().__init__(text)
        self.has_lone_dot = False
        self._depth = 0
        self._ignore_case = ignore_case

    def whole(self) -> Node:
        if self._text.startswith("(?i)"):
            self._ignore_case, self._at = True, 4
        root = self._choice()
        if self._at < len(self._text):
            raise UnknownSyntaxError
        return root

    def _choice(self) -> Node:
        branches: list[Node] = []
        items: list[Node] = []
        while self._at < len(self._text) and self._text[self._at] != ")":
            if self._take("|"):
                branches.append(Sequence(tuple(items)))
                items = []
                continue
            item = self._repeated(self._atom())
            self.has_lone_dot |= isinstance(item, Chars) and item.is_dot
            items.append(item)
        last = Sequence(tuple(items))
        return Choice((*branches, last)) if branches else last

    def _repeated(self, item: Node) -> Node:
        while True:
            if self._take("*"):
                item = Repeat(item, 0, None)
            elif self._take("+"):
                item = Repeat(item, 1, None)
            elif self._take("?"):
                item = Repeat(item, 0, 1)
            elif count := _COUNT.match(self._text, self._at):
                self._at = count.end()
                high = (int(count[3]) if count[3] else None) if count[2] else int(count[1])
                item = Repeat(item, int(count[1]), high)
            else:
                return item
            self._take("?") or self._take("+")  # lazy and possessive repeats match the same values, or fewer

    def _atom(self) -> Node:
        char = self._next()
        match char:
            case "(":
                return self._group()
            case "[":
                return self._class()
            case ".":
                return Chars(PRINTABLE, is_dot=True)
            case "^" | "$":
                return Anchor(char == "^")
            case "\\":
                return self._escape()
            case "*" | "+" | "?":
                raise UnknownSyntaxError
        return self._literal(char)

    def _group(self) -> Node:
        self._depth += 1
        outer = self._ignore_case
        if self._text.startswith("?", self._at):
            kind = _GROUP.match(self._text, self._at)
            if kind is None:
                raise UnknownSyntaxError
            self._ignore_case = outer or kind[1] == "i"
            self._at = kind.end()
        if self._depth > _MAX_DEPTH:
            raise UnknownSyntaxError
        node = self._choice()
        if not self._take(")"):
            raise UnknownSyntaxError
        self._depth -= 1
        self._ignore_case = outer
        return node

    def _escape(self) -> Node:
        char = self._next()
        if char.lower() in _CLASSES:
            members = _CLASSES[char.lower()]
            return Chars(PRINTABLE - members if char.isupper() else members)
        if char in "Az":
            return Anchor(char == "A")
        if char.isalnum():
            raise UnknownSyntaxError
        return self._literal(char)

    def _class(self) -> Node:
        is_negated = self._take("^")
        members: set[str] = set()
        is_first = True
        while is_first or not self._text.startswith("]", self._at):
            is_first = False
            if named := _POSIX_CLASS.match(self._text, self._at):
                self._at = named.end()
                members |= _POSIX.get(named[1], PRINTABLE)
                continue
            low = self._member()
            if (
                len(low) > 1
                or not self._text.startswith("-", self._at)
                or self._text.startswith("-]", self._at)
            ):
                members |= low
                continue
            self._at += 1
            high = self._member()
            if len(high) > 1:
                members |= low | {"-"} | high
            else:
                members |= {chr(code) for code in range(ord(min(low)), ord(min(high)) + 1)}
        self._at += 1
        if self._ignore_case:
            members = {char.lower() for char in members}
        return Chars(frozenset(PRINTABLE - members if is_negated else members))

    def _member(self) -> frozenset[str]:
        char = self._next()
        if char != "\\":
            return frozenset(char)
        escaped = self._next()
        if escaped.lower() in _CLASSES:
            members = _CLASSES[escaped.lower()]
            return PRINTABLE - members if escaped.isupper() else members
        return frozenset(escaped)

    def _literal(self, char: str) -> Node:
        return Chars(frozenset(char.lower() if self._ignore_case else char))


def _is_anchored(node: Node, *, at_start: bool) -> bool:
    match node:
        case Anchor():
            return node.is_start == at_start
        case Sequence():
            return bool(node.items) and _is_anchored(node.items[0 if at_start else -1], at_start=at_start)
        case Choice():
            return all(_is_anchored(branch, at_start=at_start) for branch in node.branches)
        case Repeat():
            return node.low > 0 and _is_anchored(node.item, at_start=at_start)
    return False


def _expand(node: Node) -> Iterator[Expansion]:
    match node:
        case Anchor():
            yield ()
        case Chars(members, is_dot):
            if is_dot:
                yield (".",)
            elif len(members) <= _SMALL:
                yield from ((char,) for char in sorted(members))
            else:
                yield (node,)
        case Sequence(items):
            yield from _product([_bounded(_expand(item)) for item in items])
        case Choice(branches):
            for branch in branches:
                yield from _expand(branch)
        case Repeat(item, low, high):
            if (
                high is None
                or high > _FEW_REPEATS
                or (isinstance(item, Chars) and len(item.members) > 1 and high > 1)
            ):
                yield (node,)
                return
            for count in range(low, high + 1):
                yield from _product([_bounded(_expand(item))] * count)


def _product(parts: list[list[Expansion]]) -> Iterator[Expansion]:
    total = 1
    for part in parts:
        total *= max(1, len(part))
    if total > _MAX_EXPANSIONS:
        raise _TooManyError
    for row in product(*parts):
        yield tuple(piece for expansion in row for piece in expansion)


def _bounded(expanded: Iterator[Expansion]) -> list[Expansion]:
    found: list[Expansion] = []
    for expansion in expanded:
        found.append(expansion)
        if len(found) > _MAX_EXPANSIONS:
            raise _TooManyError
    return found


def _joined(expansion: Expansion) -> Expansion:
    joined: list[str | Node] = []
    for part in expansion:
        if isinstance(part, str) and joined and isinstance(joined[-1], str):
            joined[-1] += part
        else:
            joined.append(part)
    return tuple(joined)
