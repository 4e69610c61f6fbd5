"""Kubernetes YAML as nodes that know their lines: many documents a file, several files, lists of objects taken apart.

The strict reader of this gateway's own configuration does not fit: here aliases, tags and several documents are in order,
and every scalar counts as the text that was written. Nothing here knows what a field means.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from cors_gateway.config.syntax.yaml_errors import explain
from cors_gateway.policy.quoting import quoted

_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MAX_DEPTH = 60
_MAX_NODES = 1_000_000
"""Aliases of aliases would make more out of little."""
_BLOCK_STYLES = ("|", ">")
_TEMPLATE = "{{"


class ManifestFault(Exception):
    """A file that cannot be read, or is no Kubernetes YAML: file, line, reason and remedy."""


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """A value, and where it stands: at its key, or at the dash of its list."""

    value: "str | tuple[Node, ...] | dict[str, Node]"
    file: str
    line: int
    text_line: int
    """The line of its first character, for texts in block style."""
    is_null: bool = False

    def at(self, *path: str) -> "Node | None":
        """What stands at the path of keys; None if nothing does."""
        node: Node | None = self
        for key in path:
            value = node.value if node is not None else None
            node = value.get(key) if isinstance(value, dict) else None
        return None if node is None or node.is_null else node

    def text(self, *path: str, default: str = "") -> str:
        """The text at the path."""
        node = self.at(*path)
        return node.value if node is not None and isinstance(node.value, str) else default

    def items(self, *path: str) -> "tuple[Node, ...]":
        """The entries of the list at the path."""
        node = self.at(*path)
        return node.value if node is not None and isinstance(node.value, tuple) else ()

    def entries(self, *path: str) -> "dict[str, Node]":
        """The mapping at the path."""
        node = self.at(*path)
        return node.value if node is not None and isinstance(node.value, dict) else {}

    @property
    def kind(self) -> str:
        return self.text("kind")

    @property
    def name(self) -> str:
        return self.text("metadata", "name")

    @property
    def namespace(self) -> str:
        """Empty where the object does not say: it is then the one it is applied to."""
        return self.text("metadata", "namespace")


def read_objects(paths: Sequence[Path]) -> list[Node]:
    """All objects of the files, in their order.

    Raises ManifestFault.
    """
    return [
        found
        for path in paths
        for document in _documents(path, shown(path, paths[0]))
        for found in _flattened(document)
    ]


def shown(path: Path, first: Path) -> str:
    """How a file is named: relative to the directory of the first one if it is below it."""
    root = first.parent.resolve()
    resolved = path.resolve()
    return str(resolved.relative_to(root) if resolved.is_relative_to(root) else resolved)


def _documents(path: Path, name: str) -> Iterator[Node]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise ManifestFault(f"{path}: cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError as error:
        line = bytes(error.object).count(b"\n", 0, error.start) + 1
        raise ManifestFault(f"{path}:{line}: this is not UTF-8 text") from None
    reader = _Reader(path, name)
    try:
        for root in yaml.compose_all(text, Loader=_LOADER):
            yield reader.node(root, root.start_mark.line + 1, 0)
    except yaml.MarkedYAMLError as error:
        message, hint, mark = explain(error, text)
        lines = text.splitlines()
        if mark.line <= len(lines) and _TEMPLATE in lines[mark.line - 1]:
            hint = "this is a template; give what it renders to (helm template …)"
        raise ManifestFault(f"{path}:{mark.line}: {message}{f'; {hint}' if hint else ''}") from None
    except yaml.YAMLError as error:
        raise ManifestFault(f"{path}: {error}".replace("\n", " ")) from None


class _Reader:
    def __init__(self, path: Path, name: str) -> None:
        self._path = path
        self._name = name
        self._count = 0

    def node(self, raw: yaml.Node, line: int, depth: int) -> Node:
        own_line = raw.start_mark.line + 1
        self._count += 1
        if depth > _MAX_DEPTH or self._count > _MAX_NODES:
            raise ManifestFault(f"{self._path}:{own_line}: nested too deeply, or too many values")
        file = self._name
        if isinstance(raw, yaml.SequenceNode):
            items = tuple(self.node(item, item.start_mark.line + 1, depth + 1) for item in raw.value)
            return Node(items, file, line, own_line)
        if isinstance(raw, yaml.MappingNode):
            entries: dict[str, Node] = {}
            for key, value in raw.value:
                name = key.value if isinstance(key, yaml.ScalarNode) else ""
                if name in entries:
                    raise ManifestFault(
                        f"{self._path}:{key.start_mark.line + 1}: {quoted(name)} stands twice; keep one of them"
                    )
                entries[name] = self.node(value, key.start_mark.line + 1, depth + 1)
            return Node(entries, file, line, own_line)
        text = str(raw.value)
        is_null = raw.tag == "tag:yaml.org,2002:null"
        is_block = getattr(raw, "style", None) in _BLOCK_STYLES
        return Node("" if is_null else text, file, line, own_line + is_block, is_null)


def _flattened(document: Node) -> Iterator[Node]:
    """An object, or those of a list (`kubectl get -o yaml` prints one)."""
    if document.kind.endswith("List") and document.at("items") is not None:
        for item in document.items("items"):
            yield from _flattened(item)
    elif not document.is_null:
        yield document
