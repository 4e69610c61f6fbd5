"""A header section read as a variation of the one before it on the same connection.

What changes from one message to the next is mostly a cookie, a referrer, an entity tag: lines that mean nothing to a
gateway. Such lines are *carried*: their name is one that was read before, their bytes are checked, and that is all.
Lines that mean something are read again. As it is the same few lines that change every time, what is between them is
compared as a whole (`Pattern`). The strict grammar in `grammar.py` stays the authority: whatever is not plainly a
variation is read in full.
"""

from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from itertools import compress
from operator import eq, itemgetter, ne
from typing import Any, Generic, TypeVar

from cors_gateway.http1.grammar import AS_VALUE, is_value

CRLF = b"\r\n"
END = b"\r\n\r\n"
"""Of a header section: its last line's, and the empty line."""

REVIEW = 32
"""So many sections are read by a pattern before somebody asks again which lines change."""

MAX_VARIANTS = 16
"""Sections that are remembered of one pattern. Nearly every connection has its own."""
MAX_LINES = 32
"""Lines of a section that is remembered so."""
MAX_READ = 4
"""Those of its lines that change and mean something."""
MAX_SAID = 256
"""Their bytes."""
PATIENCE = 4
"""Reviews that may find other sections than those remembered, before nobody looks for them any more."""


class Field:
    """One field line: its lower-case name, what it is to a gateway (`kind`), and the line as it goes on.

    It has no value to read: where it is carried, the value may be that of a former message. What has a meaning is a
    subclass that keeps what it says.
    """

    __slots__ = ("carried_prefix", "kind", "line", "name")

    def __init__(self, kind: int, name: bytes, spelling: bytes, value: bytes, *, is_carried: bool) -> None:
        """`spelling` is the name as received, `value` has no white space around it."""
        self.kind = kind
        self.name = name
        self.line = b"%b: %b" % (spelling, value)
        self.carried_prefix = spelling + b": " if is_carried else b""
        """What another line begins with that needs no reading; empty if each is read, because its value may mean something."""


F = TypeVar("F", bound=Field)


def picking(is_picked: Sequence[bool]) -> Callable[[list[F]], tuple[F, ...]]:
    """What takes those members out of any list of the same length."""
    places = [*compress(range(len(is_picked)), is_picked)]
    if len(places) > 1:
        return itemgetter(*places)  # it would give a single one by itself
    return lambda fields: tuple([fields[at] for at in places])


class Pattern(Generic[F]):
    """What sections have in common that vary, and where they change: the *values* of each are all that is its own.

    Of a carried line the value is what follows the name, of another one it is the line.
    """

    __slots__ = (
        *("_prefixes", "_runs", "_same", "_sample", "_tail", "_tail_size"),
        *("changing", "form", "is_kept", "lines", "missed", "patience", "read", "said", "start", "uses"),
        "variants",
    )

    said: Callable[[list[bytes]], Hashable]
    """Takes those that are read out of all values; set if any are. By them and the pattern it is known what is said."""
    variants: dict[Hashable, tuple[list[F], Any]]
    """What is remembered of sections with this pattern, by what is `said`: their fields, and what these come to."""
    patience: int
    """How often other sections may still be the rule; 0 if nobody looks for these."""
    missed: int
    """Sections since the last review that were not among them."""
    form: bytes
    """The lines that `is_kept` tells to keep, to be formatted with all values."""

    def __init__(
        self, start: bytes, lines: list[bytes], fields: Sequence[F], changing: Iterable[int] = ()
    ) -> None:
        """`lines` are those of one of the sections, as they go on, and follow `start`; `changing` is which differ.

        `start` ends with a CRLF; it may be the end of the line before.
        """
        self.start = start
        self.lines = lines
        self.changing = sorted(changing)
        self.uses = 0
        """How many sections were read by it."""
        self._sample: Sequence[bytes] = ()
        """The values of the last section that was reviewed."""
        self._same: frozenset[int] = frozenset()
        """The lines that said the same in the one before."""
        self._prefixes = [fields[at].carried_prefix for at in self.changing]
        self.read = {place: at for place, at in enumerate(self.changing) if not self._prefixes[place]}
        """Of lines that mean something: which of the values they are, and where they stand."""
        if self.read:
            self.said = itemgetter(*self.read)
            self.variants = {}
            self.patience = PATIENCE if len(self.read) <= MAX_READ and len(lines) <= MAX_LINES else 0
            self.missed = 0
        self._runs: list[tuple[bytes, int, bool]] = []
        """The bytes before each value, how many they are, and whether that is carried."""
        self.is_kept: list[bool] | None = None
        """Which lines were to be kept when somebody asked last."""
        run, done = start, 0
        for at, prefix in zip(self.changing, self._prefixes, strict=True):
            run += b"".join([line + CRLF for line in lines[done:at]]) + prefix
            self._runs.append((run, len(run), bool(prefix)))
            run, done = CRLF, at + 1
        rest = CRLF.join(lines[done:])
        if not lines:
            run = start[:-2]
        elif not rest:
            run = b""
        self._tail = run + rest + END
        self._tail_size = len(self._tail)

    def values_in(self, lines: list[bytes]) -> tuple[bytes, ...]:
        """The values of a section with these lines."""
        return tuple(
            [lines[at][len(prefix) :] for at, prefix in zip(self.changing, self._prefixes, strict=True)]
        )

    def lines_with(self, values: Sequence[bytes]) -> list[bytes]:
        """The lines of a section with these values."""
        lines = self.lines.copy()
        for at, prefix, value in zip(self.changing, self._prefixes, values, strict=True):
            lines[at] = prefix + value
        return lines

    def values_at(self, data: bytes, at: int) -> tuple[list[bytes], int] | None:
        """The values of the section that begins at `at`, and where it ends; None if it has not this pattern."""
        values = []
        for run, size, is_carried in self._runs:
            if not data.startswith(run, at):
                return None
            at += size
            end = data.find(b"\r", at)  # of -1, what comes next is not found either
            value = data[at:end]
            # As `is_value`, without a call. Whatever is changed is another object; where nothing is, CPython gives the same.
            if is_carried and (not value or value.strip().translate(AS_VALUE) is not value):
                return None
            values.append(value)
            at = end
        if not data.startswith(self._tail, at):
            return None
        self.uses += 1
        return values, at + self._tail_size

    def fields_with(
        self, values: list[bytes], fields: list[F], known: Mapping[bytes, F], read: Callable[[bytes], F]
    ) -> list[F] | None:
        """The fields of a section with these values, by those of another one with this pattern.

        Sets values to what goes on. As `read_as_variation` otherwise.
        """
        varied = fields
        for place, at in self.read.items():
            line = values[place]
            field = known.get(line) or read(line)
            values[place] = field.line
            if field is not fields[at]:
                if field.name != fields[at].name or field.kind != fields[at].kind:
                    return None
                if varied is fields:
                    varied = fields.copy()
                varied[at] = field
        return varied

    def remember(self, said: Hashable, values: list[bytes], variant: tuple[list[F], Any]) -> None:
        """Remember what a section comes to that has these values, unless it is large or goes on with other ones.

        `said` was taken of those received, before `fields_with` set them.
        """
        if len(self.variants) == MAX_VARIANTS or sum([len(values[place]) for place in self.read]) > MAX_SAID:
            return
        if self.said(values) == said:
            self.variants[said] = variant

    def reviewed(self, values: Sequence[bytes], fields: list[F]) -> "tuple[Pattern[F], Sequence[bytes]]":
        """The pattern for sections like this one, and the values by it: without lines that do not change any more.

        These said the same in the last three reviews.
        """
        if self.read:
            if self.missed > REVIEW // 2 and self.patience:
                self.patience -= 1
            self.missed = 0
        same = frozenset(compress(self.changing, map(eq, values, self._sample)))
        stays = same & self._same
        self._sample, self._same = values, same
        if not stays:
            return self, values
        lines = self.lines_with(values)
        pattern = Pattern(self.start, lines, fields, set(self.changing) - stays)
        return pattern, pattern.values_in(lines)

    def prepare(self, is_kept: list[bool]) -> None:
        """Set `form` for keeping these lines."""
        self.is_kept = is_kept
        parts, done = [], 0
        for at, prefix in zip(self.changing, self._prefixes, strict=True):
            parts.append(self._kept_between(done, at, is_kept))
            parts.append(_escaped(prefix) + b"%b\r\n" if is_kept[at] else b"%.0b")
            done = at + 1
        self.form = b"".join([*parts, self._kept_between(done, len(self.lines), is_kept)])

    def _kept_between(self, start: int, end: int, is_kept: list[bool]) -> bytes:
        lines = compress(self.lines[start:end], is_kept[start:end])
        return _escaped(b"".join([line + CRLF for line in lines]))


def _escaped(text: bytes) -> bytes:
    """As a part of what is to be formatted."""
    return text.replace(b"%", b"%%")


class Section(Generic[F]):
    """A header section line by line, as it goes on."""

    __slots__ = ("fields", "pattern", "values")

    fields: list[F]
    """One for each line. Of a carried line it may be a former one, with the same name and kind."""
    pattern: Pattern[F]
    values: Sequence[bytes]

    @property
    def lines(self) -> list[bytes]:
        return self.pattern.lines_with(self.values)

    def kept(self, is_kept: list[bool]) -> bytes:
        """Those lines that are to be kept, each with its CRLF."""
        pattern = self.pattern
        if is_kept is not pattern.is_kept:
            pattern.prepare(is_kept)
        return pattern.form % tuple(self.values)


def read_as_variation(
    before: Section[F], lines: list[bytes], known: Mapping[bytes, F], read: Callable[[bytes], F]
) -> tuple[list[F], Pattern[F], Sequence[bytes]] | None:
    """The fields of a section by those of the one before it: the same list if only carried lines differ.

    `lines` are those received; one that means something is looked up in `known`, or read with `read`, and put down as
    it goes on. With the fields come the pattern for the sections to come and the values. None: not the same names in
    the same order, or not plainly so; read all.
    """
    fields, former = before.fields, before.lines
    if len(lines) != len(former):
        return None
    varied = fields
    differing = [*compress(range(len(lines)), map(ne, lines, former))]
    for at in differing:
        field = fields[at]
        line = lines[at]
        prefix = field.carried_prefix
        if prefix:
            if not (line.startswith(prefix) and is_value(line[len(prefix) :])):
                return None
        else:
            changed = known.get(line) or read(line)
            if changed.name != field.name or changed.kind != field.kind:
                return None
            if varied is fields:
                varied = fields.copy()
            varied[at] = changed
            lines[at] = changed.line
    pattern = before.pattern
    # What changes now and then, such as a date, is no place to look at every time.
    changing = pattern.changing if pattern.uses >= REVIEW else {*pattern.changing, *differing}
    pattern = Pattern(pattern.start, lines, varied, changing)
    return varied, pattern, pattern.values_in(lines)
