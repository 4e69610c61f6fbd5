"""An expansion of an expression as an expression again, mended: dots escaped, no anchors, no more open than a host can be.

What the gateway reads (RE2) is written here; `expression.py` read what nginx has (PCRE).
"""

import re
from collections.abc import Iterator

from cors_gateway.migrate.nginx.expression import PRINTABLE, Chars, Choice, Expansion, Node, Repeat, Sequence

_HOST_CHARS = frozenset("abcdefghijklmnopqrstuvwxyz0123456789.-_")


def render(expansion: Expansion) -> str:
    """The expansion as an expression again: dots escaped, no anchors, no more open than a host name can be."""
    return "".join(
        re.sub(r"[.\\+*?()|\[\]{}^$]", r"\\\g<0>", part) if isinstance(part, str) else _rendered(part)
        for part in expansion
    )


def _rendered(node: Node) -> str:
    match node:
        case Chars(members, is_dot):
            return r"\." if is_dot else _rendered_set(members)
        case Sequence(items):
            return "".join(_rendered(item) for item in items)
        case Choice(branches):
            return f"(?:{'|'.join(_rendered(branch) for branch in branches)})"
        case Repeat(item, low, high):
            is_any = isinstance(item, Chars) and item.is_dot
            inner = _rendered_set(PRINTABLE) if is_any else _rendered(item)
            if isinstance(item, Sequence | Repeat):
                inner = f"(?:{inner})"
            return inner + _count(low, high)
    return ""


def _count(low: int, high: int | None) -> str:
    if high is None:
        return {0: "*", 1: "+"}.get(low, f"{{{low},}}")
    if (low, high) == (0, 1):
        return "?"
    return f"{{{low}}}" if low == high else f"{{{low},{high}}}"


def _rendered_set(members: frozenset[str]) -> str:
    members = _HOST_CHARS - {"_"} if {"/", "."} <= members else members & _HOST_CHARS
    if len(members) == 1:
        return re.escape(min(members)) if members <= {"."} else min(members)
    ranges = ""
    for run in ("abcdefghijklmnopqrstuvwxyz", "0123456789"):
        ranges += "".join(_ranges(run, members))
    return f"[{ranges}{''.join(char for char in '._' if char in members)}{'-' if '-' in members else ''}]"


def _ranges(run: str, members: frozenset[str]) -> Iterator[str]:
    found = re.finditer(r"1+", "".join("1" if char in members else "0" for char in run))
    for piece in found:
        first, last = run[piece.start()], run[piece.end() - 1]
        yield (
            first
            if first == last
            else f"{first}{last}"
            if piece.end() - piece.start() == 2
            else f"{first}-{last}"
        )
