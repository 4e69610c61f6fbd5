"""From the bytes of one YAML file to a tree with positions: one document of mappings, lists and YAML 1.2 scalars.

The tree is built from parser events rather than by `yaml.compose`: aliases, tags, depth and number of nodes are
refused as they appear, before anything is built from them, and a mistake in one value does not hide the next.
Anything that has more than one reading is a problem here; what the values mean is not looked at.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from cors_gateway.config.problems import Problem
from cors_gateway.config.syntax.interpolation import CODE as INTERPOLATION
from cors_gateway.config.syntax.interpolation import EMPTY, Expand, ReferenceFault
from cors_gateway.config.syntax.scalars import resolve
from cors_gateway.config.syntax.tree import Broken, Document, Mapping, Mark, Node, Scalar, Sequence
from cors_gateway.config.syntax.yaml_errors import explain
from cors_gateway.policy.quoting import quoted

MAX_DEPTH = 20
MAX_NODES = 500_000
"""Four lists of 100,000 origins, and some air; that many take two seconds and 200 MB."""

MAY_BE_EMPTY = frozenset({"split"})
"""Keys of which nothing need be left once references are replaced: origins may come from a variable that is not set."""

SYNTAX = "schema.syntax"
WHOLE_LINE = 1_000_000
"""Width of what goes on after its first line; the caret ends with the line."""

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_LINE_BREAK = re.compile("\r\n|[\n\r\x85\u2028\u2029]")
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


class _AbandonError(Exception):
    """Stops reading a file whose further problems would only follow from the one found."""

    def __init__(self, message: str, hint: str, mark: Mark) -> None:
        self.message, self.hint, self.mark = message, hint, mark


@dataclass(slots=True)
class _Open:
    """A mapping or list whose end has not been seen."""

    node: Mapping | Sequence
    key: str | None = None
    key_mark: Mark = field(default_factory=lambda: Mark(1, 1))
    is_at_value: bool = False


def parse(
    text: str, *, file: str, directory: str, expand: Expand, max_nodes: int = MAX_NODES
) -> tuple[Document | None, list[Problem]]:
    """Read one file. No document: nothing in it can be used. Never raises, whatever the text."""
    lines = tuple(_LINE_BREAK.split(text))
    empty = Document(file, directory, lines, Mapping({}, Mark(1, 1)))
    unprintable = _UNPRINTABLE.search(text)
    if unprintable:
        return None, [_unprintable(empty, text, unprintable)]
    builder = _Builder(empty, expand, max_nodes)
    try:
        root = builder.build(_events(text))
    except _AbandonError as stop:
        return None, [*builder.problems, empty.problem(SYNTAX, stop.message, stop.hint, mark=stop.mark)]
    if root is None or (isinstance(root, Scalar) and root.value is None):
        return None, [*builder.problems, empty.problem("file.empty", "the file holds no configuration")]
    if not isinstance(root, Mapping):
        if isinstance(root, Broken):
            return None, builder.problems
        return None, [
            *builder.problems,
            empty.problem(
                "schema.type", "the file must hold keys and values", "start with version: 1", mark=root.mark
            ),
        ]
    return Document(file, directory, lines, root), builder.problems


def _events(text: str) -> Iterator[Event]:
    try:
        yield from yaml.parse(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        raise _AbandonError(*explain(error, text)) from None


def _unprintable(document: Document, text: str, match: re.Match[str]) -> Problem:
    before = _LINE_BREAK.split(text[: match.start()])
    return document.problem(
        "file.encoding",
        f"character U+{ord(match[0]):04X} cannot stand in a YAML file",
        "is this a text file?"
        if match[0] == "\0"
        else "remove it, or write it as an escape in double quotes",
        mark=Mark(len(before), len(before[-1]) + 1),
    )


class _Builder:
    """Builds one tree, collecting problems on the way."""

    def __init__(self, document: Document, expand: Expand, max_nodes: int) -> None:
        self.problems: list[Problem] = []
        self._document = document
        self._expand = expand
        self._open: list[_Open] = []
        self._root: Node | None = None
        self._nodes = 0
        self._max_nodes = max_nodes

    def build(self, events: Iterator[Event]) -> Node | None:
        documents = 0
        for event in events:
            if isinstance(event, ScalarEvent):
                self._add(self._scalar(event))
            elif isinstance(event, MappingStartEvent | SequenceStartEvent):
                self._start(event)
            elif isinstance(event, MappingEndEvent | SequenceEndEvent):
                self._add(self._open.pop().node)
            elif isinstance(event, AliasEvent):
                self._add(
                    self._refuse(
                        event,
                        f"*{event.anchor} is an alias; aliases are not supported",
                        "write the value again, or put it in quotes if the star is part of it",
                    )
                )
            elif isinstance(event, DocumentStartEvent):
                documents += 1
                self._check_document(event, documents)
        return self._root

    def _check_document(self, event: DocumentStartEvent, number: int) -> None:
        mark = _mark(event)
        if number > 1:
            raise _AbandonError("a second document in one file", "remove the line ---", mark)
        if event.tags or (event.version and event.version != (1, 2)):
            raise _AbandonError(
                "a directive that this program does not follow", "remove the lines that start with %", mark
            )

    def _start(self, event: MappingStartEvent | SequenceStartEvent) -> None:
        mark = _mark(event)
        self._check_properties(event, mark)
        if len(self._open) >= MAX_DEPTH:
            raise _AbandonError(f"more than {MAX_DEPTH} levels of nesting", "", mark)
        node = Mapping({}, mark) if isinstance(event, MappingStartEvent) else Sequence([], mark)
        self._open.append(_Open(node))

    def _check_properties(
        self, event: MappingStartEvent | SequenceStartEvent | ScalarEvent, mark: Mark
    ) -> bool:
        """Anchors and tags are refused; the value itself is kept, so that the rest is still checked."""
        if event.anchor is None and (event.tag is None or event.tag == "!"):
            return True
        what = (
            f"&{event.anchor} is an anchor; anchors"
            if event.anchor is not None
            else f"{(event.tag or '').replace('tag:yaml.org,2002:', '!!')} is a tag; tags"
        )
        self._report(
            f"{what} are not supported", "put the value in quotes if the first character is part of it", mark
        )
        return False

    def _scalar(self, event: ScalarEvent) -> Scalar | Broken:
        mark = _mark(event)
        if not self._check_properties(event, mark):
            return Broken(mark)
        text, is_plain, reference = event.value, event.implicit[0], None
        if "$" in text and not self._is_at_key():
            expanded = self._expand(text)
            if expanded is EMPTY and self._open and self._open[-1].key in MAY_BE_EMPTY:
                return Scalar("", "", False, mark, text)
            if isinstance(expanded, ReferenceFault):
                self.problems.append(
                    self._document.problem(
                        INTERPOLATION, expanded.message, expanded.hint, path=self._path(), mark=mark
                    )
                )
                return Broken(mark)
            reference = text if expanded.has_reference else None
            is_plain = is_plain and (expanded.is_whole or reference is None)
            text = expanded.text
        return Scalar(resolve(text) if is_plain else text, text, is_plain, mark, reference)

    def _is_at_key(self) -> bool:
        return (
            bool(self._open) and isinstance(self._open[-1].node, Mapping) and not self._open[-1].is_at_value
        )

    def _add(self, node: Node) -> None:
        self._nodes += 1
        if self._nodes > self._max_nodes:
            raise _AbandonError(f"more than {self._max_nodes:,} values in one file", "", node.mark)
        if not self._open:
            self._root = node
            return
        holder = self._open[-1]
        if isinstance(holder.node, Sequence):
            holder.node.items.append(node)
        elif holder.is_at_value:
            holder.is_at_value = False
            self._set(holder, node)
        else:
            holder.is_at_value = True
            holder.key, holder.key_mark = self._key(node), node.mark

    def _key(self, node: Node) -> str | None:
        if isinstance(node, Scalar):
            if node.text == "<<" and node.is_plain:
                self._report(
                    "<< merges mappings; merge keys are not supported", "write the keys out", node.mark
                )
                return None
            return node.text
        if not isinstance(node, Broken):
            self._report("a list or mapping as a key", "keys are words", node.mark)
        return None

    def _set(self, holder: _Open, node: Node) -> None:
        """Keep the first of two equal keys: the problem found makes the file unusable anyway."""
        if holder.key is None or not isinstance(holder.node, Mapping):
            return
        entries = holder.node.entries
        if holder.key in entries:
            first = entries[holder.key][0]
            self.problems.append(
                self._document.problem(
                    "schema.duplicate_key",
                    f"{quoted(holder.key)} is already written on line {first.line}",
                    "keep one of the two",
                    path=self._path(),
                    mark=holder.key_mark,
                )
            )
            return
        if isinstance(node, Scalar) and not node.text and node.is_plain:
            node = node._replace(mark=holder.key_mark)
        entries[holder.key] = holder.key_mark, node

    def _path(self) -> tuple[str | int, ...]:
        """The path of the value being read."""
        steps = (
            len(level.node.items) if isinstance(level.node, Sequence) else level.key for level in self._open
        )
        return tuple(step for step in steps if step is not None)

    def _refuse(self, event: Event, message: str, hint: str) -> Broken:
        mark = _mark(event)
        self._report(message, hint, mark)
        return Broken(mark)

    def _report(self, message: str, hint: str, mark: Mark) -> None:
        self.problems.append(self._document.problem(SYNTAX, message, hint, path=self._path(), mark=mark))


def _mark(event: Event) -> Mark:
    start, end = cast("yaml.Mark", event.start_mark), cast("yaml.Mark", event.end_mark)
    width = end.column - start.column if end.line == start.line else WHOLE_LINE
    return Mark(start.line + 1, start.column + 1, max(1, width))
