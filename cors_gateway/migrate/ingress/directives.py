"""Directives of nginx that stand for something in a Kubernetes object, each at its place in the YAML."""

from cors_gateway.migrate.ingress.documents import Node
from cors_gateway.migrate.nginx.parse import Directive, Place


def place_of(node: Node) -> Place:
    return Place(node.file, node.line)


def directive(
    name: str,
    *args: str,
    at: Node,
    written: str = "",
    block: tuple[Directive, ...] | None = None,
) -> Directive:
    """One directive; `written` is what comments show in its stead."""
    return Directive(name, args, place_of(at), block, written)
