"""The annotations of an Ingress as ingress-nginx reads them: which values it takes, and what it does about others.

Its rule for most of them: a value that does not fit is as good as none, so the default counts, whatever that is.
"""

import re
from dataclasses import dataclass

from cors_gateway.migrate.ingress.documents import Node

PREFIX = "nginx.ingress.kubernetes.io/"
_TRUE = frozenset({"1", "t", "T", "TRUE", "true", "True"})
_FALSE = frozenset({"0", "f", "F", "FALSE", "false", "False"})
_INTEGER = re.compile(r"[+-]?[0-9]+")


@dataclass(frozen=True, slots=True)
class Annotation:
    """One that was written."""

    name: str
    """Without the prefix."""
    node: Node

    @property
    def value(self) -> str:
        return self.node.value if isinstance(self.node.value, str) else ""

    @property
    def written(self) -> str:
        """As a comment shows it: the first line of its value."""
        lines = self.value.strip().splitlines() or [""]
        return f"{self.name}: {lines[0]}{' …' if len(lines) > 1 else ''}"

    @property
    def boolean(self) -> bool | None:
        """None for what is neither."""
        if self.value in _TRUE:
            return True
        return False if self.value in _FALSE else None

    @property
    def integer(self) -> int | None:
        return int(self.value) if _INTEGER.fullmatch(self.value) else None


class Annotations:
    """Those of one object that ingress-nginx looks at."""

    def __init__(self, owner: Node) -> None:
        self.all = {
            key.removeprefix(PREFIX): Annotation(key.removeprefix(PREFIX), node)
            for key, node in owner.entries("metadata", "annotations").items()
            if key.startswith(PREFIX)
        }

    def get(self, *names: str) -> Annotation | None:
        """The first of them that has a value."""
        return next((self.all[name] for name in names if name in self.all and self.all[name].value), None)

    def value(self, *names: str) -> str:
        found = self.get(*names)
        return found.value.strip() if found is not None else ""

    def is_on(self, name: str) -> bool:
        found = self.get(name)
        return found is not None and found.boolean is True
