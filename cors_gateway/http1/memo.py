"""Bounded memories of what was computed for some key, for keys that clients choose.

Only what comes a second time is kept: a client that never repeats itself would otherwise fill a memory with what
nobody asks for again, and have it emptied for those who do repeat. A memory is bounded in entries and in bytes; several
of one kind have one `Room`, so that there being many of them costs nothing.
"""

from collections.abc import Callable, Hashable, Sized
from typing import Any, Generic, Protocol, TypeVar
from weakref import ref

KIB, MIB = 1 << 10, 1 << 20
OVERHEAD = 512
"""Bytes that an entry takes besides those that clients choose, roughly: the objects and their places."""

_MARKS_AN_ENTRY = 4
_PLACES_A_MARK = 8


class Key(Hashable, Sized, Protocol):
    """Bytes, or a tuple."""


K = TypeVar("K", bound=Key)
V = TypeVar("V")


class Room:
    """What memories of one kind may hold together. When it is full all of them are emptied."""

    __slots__ = ("_entries", "_inside", "count", "entries_left", "left", "most", "seen", "size")

    def __init__(self, *, entries: int, size: int) -> None:
        """At most so many entries, and about so many bytes."""
        self._entries = self.entries_left = entries
        self.size = self.left = size
        # Not held: a memory holds its room, and what holds itself outlives the snapshot whose memory it is.
        self._inside: dict[int, ref[Memo[Any, Any]]] = {}
        # One byte for what was offered once, at a place that its hash chooses: a clash only means that a key is kept a
        # little early.
        places = 1 << (_MARKS_AN_ENTRY * _PLACES_A_MARK * entries - 1).bit_length()
        self.seen = bytearray(places)
        self.count = 0
        """How many were seen once."""
        self.most = _MARKS_AN_ENTRY * entries

    def empty(self) -> None:
        """Forget everything that is inside."""
        for inside in self._inside.values():
            memo = inside()
            if memo is not None:
                memo.clear()
        self._inside.clear()
        self.entries_left, self.left = self._entries, self.size

    def enter(self, memo: "Memo[Any, Any]") -> None:
        """A memory that has been empty gets its first entry."""
        self._inside[id(memo)] = ref(memo)


class Memo(dict[K, V], Generic[K, V]):
    """A dict to be read as such and filled through `offer`."""

    __slots__ = ("__weakref__", "_cost", "_longest", "_room", "_salt")

    def __init__(self, room: Room, *, longest: int, cost: Callable[[K, V], int] | None = None) -> None:
        """Keys of at most `longest` bytes or members.

        `cost` is about how many bytes an entry takes; without it, as many as one that copies its key a few times.
        """
        super().__init__()
        self._room = room
        self._longest = longest
        self._cost = cost
        self._salt = id(self)

    def wants(self, key: K) -> bool:
        """Whether the key comes for the second time at least; to be asked before a value is made to be offered."""
        room = self._room
        seen = room.seen
        place = (hash(key) ^ self._salt) & (len(seen) - 1)
        if seen[place]:
            return len(key) <= self._longest
        if room.count >= room.most:
            seen = room.seen = bytearray(len(seen))
            room.count = 0
        seen[place] = 1
        room.count += 1
        return False

    def offer(self, key: K, value: V) -> None:
        """Keep the value if the key is wanted."""
        if not self.wants(key):
            return
        room = self._room
        size = OVERHEAD + 4 * len(key) if self._cost is None else self._cost(key, value)
        if room.entries_left < 1 or room.left < size:
            if size > room.size:
                return
            room.empty()
        room.entries_left -= 1
        room.left -= size
        if not self:
            room.enter(self)
        self[key] = value
