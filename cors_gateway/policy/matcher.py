"""Which entry of `allow_origins` covers a received `Origin`, if any.

The cost of a look-up does not depend on the number of entries: exact entries are one dictionary, wildcards are found
label by label from the right, and only regular expressions are tried one after the other. The order of entries never
changes whether a value is matched; of several entries that match, the most specific is named.
"""

from collections.abc import Callable, Sequence

from cors_gateway.policy.origin import Origin, parse_origin
from cors_gateway.policy.pattern import OriginPattern, PatternKind
from cors_gateway.policy.regex import compile_regex

_ANY_PORT = -1

_Key = tuple[str, str, int | None]
"""Scheme, host or base, port."""


class OriginMatcher:
    """Immutable once built. Raises as `compile_regex` does, at construction only."""

    __slots__ = ("_bases", "_depth", "_exact", "_hosts", "_regexes", "_schemes")

    def __init__(self, patterns: Sequence[OriginPattern]) -> None:
        self._exact: dict[bytes, int] = {}
        self._hosts: dict[_Key, int] = {}
        self._bases: dict[_Key, int] = {}
        self._schemes: dict[str, int] = {}
        self._regexes: list[tuple[Callable[[bytes], bool], int]] = []
        self._depth = 0
        for index, pattern in enumerate(patterns):
            if pattern.kind is PatternKind.EXACT:
                self._exact.setdefault(pattern.text.encode("ascii"), index)
            elif pattern.regex is not None:
                self._regexes.append((compile_regex(pattern.regex), index))
            else:
                self._add_wildcard(pattern, index)

    def match(self, value: bytes) -> int | None:
        """The index of the entry that covers the value, None if there is none. Never raises on any bytes."""
        index = self._exact.get(value)
        if index is not None:
            return index
        if not (self._hosts or self._bases or self._schemes or self._regexes):
            return None
        # The grammar comes first: it keeps slashes, at-signs and the like away from wildcards and expressions.
        origin = parse_origin(value)
        # Nor may they mean all local files: those are only ever meant literally.
        if origin is None or not origin.host:
            return None
        index = self._hosts.get((origin.scheme, origin.host, _ANY_PORT))
        if index is None:
            index = self._match_base(origin)
        if index is None and origin.port is None:
            index = self._schemes.get(origin.scheme)
        if index is None:
            index = self._match_regex(value)
        return index

    def _add_wildcard(self, pattern: OriginPattern, index: int) -> None:
        key = (pattern.scheme, pattern.host, _ANY_PORT if pattern.any_port else pattern.port)
        if pattern.any_host:
            self._schemes.setdefault(pattern.scheme, index)
        elif pattern.subdomains:
            self._bases.setdefault(key, index)
            self._depth = max(self._depth, pattern.host.count(".") + 1)
        else:
            self._hosts.setdefault(key, index)

    def _match_base(self, origin: Origin) -> int | None:
        bases, scheme, host, port = self._bases, origin.scheme, origin.host, origin.port
        found = None
        dot = len(host)
        for _ in range(self._depth):
            dot = host.rfind(".", 0, dot)
            if dot < 0:
                break
            base = host[dot + 1 :]
            index = bases.get((scheme, base, port))
            if index is None:
                index = bases.get((scheme, base, _ANY_PORT))
            if index is not None:
                found = index
        return found

    def _match_regex(self, value: bytes) -> int | None:
        for matches, index in self._regexes:
            if matches(value):
                return index
        return None
