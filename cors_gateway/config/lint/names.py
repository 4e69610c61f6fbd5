"""Names as HTTP knows them, and what to say of those that are none.

What a particular name means to a browser is in `methods.py`, `request_headers.py` and `expose_headers.py`.
"""

import re
from collections.abc import Iterable, Iterator
from difflib import get_close_matches

from cors_gateway.policy.fetch import is_token


def words(text: str) -> frozenset[str]:
    """Return the words of a constant that is easier to read as text."""
    return frozenset(text.split())


def named_entries(entries: Iterable[str] | None) -> Iterator[tuple[int, str]]:
    """Yield the entries of a list that are names and not the star, with their places."""
    for index, entry in enumerate(entries or ()):
        if entry != "*" and is_token(entry):
            yield index, entry


def is_partial_star(name: str) -> bool:
    """Tell whether a name was meant as a pattern, such as `X-*`."""
    return "*" in name and name != "*" and is_token(name)


def split_hint(text: str) -> str:
    """Say how to write an entry that holds several names; empty if it does not."""
    parts = [part for part in re.split(r"[\s,;]+", text) if part]
    if len(parts) < 2 or not all(map(is_token, parts)):
        return ""
    return f"split it into {len(parts)} entries: {', '.join(parts)}"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that `word` is probably a slip of."""
    folded = {name.lower(): name for name in known}
    found = get_close_matches(word.lower(), folded, n=1, cutoff=0.7)
    return folded[found[0]] if found else None
