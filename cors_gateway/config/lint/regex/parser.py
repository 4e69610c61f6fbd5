"""Reading RE2 expressions into trees (`tree.py`).

Expressions come here after RE2 has accepted them, so the parser does not look for mistakes; what it does not know, it
declines.
"""

import re
from collections.abc import Iterator

from cors_gateway.config.lint.regex.scanner import Scanner, UnknownSyntaxError
from cors_gateway.config.lint.regex.tree import (
    ALL,
    ALPHABET,
    Chars,
    Choice,
    Expression,
    Node,
    Repeat,
    Sequence,
    mask_of,
)

_REPEAT_LIMIT = 64
"""Counts above this are taken as unbounded."""
_DEPTH_LIMIT = 50
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_DIGITS = "0123456789"
_ESCAPED_CLASSES = {"d": _DIGITS, "w": _LETTERS + _DIGITS + "_", "s": ""}
_NAMED_CLASSES = {
    "alnum": _LETTERS + _DIGITS,
    "alpha": _LETTERS,
    "ascii": ALPHABET,
    "blank": "",
    "cntrl": "",
    "digit": _DIGITS,
    "graph": ALPHABET,
    "lower": _LETTERS,
    "print": ALPHABET,
    "punct": "-._:/[]+",
    "space": "",
    "upper": "",
    "word": _LETTERS + _DIGITS + "_",
    "xdigit": _DIGITS + "abcdef",
}
_COUNT = re.compile(r"\{([0-9]{1,4})(?:(,)([0-9]{0,4}))?\}")
_FLAGS = re.compile(r"\?([imsU]*)(?:-([imsU]+))?([:)])")
_GROUP_NAME = re.compile(r"\?P?<\w+>")
_HEX = re.compile(r"x(?:\{([0-9A-Fa-f]{1,8})\}|([0-9A-Fa-f]{2}))")
_OCTAL = re.compile(r"[0-7]{1,3}")
_UNICODE_CLASS = re.compile(r"[pP](?:\{\^?\w+\}|\w)")
_NAMED_CLASS = re.compile(r"\[:(\^?)(\w+):\]")


def parse_regex(text: str) -> Expression | None:
    """Parse what RE2 has accepted; None if it uses syntax that is not known here."""
    parser = _Parser(text)
    try:
        return Expression(parser.whole(), tuple(parser.anchors))
    except UnknownSyntaxError:
        return None


_EMPTY = Sequence(())


class _Parser(Scanner):
    """Recursive descent over one expression."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.anchors: list[tuple[int, int]] = []
        self._depth = 0
        self._ignore_case = False

    def whole(self) -> Node:
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
            elif self._take("\\Q"):
                items.extend(self._quoted())
            else:
                items.append(self._atom())
            if items:
                items[-1] = self._repeated(items[-1])
        last = Sequence(tuple(items))
        return Choice((*branches, last)) if branches else last

    def _quoted(self) -> Iterator[Node]:
        end = self._text.find("\\E", self._at)
        stop = len(self._text) if end < 0 else end
        for place in range(self._at, stop):
            yield self._literal(self._text[place], place)
        self._at = stop if end < 0 else end + 2

    def _repeated(self, item: Node) -> Node:
        if self._take("*"):
            low, high = 0, None
        elif self._take("+"):
            low, high = 1, None
        elif self._take("?"):
            low, high = 0, 1
        elif count := self._read(_COUNT):
            low, high = _bounds(count)
        else:
            return item
        self._take("?")  # a lazy repeat matches the same values
        return Repeat(item, low, high)

    def _atom(self) -> Node:
        start = self._at
        char = self._next()
        match char:
            case "(":
                return self._group()
            case "[":
                return Chars(self._class(), "class", start)
            case "\\":
                return self._escape(start)
            case ".":
                return Chars(ALL, "any", start)
            case "^" | "$":
                self.anchors.append((start, self._at))
                return _EMPTY
        return self._literal(char, start)

    def _group(self) -> Node:
        outer = self._ignore_case
        if flags := self._read(_FLAGS):
            if "i" in flags[1]:
                self._ignore_case = True
            elif "i" in (flags[2] or ""):
                self._ignore_case = False
            if flags[3] == ")":
                return _EMPTY  # the flags hold to the end of the group around this one
        elif self._text.startswith("?", self._at) and not self._read(_GROUP_NAME):
            raise UnknownSyntaxError
        self._depth += 1
        if self._depth > _DEPTH_LIMIT:
            raise UnknownSyntaxError
        node = self._choice()
        if not self._take(")"):
            raise UnknownSyntaxError
        self._depth -= 1
        self._ignore_case = outer
        return node

    def _escape(self, start: int) -> Node:
        if self._read(_UNICODE_CLASS):
            return Chars(ALL, "class", start)
        if (char := self._code_point()) is not None:
            return self._literal(char, start)
        char = self._next()
        if char in "Az":
            self.anchors.append((start, self._at))
            return _EMPTY
        if char in "bB":
            return _EMPTY
        if char == "C":
            return Chars(ALL, "any", start)
        if char.lower() in _ESCAPED_CLASSES:
            return Chars(_escaped_class(char), "class", start)
        if char in "afnrtv":
            return Chars(0, "literal", start)
        return self._literal(char, start)

    def _class(self) -> int:
        negated = self._take("^")
        mask = 0
        first = True
        while first or self._text[self._at : self._at + 1] != "]":
            first = False
            if named := self._read(_NAMED_CLASS):
                members = mask_of(_NAMED_CLASSES.get(named[2], ALPHABET))
                mask |= ALL & ~members if named[1] else members
            elif self._text.startswith("\\", self._at) and (members := self._class_escape()) >= 0:
                mask |= members
            else:
                mask |= self._range()
        self._at += 1
        return ALL & ~mask if negated else mask

    def _class_escape(self) -> int:
        """Read an escape that stands for a set; -1, and nothing read, if it stands for one character."""
        self._at += 1
        if self._read(_UNICODE_CLASS):
            return ALL
        if self._text[self._at : self._at + 1].lower() in tuple(_ESCAPED_CLASSES):
            return _escaped_class(self._next())
        self._at -= 1
        return -1

    def _range(self) -> int:
        low = high = self._class_member()
        if self._text.startswith("-", self._at) and not self._text.startswith("-]", self._at):
            self._at += 1
            high = self._class_member()
        return mask_of(
            "".join(
                char
                for char in ALPHABET
                if low <= char <= high or (self._ignore_case and low <= char.upper() <= high)
            )
        )

    def _class_member(self) -> str:
        char = self._next()
        if char != "\\":
            return char
        return self._code_point() or self._next()

    def _code_point(self) -> str | None:
        if code := self._read(_HEX):
            number = int(code[1] or code[2], 16)
        elif code := self._read(_OCTAL):
            number = int(code[0], 8)
        else:
            return None
        if number > 0x10FFFF:
            raise UnknownSyntaxError
        return chr(number)

    def _literal(self, char: str, start: int) -> Node:
        return Chars(mask_of(char.lower() if self._ignore_case else char), "literal", start)

    def _read(self, what: re.Pattern[str]) -> re.Match[str] | None:
        found = what.match(self._text, self._at)
        if found:
            self._at = found.end()
        return found


def _bounds(count: re.Match[str]) -> tuple[int, int | None]:
    low = int(count[1])
    if count[2] is None:
        high: int | None = low
    else:
        high = int(count[3]) if count[3] else None
    return min(low, _REPEAT_LIMIT), high if high is None or high <= _REPEAT_LIMIT else None


def _escaped_class(char: str) -> int:
    members = mask_of(_ESCAPED_CLASSES[char.lower()])
    return ALL & ~members if char.isupper() else members
