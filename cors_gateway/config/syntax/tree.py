"""The tree that a YAML file becomes: plain values that know where they were written.

Only values here. `source.py` builds the tree, `models/validate.py` turns it into models.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from cors_gateway.config.problems import Problem, Severity, path_text
from cors_gateway.config.syntax.scalars import Value
from cors_gateway.config.syntax.secrets import redacted_line
from cors_gateway.policy.quoting import without_userinfo
from cors_gateway.snapshot import Location

Path = tuple[str | int, ...]


class Mark(NamedTuple):
    """A place in a file; line and column count from 1, width is what a caret underlines."""

    line: int
    column: int
    width: int = 1


class Scalar(NamedTuple):
    value: Value
    text: str
    """The characters the value was read from."""
    is_plain: bool
    """Written without quotes, or wholly replaced by one `${...}`."""
    mark: Mark
    reference: str | None = None
    """The text as written, if it contained `${...}`."""


class Sequence(NamedTuple):
    items: list["Node"]
    mark: Mark


class Mapping(NamedTuple):
    entries: dict[str, tuple[Mark, "Node"]]
    """By key: where the key stands, and the value."""
    mark: Mark


class Broken(NamedTuple):
    """A value with a problem that is already reported: it counts as written, but nobody may use it."""

    mark: Mark


Node = Scalar | Sequence | Mapping | Broken


@dataclass(frozen=True, slots=True, eq=False)
class Document:
    """One file of the configuration. Every document is itself only."""

    file: str
    """As shown to people."""
    directory: str
    """Where relative paths in this file start."""
    lines: tuple[str, ...]
    root: Mapping

    def mark(self, path: Path) -> Mark:
        """Where a value is written. Containers stand at their key; what is absent stands at what should hold it."""
        place = Mark(1, 1)
        node: Node = self.root
        for step in path:
            if isinstance(node, Mapping) and isinstance(step, str) and step in node.entries:
                place, node = node.entries[step]
                if isinstance(node, Scalar | Broken) and node.mark.line >= place.line:
                    place = node.mark
            elif isinstance(node, Sequence) and isinstance(step, int) and step < len(node.items):
                node = node.items[step]
                place = node.mark
            else:
                break
        return place

    def key_mark(self, path: Path) -> Mark:
        """Where the last key of a path is written."""
        holder = self.node(path[:-1])
        key = path[-1] if path else None
        if isinstance(holder, Mapping) and isinstance(key, str) and key in holder.entries:
            return holder.entries[key][0]
        return self.mark(path)

    def node(self, path: Path) -> Node | None:
        """The value at a path, if there is one."""
        node: Node = self.root
        for step in path:
            if isinstance(node, Mapping) and isinstance(step, str) and step in node.entries:
                node = node.entries[step][1]
            elif isinstance(node, Sequence) and isinstance(step, int) and step < len(node.items):
                node = node.items[step]
            else:
                return None
        return node

    def location(self, path: Path) -> Location:
        place = self.mark(path)
        return Location(self.file, place.line, place.column)

    def item_locations(self, path: Path) -> Iterator[Location]:
        """Where each item of the list at a path is written."""
        node = self.node(path)
        if isinstance(node, Sequence):
            for item in node.items:
                yield Location(self.file, item.mark.line, item.mark.column)

    def problem(
        self,
        code: str,
        message: str,
        hint: str = "",
        *,
        path: Path = (),
        mark: Mark | None = None,
        severity: Severity = Severity.ERROR,
    ) -> Problem:
        """A problem with the value at a path, shown at its place or at `mark`, without secrets."""
        place = mark or self.mark(path)
        return Problem(
            severity=severity,
            code=code,
            message=without_userinfo(message),
            hint=without_userinfo(hint),
            file=self.file,
            line=place.line,
            column=place.column,
            width=place.width,
            path=path_text(path),
            excerpt=redacted_line(self.lines[place.line - 1]) if place.line <= len(self.lines) else "",
        )
