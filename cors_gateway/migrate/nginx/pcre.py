"""Matching as nginx does it, with Python's `re`: the two differ in the spelling of named groups, and in little else.

What an expression means for all values is in `expression.py`; here one value is asked about.
"""

import re
from functools import lru_cache

_NAMED_GROUP = re.compile(r"\(\?P?<([A-Za-z_]\w*)>")
_LEADING_FLAGS = re.compile(r"\(\?([a-z]+)\)")


@lru_cache(maxsize=1024)
def compiled(text: str, *, ignore_case: bool) -> re.Pattern[str] | None:
    """None for what Python cannot read."""
    spelt = _NAMED_GROUP.sub(r"(?P<\1>", text)
    flags = re.DOTALL if "s" in (found[1] if (found := _LEADING_FLAGS.match(spelt)) else "") else 0
    if found:
        spelt = spelt[found.end() :]
        ignore_case = ignore_case or "i" in found[1]
    try:
        return re.compile(spelt.replace(r"\z", r"\Z"), flags | (re.IGNORECASE if ignore_case else 0))
    except (re.error, OverflowError, RecursionError):
        return None


def search(text: str, value: str, *, ignore_case: bool) -> re.Match[str] | None:
    """The first match in the value; none for an expression that cannot be read."""
    pattern = compiled(text, ignore_case=ignore_case)
    return pattern.search(value) if pattern else None


def captures(found: re.Match[str]) -> dict[str, str]:
    """What the match gives to variables: `$1` … and the named groups."""
    numbered = {str(at + 1): text or "" for at, text in enumerate(found.groups()) if at < 9}
    return numbered | {name: text or "" for name, text in found.groupdict().items()}
