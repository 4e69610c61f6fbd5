"""A bounded memory of what was computed for some key, for keys that clients choose.

Only what comes a second time is kept: a client that never repeats itself would otherwise fill the memory with what
nobody asks for again, and have it emptied for those who do repeat.
"""

from collections.abc import Hashable, Sized
from typing import Generic, Protocol, TypeVar


class Key(Hashable, Sized, Protocol):
    """Bytes, or a tuple."""


K = TypeVar("K", bound=Key)
V = TypeVar("V")


class Memo(dict[K, V], Generic[K, V]):
    """A dict to be read as such and filled through `offer`. Emptied when full."""

    __slots__ = ("_longest", "_once", "_size")

    def __init__(self, *, size: int, longest: int) -> None:
        """At most `size` entries with keys of at most `longest` bytes or members."""
        super().__init__()
        self._size = size
        self._longest = longest
        # Hashes of keys offered once: a clash only means that a key is kept a little early.
        self._once: set[int] = set()

    def wants(self, key: K) -> bool:
        """Whether the key comes for the second time at least; to be asked before a value is made to be offered."""
        mark = hash(key)
        if mark in self._once:
            return len(key) <= self._longest
        if len(self._once) >= 4 * self._size:
            self._once.clear()
        self._once.add(mark)
        return False

    def offer(self, key: K, value: V) -> None:
        """Keep the value if the key is wanted."""
        if self.wants(key):
            if len(self) >= self._size:
                self.clear()
            self[key] = value
