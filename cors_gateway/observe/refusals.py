"""The origins that were refused lately, with counts and reasons: what an operator asks for first when a page does not work.

Only refusals come here, so the granted path pays nothing. Clients choose the keys, therefore everything is bounded:
origins of a route, origins in all, bytes of a value. What was seen least recently makes room.
"""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

MAX_PER_ROUTE = 100
MAX_IN_ALL = 1000
MAX_VALUE = 256
"""Bytes kept of an origin, a host, a path, a list of headers."""


@dataclass(slots=True)
class RefusedOrigin:
    """One origin that was refused on one route for one reason. All but the first three tell of the last time."""

    route: str
    origin: str
    """As received, cut to 256 bytes, what is not printable ASCII escaped. Several lines are joined by commas."""
    reason: str
    kind: str
    count: int = 0
    last: float = 0.0
    """Seconds since the epoch."""
    method: str = ""
    """Of the request; of a preflight the method that it asks for."""
    host: str = ""
    path: str = ""
    """Without query."""
    headers: str = ""
    """What a preflight asks for."""


class Refusals:
    """The refused origins of one process."""

    __slots__ = ("_clock", "_routes", "_size")

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._routes: dict[str, dict[tuple[bytes, str], RefusedOrigin]] = {}
        self._size = 0

    def __len__(self) -> int:
        return self._size

    def count(
        self,
        route: str,
        reason: str,
        kind: str,
        origin: Sequence[bytes],
        *,
        method: bytes = b"",
        host: bytes = b"",
        target: bytes = b"",
        headers: Sequence[bytes] = (),
    ) -> None:
        """Count one refusal. A request that was remembered as a whole comes without `method`: what is known stays."""
        key = b", ".join(origin)[:MAX_VALUE], reason
        table = self._routes.setdefault(route, {})
        # Taken out and put back: the order of a table is that of the last refusals.
        found = table.pop(key, None)
        if found is None:
            self._make_room(table)
            self._size += 1
            found = RefusedOrigin(route, _text(key[0]), reason, kind)
        table[key] = found
        found.count += 1
        found.last = self._clock()
        found.kind = kind
        if method:
            found.method = _text(method)
            found.host = _text(host)
            found.path = _text(target.partition(b"?")[0])
            found.headers = _text(b",".join(headers))

    def latest(self, limit: int = MAX_IN_ALL) -> list[RefusedOrigin]:
        """Copies of the entries of all routes, the last refused first."""
        entries = [entry for table in self._routes.values() for entry in table.values()]
        entries.sort(key=lambda entry: entry.last, reverse=True)
        return [replace(entry) for entry in entries[:limit]]

    def _make_room(self, table: dict[tuple[bytes, str], RefusedOrigin]) -> None:
        if len(table) >= MAX_PER_ROUTE:
            victim = table
        elif self._size >= MAX_IN_ALL:
            victim = max(self._routes.values(), key=len)
        else:
            return
        del victim[next(iter(victim))]
        self._size -= 1


def export_refusals(entries: Iterable[RefusedOrigin]) -> list[list[Any]]:
    """Entries as plain values, fit for JSON."""
    return [_row(entry) for entry in entries]


def merge_refusals(exported: Iterable[Iterable[list[Any]]]) -> list[RefusedOrigin]:
    """Entries of several processes as one list, the last refused first: counts add up, the newest tells the rest."""
    merged: dict[tuple[str, str, str], RefusedOrigin] = {}
    for rows in exported:
        for entry in map(_from_row, rows):
            key = entry.route, entry.origin, entry.reason
            other = merged.get(key)
            if other is not None:
                newest, oldest = (entry, other) if entry.last > other.last else (other, entry)
                newest.count += oldest.count
                entry = newest
            merged[key] = entry
    return sorted(merged.values(), key=lambda entry: entry.last, reverse=True)


_NAMES = [field.name for field in fields(RefusedOrigin)]


def _row(entry: RefusedOrigin) -> list[Any]:
    return [getattr(entry, name) for name in _NAMES]


def _from_row(row: list[Any]) -> RefusedOrigin:
    return RefusedOrigin(*row)


def _text(value: bytes) -> str:
    """Printable ASCII as it is, everything else as `\\xNN`; at most `MAX_VALUE` bytes of it."""
    text = value[:MAX_VALUE].decode("ascii", "backslashreplace")
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else f"\\x{ord(char):02x}" for char in text)
