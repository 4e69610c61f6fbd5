"""Texts in nginx's own words, wherever an object holds one, as directives with their lines in the YAML."""

from dataclasses import dataclass

from cors_gateway.migrate.ingress.annotations import Annotation
from cors_gateway.migrate.nginx.parse import Directive, MissingInclude, Place, parse_snippet


@dataclass(frozen=True, slots=True)
class Snippet:
    """What a text says."""

    directives: tuple[Directive, ...] = ()
    missing: tuple[MissingInclude, ...] = ()


NO_SNIPPET = Snippet()


def snippet_of(annotation: Annotation | None) -> Snippet:
    """The directives of a snippet.

    Raises NginxSyntaxFault, CrossplaneMissingFault.
    """
    if annotation is None or not annotation.value.strip():
        return NO_SNIPPET
    start = Place(annotation.node.file, annotation.node.text_line)
    return Snippet(*parse_snippet(annotation.value, start))
