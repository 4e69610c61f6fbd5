"""What libyaml says when it cannot read a file, in words that help the person who wrote it."""

import re

from yaml import MarkedYAMLError

from cors_gateway.config.syntax.tree import Mark
from cors_gateway.policy.pattern import is_pattern
from cors_gateway.policy.quoting import quoted
from cors_gateway.policy.spelling import repair

_SEEN_TOO_LATE = ("scanning an alias", "scanning an anchor", "scanning a quoted scalar")
"""What is better shown where it begins than where the parser gave up."""

_VALUE = re.compile(r"[*&][^\s,\]}#]*")
_KEY = re.compile(r"([A-Za-z_]+):(?=\s|$)")
_ORIGIN_KEYS = frozenset({"allow_origins", "public_origins"})

_EXPLANATIONS: tuple[tuple[str, str, str], ...] = (
    (
        "alphabetic or numeric character",
        "a value that starts with * or & is an alias or an anchor in YAML",
        "",
    ),
    (
        "expected ',' or ']'",
        "the list in [...] is not closed, or a value in it has a bracket or brace of its own",
        "put that value in quotes, or write one item a line with a dash",
    ),
    (
        "expected ',' or '}'",
        "the mapping in {...} is not closed, or a value in it has a bracket or brace of its own",
        "put that value in quotes, or write one key a line",
    ),
    ("expected node content", "a value is missing, or a bracket is not closed", ""),
    (
        "mapping values are not allowed",
        'a second ": " on the line',
        "put the value in quotes if the colon is part of it",
    ),
    (
        "cannot start any token",
        "a value cannot start like this",
        "indent with spaces; put a value that starts with @, ` or % in quotes",
    ),
    ("unexpected end of stream", "the quotes are not closed", ""),
    ("could not find expected ':'", "a key without its colon", 'write "key: value"'),
    (
        "did not find expected key",
        "the line is not indented like its neighbours, or the quotes end too early",
        "",
    ),
    ("did not find expected '-' indicator", "the line is not indented like its neighbours", ""),
)
"""What libyaml says, what that means here, and what to do."""


def explain(error: MarkedYAMLError, text: str) -> tuple[str, str, Mark]:
    """Message, hint and place. `text` is the whole file."""
    problem, context = error.problem or "not YAML", error.context or ""
    mark = error.problem_mark
    if mark is None or any(start in context for start in _SEEN_TOO_LATE):
        mark = error.context_mark or mark
    place = Mark(mark.line + 1, mark.column + 1) if mark is not None else Mark(1, 1)
    for fragment, meaning, hint in _EXPLANATIONS:
        if fragment in problem:
            return f"{meaning} ({problem})", hint or _quoted_star(text, place), place
    return problem, "", place


def _quoted_star(text: str, place: Mark) -> str:
    """How to write the value that YAML takes for an alias; nothing if there is none at the place."""
    lines = text.splitlines()[: place.line]
    value = _VALUE.match(lines[-1], place.column - 1) if lines else None
    if value is None:
        return ""
    keys = _KEY.findall("\n".join((*lines[:-1], lines[-1][: value.start()])))
    origin = repair(value[0])
    if value[0] != "*" and keys and keys[-1] in _ORIGIN_KEYS and is_pattern(origin):
        return f"write {quoted(origin)}"
    return f"put it in quotes: {quoted(value[0])}"
