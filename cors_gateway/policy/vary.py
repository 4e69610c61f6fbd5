"""Merging the two response fields that both the backend and the policy have a say in: Vary and Expose-Headers.

Nothing a backend listed in `Vary` is ever lost (RFC 9110 section 12.5.5): a cache that keys on less than the backend
varies on serves one user's answer to another.
"""

from collections.abc import Iterable, Iterator, Sequence

from cors_gateway.policy.fetch import TOKEN

_NEVER_OR_ALWAYS_READ = frozenset(
    {b"set-cookie", b"set-cookie2", b"cache-control", b"content-language", b"content-length"}
    | {b"content-type", b"expires", b"last-modified", b"pragma"}
)
"""Forbidden and CORS-safelisted response-header names of Fetch."""


def merge_vary(lines: Sequence[bytes], tokens: Sequence[bytes]) -> bytes:
    """The value of the one `Vary` line: what the backend sent, in its order and case, then the missing tokens.

    A `*` among them absorbs the rest.
    """
    merged: dict[bytes, bytes] = {}
    for element in (*_elements(lines), *tokens):
        if element == b"*":
            return b"*"
        merged.setdefault(element.lower(), element)
    return b", ".join(merged.values())


def merge_expose(names: Iterable[bytes], lines: Sequence[bytes]) -> bytes:
    """The value of the one `Access-Control-Expose-Headers` line: the configured names, then the backend's new ones.

    Names come out in lower case; what is not a token is left out.
    """
    merged = dict.fromkeys(names)
    for element in _elements(lines):
        if TOKEN.fullmatch(element):
            merged.setdefault(element.lower())
    return b",".join(merged)


def exposable(names: Iterable[bytes]) -> Iterator[bytes]:
    """Of the lower-case names of a response's fields, those that a script cannot read unless they are exposed."""
    for name in names:
        if name not in _NEVER_OR_ALWAYS_READ and not name.startswith(b"access-control-"):
            yield name


def _elements(lines: Sequence[bytes]) -> Iterator[bytes]:
    for line in lines:
        for element in line.split(b","):
            trimmed = element.strip(b" \t")
            if trimmed:
                yield trimmed
