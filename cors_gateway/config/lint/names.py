"""Names as HTTP knows them, and how messages show what the operator wrote.

What a particular name means to a browser is in `methods.py`, `request_headers.py` and `expose_headers.py`.
"""

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from cors_gateway.policy.fetch import is_token

_SHOWN_LENGTH = 100


def words(text: str) -> frozenset[str]:
    """Return the words of a constant that is easier to read as text."""
    return frozenset(text.split())


def named_entries(entries: Iterable[str] | None) -> Iterator[tuple[int, str]]:
    """Yield the entries of a list that are names and not the star, with their places."""
    for index, entry in enumerate(entries or ()):
        if entry != "*" and is_token(entry):
            yield index, entry


def shown(text: str) -> str:
    """Quote `text` for a message: on one line, and not longer than a line."""
    return f'"{visible(text)}"'


def visible(text: str) -> str:
    """Escape what cannot be seen or printed, and cut what is too long to read."""
    cut = text if len(text) <= _SHOWN_LENGTH else text[: _SHOWN_LENGTH - 1] + "…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in cut)


def split_hint(text: str) -> str:
    """Say how to write an entry that holds several names; empty if it does not."""
    parts = [part for part in re.split(r"[\s,;]+", text) if part]
    if len(parts) < 2 or not all(map(is_token, parts)):
        return ""
    return f"one name an entry: [{', '.join(parts)}]"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that `word` is probably a slip of."""
    folded = {name.lower(): name for name in known}
    found = get_close_matches(word.lower(), folded, n=1, cutoff=0.7)
    return folded[found[0]] if found else None
