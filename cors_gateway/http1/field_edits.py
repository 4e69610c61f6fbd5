"""Header fields that a route sets and removes, made into what a message needs: names to leave out, bytes to add.

`set` takes the place of whatever came, so its names are left out as well. Which names an operator may write is checked
at load.
"""

from collections.abc import Iterable
from typing import NamedTuple


class LineEdits(NamedTuple):
    """The edits for one direction."""

    dropped: frozenset[bytes]
    """Lower-case names of the fields that do not go on."""
    lines: bytes
    """The lines to add, each with its CRLF."""

    def kept(self, lines: Iterable[tuple[bytes, bytes]]) -> list[bytes]:
        """Of lines with their lower-case names, those that go on."""
        return [line for name, line in lines if name not in self.dropped]


def compile_edits(set_fields: Iterable[tuple[str, str]], removed: Iterable[str]) -> LineEdits | None:
    """Make the edits; None if there are none. Values go out as UTF-8."""
    names = [name.lower().encode("ascii") for name in removed]
    block = bytearray()
    for name, value in set_fields:
        names.append(name.lower().encode("ascii"))
        block += b"%b: %b\r\n" % (name.encode("ascii"), value.encode())
    return LineEdits(frozenset(names), bytes(block)) if names else None
