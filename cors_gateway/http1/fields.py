"""A header section read as a variation of the one before it on the same connection.

What changes from one message to the next is mostly a cookie, a referrer, an entity tag: lines that mean nothing to a
gateway. Such lines are *carried*: their name is one that was read before, their bytes are checked, and that is all.
Lines that mean something are read again. The strict grammar in `grammar.py` stays the authority: whatever is not
plainly a variation is read in full.
"""

import re
from collections.abc import Callable, Mapping
from itertools import compress
from operator import ne
from typing import TypeVar

# A field value without white space around it (RFC 9110 5.5), so that the line goes on as it came.
_VALUE = re.compile(rb"(?![\x09\x20])[\x09\x20-\x7e\x80-\xff]*[\x21-\x7e\x80-\xff]")


class Field:
    """One field line: its lower-case name, and the line as it goes on.

    It has no value to read: where it is carried, the value may be that of a former message. What has a meaning is a
    subclass that keeps what it says.
    """

    __slots__ = ("carried_prefix", "line", "name")

    def __init__(self, name: bytes, spelling: bytes, value: bytes, *, is_carried: bool) -> None:
        """`spelling` is the name as received, `value` has no white space around it."""
        self.name = name
        self.line = b"%b: %b" % (spelling, value)
        self.carried_prefix = spelling + b": " if is_carried else b""
        """What another line with this name begins with; empty if its value has a meaning."""


F = TypeVar("F", bound=Field)


def read_as_variation(
    fields: list[F],
    before: list[bytes],
    lines: list[bytes],
    known: Mapping[bytes, F],
    read: Callable[[bytes], F],
) -> list[F] | None:
    """The fields of a section by those of the one before it: the same list if only carried lines differ.

    `before` are the lines that `fields` were read from, `lines` the ones received; a line that means something is
    looked up in `known`, or read with `read`, and put down as it goes on. None: not the same names in the same order,
    or not plainly so; read all.
    """
    if len(lines) != len(before):
        return None
    varied = fields
    for at in compress(range(len(lines)), map(ne, lines, before)):
        field = fields[at]
        line = lines[at]
        start = field.carried_prefix
        if start:
            if not (line.startswith(start) and _VALUE.fullmatch(line, len(start))):
                return None
        else:
            changed = known.get(line) or read(line)
            if changed.name != field.name:
                return None
            if varied is fields:
                varied = fields.copy()
            varied[at] = changed
            lines[at] = changed.line
    return varied
