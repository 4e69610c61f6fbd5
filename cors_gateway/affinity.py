"""Which server of an upstream a client belongs to: weighted rendezvous hashing (highest random weight).

Every pair of client and server has a score that depends on nothing else, and the best score wins. A server that leaves
moves its own clients only, one that comes takes its share from all; no table, and every process comes to the same.
"""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from math import log

_DIGEST_SIZE = 8
_VALUES = 2.0 ** (8 * _DIGEST_SIZE)


class Affinity:
    """Chooses among servers that are known by their position."""

    __slots__ = ("_servers",)

    def __init__(self, servers: Sequence[tuple[bytes, int]]) -> None:
        """Each server with what names it and its weight, at least 1."""
        self._servers = tuple((blake2b(name, digest_size=_DIGEST_SIZE), weight) for name, weight in servers)

    def choose(self, client: bytes, candidates: Iterable[int]) -> int:
        """The position, among `candidates`, of the server that a client belongs to. Raises ValueError without any."""
        return min(candidates, key=lambda position: self._distance(client, position))

    def _distance(self, client: bytes, position: int) -> float:
        """Exponentially distributed with the weight as its rate, so that each server is nearest in proportion to it."""
        named, weight = self._servers[position]
        hashed = named.copy()
        hashed.update(b"\0" + client)
        return -log((int.from_bytes(hashed.digest(), "big") + 0.5) / _VALUES) / weight
