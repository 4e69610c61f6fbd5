"""From a part of the tree to a model: pydantic's findings become problems with places, in our own words.

One part (a policy, a route, ...) is validated at a time, so that a mistake in one does not hide those in another.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Generic, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from cors_gateway.config.models.corrected import address, as_list
from cors_gateway.config.models.kinds import TYPE, is_form
from cors_gateway.config.models.policy import MAX_AGE_TYPE, NULLABLE
from cors_gateway.config.problems import Problem
from cors_gateway.config.schema import known_keys
from cors_gateway.config.syntax.scalars import is_yaml11_number, yaml11_boolean
from cors_gateway.config.syntax.tree import Broken, Document, Mapping, Node, Path, Scalar, Sequence
from cors_gateway.policy.quoting import quoted

_HEADER_CONDITIONS = frozenset({"header", "headers", "match_headers", "cookies", "query"})
_RETIRED = {
    "response_headers": "write it on the route; the gateway writes CORS headers and Vary itself",
    "request_headers": "write it on the route",
    "mode": "write cors: disabled or cors: passthrough on the route",
    "allow_origin_regex": "write {regex: ...} as an entry of allow_origins",
}
"""Hints for keys that people bring from other gateways."""

_EXPECTED = {
    "string_type": "text is expected",
    "bool_type": "true or false is expected",
    "int_type": "a whole number is expected",
    "list_type": "a list is expected",
    "tuple_type": "a list is expected",
    "dict_type": "a mapping is expected",
    "model_type": "a mapping is expected",
    "dataclass_type": "a mapping is expected",
}

_MAPPINGS = frozenset({"dict_type", "model_type", "dataclass_type"})
_NAMED = frozenset({"policies", "upstreams"})
"""Sections whose keys are names that the operator chooses."""

_NULL_ORIGIN = "remove it; dangerously_allow_null_origin: true is for policies without credentials only, if null is meant"
_UNKNOWN = frozenset({"extra_forbidden", "unexpected_keyword_argument"})
"""Keys that a model, or a dataclass, does not have."""

_NUMERIC = frozenset({"int_type", TYPE, MAX_AGE_TYPE})
"""Findings about values that should have been numbers, among others."""

_MISSING = {
    "cors": "name a policy, or write disabled or passthrough: silence is not a policy",
    "version": "start the file with version: 1",
    "routes": "a gateway without routes serves nothing",
    "expect": "write allow or deny",
}

T = TypeVar("T")
_BROKEN = object()


@dataclass(frozen=True, slots=True)
class Checked(Generic[T]):
    """The outcome for one part. A part that is not usable may still have values worth checking elsewhere."""

    value: T | None
    problems: list[Problem]
    faulty: list[Path]
    """Paths below the part of everything that cannot be used, whether or not reported here."""


def check(
    document: Document, path: Path, adapter: TypeAdapter[T], stand_ins: dict[str, object] | None = None
) -> Checked[T]:
    """Validate the part of a document at a path. `stand_ins` take the place of values that are checked elsewhere."""
    node = document.node(path)
    if node is None:
        return Checked(None, [], [()])
    if stand_ins and isinstance(node, Mapping):
        rest = Mapping({key: entry for key, entry in node.entries.items() if key not in stand_ins}, node.mark)
        problems = _null_problems(document, path, rest)
        value: object = {**{key: plain(entry[1], key) for key, entry in rest.entries.items()}, **stand_ins}
    else:
        problems = _null_problems(document, path, node)
        value = plain(node)
    try:
        return Checked(adapter.validate_python(value), problems, [])
    except ValidationError as error:
        faulty: list[Path] = []
        for details in error.errors(include_url=False, include_context=True):
            place = tuple(step for step in details["loc"] if not is_form(step))
            faulty.append(place)
            at_fault = document.node((*path, *place))
            if details["type"] in _UNKNOWN or not is_unusable(at_fault, place):
                problems.append(_problem(document, (*path, *place), at_fault, details))
        return Checked(None, problems, faulty)


def plain(node: Node, key: str | int = "") -> object:
    """Dictionaries, lists and scalars; what cannot be used becomes a value that no model accepts."""
    if isinstance(node, Mapping):
        return {name: plain(value, name) for name, (_, value) in node.entries.items()}
    if isinstance(node, Sequence):
        return [plain(item, index) for index, item in enumerate(node.items)]
    return _BROKEN if isinstance(node, Broken) or is_unusable(node, (key,)) else node.value


def is_unusable(node: Node | None, path: Path) -> bool:
    """True if a value is reported already: broken, or an empty value where nothing may be empty."""
    if isinstance(node, Broken):
        return True
    return isinstance(node, Scalar) and node.value is None and (not path or path[-1] not in NULLABLE)


def suggestion(word: str, known: Iterable[str]) -> str:
    """`did you mean "allow_origins"?`, or nothing."""
    close = get_close_matches(word.lower().replace("-", "_"), list(known), n=1, cutoff=0.6)
    return f"did you mean {quoted(close[0])}?" if close else ""


def unknown_key(document: Document, path: Path, known: Iterable[str]) -> Problem:
    """The problem with a key that no model has."""
    key = str(path[-1])
    mark = document.key_mark(path)
    if path[0] == "routes" and len(path) == 3 and key in _HEADER_CONDITIONS:
        message = f"{quoted(key)}: a route cannot depend on headers, cookies or the query"
        hint = "a preflight does not carry them; use host, path and methods"
        return document.problem("routes.header_condition", message, hint, path=path, mark=mark)
    names = sorted(known)
    retired = _RETIRED.get(key) if path[0] in ("policies", "routes") else None
    hint = retired or suggestion(key, names) or f"known keys: {', '.join(names)}"
    return document.problem("schema.unknown_key", f"unknown key {quoted(key)}", hint, path=path, mark=mark)


def missing_key(document: Document, path: Path) -> Problem:
    """The problem with a required key that is not there."""
    key = str(path[-1])
    return document.problem("schema.missing", f"{quoted(key)} is missing", _MISSING.get(key, ""), path=path)


def _null_problems(document: Document, path: Path, node: Node) -> list[Problem]:
    """Empty values are mistakes: a key without its value, or a list item that YAML reads as missing."""
    if isinstance(node, Mapping):
        children: list[tuple[str | int, Node]] = [(name, value) for name, (_, value) in node.entries.items()]
    elif isinstance(node, Sequence):
        children = list(enumerate(node.items))
    elif isinstance(node, Scalar) and is_unusable(node, path):
        return [_null_problem(document, path, node)]
    else:
        return []
    found: list[Problem] = []
    for step, child in children:
        if not isinstance(child, Scalar) or child.value is None:
            found += _null_problems(document, (*path, step), child)
    return found


def _null_problem(document: Document, path: Path, node: Scalar) -> Problem:
    if not node.text:
        below = _outdented(document, path)
        message = "the value is missing"
        hint = (
            f"indent what belongs below it: {', '.join(below)}"
            if below
            else "write a value, or remove the key"
        )
    else:
        message = f"{node.text} is a missing value, not the text {quoted(node.text)}"
        hint = f"put it in quotes if the text is meant: {quoted(node.text)}"
    if isinstance(path[-1] if path else None, int):
        is_null_origin = node.text == "null" and path[-2:-1] == ("allow_origins",)
        hint = "remove the item" if not node.text else _NULL_ORIGIN if is_null_origin else hint
    return document.problem(TYPE, message, hint, path=path)


def _is_outdented(path: Path) -> bool:
    """Whether a key of a named mapping stands beside the name instead of below it."""
    return path[-1] in known_keys((*path[:1], "name")) and path[0] in _NAMED


def _outdented(document: Document, path: Path) -> list[str]:
    """The keys that stand beside an empty key of the path and belong below it."""
    holder = document.node(path[:-1])
    below = known_keys(path)
    return [key for key in holder.entries if key in below] if isinstance(holder, Mapping) else []


def _problem(document: Document, path: Path, node: Node | None, details: ErrorDetails) -> Problem:
    kind, context = details["type"], details.get("ctx", {})
    if kind in _UNKNOWN:
        return unknown_key(document, path, known_keys(path[:-1]))
    if kind == "missing":
        return missing_key(document, path)
    if kind == "bool_type" and isinstance(node, Scalar) and node.is_plain:
        meant = yaml11_boolean(node.text)
        if meant is not None:
            message = f"{node.text} is text: only YAML 1.1 reads it as a boolean"
            return document.problem(
                "schema.yaml11_boolean", message, f"write {str(meant).lower()}", path=path
            )
    if kind in _NUMERIC and isinstance(node, Scalar) and node.is_plain and is_yaml11_number(node.text):
        message = f"{node.text} is text: only YAML 1.1 reads it as a number"
        return document.problem(
            TYPE, message, "write it without leading zeros, colons and underscores", path=path
        )
    if kind in _EXPECTED:
        message = f"{_EXPECTED[kind]}, not {_describe(node)}"
        return document.problem(TYPE, message, _type_hint(kind, node, path), path=path)
    if kind in ("literal_error", "enum"):
        return _not_one_of(document, path, node, str(context.get("expected", "")))
    if kind in ("greater_than_equal", "less_than_equal"):
        bound = f"at least {context['ge']}" if "ge" in context else f"at most {context['le']}"
        return document.problem(
            "schema.range", f"{_describe(node)} is out of range", f"{bound} is allowed", path=path
        )
    if kind == "too_short":
        return document.problem("schema.empty", "the list is empty", "write at least one entry", path=path)
    return _own_problem(document, path, node, details)


def _own_problem(document: Document, path: Path, node: Node | None, details: ErrorDetails) -> Problem:
    """A problem found by one of the types in `models/kinds.py`, which bring their own words."""
    kind, context = details["type"], details.get("ctx", {})
    message, hint = details["msg"], str(context.get("hint", ""))
    if message.endswith(" is expected"):
        hint = hint or _address_hint(node, path)
        message = f"{message}, not {_describe(node)}"
    return document.problem(kind, message, hint, path=path)


def _not_one_of(document: Document, path: Path, node: Node | None, expected: str) -> Problem:
    words = re.findall(r"'([^']*)'", expected)
    if isinstance(node, Scalar) and node.value is False and "off" in words:
        hint = 'write the word "off"'
    else:
        hint = suggestion(node.text if isinstance(node, Scalar) else "", words)
    message = f"{', '.join(words[:-1])} or {words[-1]} is expected, not {_describe(node)}"
    return document.problem(TYPE, message, hint, path=path)


def _describe(node: Node | None) -> str:
    if not isinstance(node, Scalar):
        return "a mapping" if isinstance(node, Mapping) else "a list"
    if node.reference is not None and "${file:" in node.reference:
        return f"what {quoted(node.reference)} holds"  # most likely a secret
    kind = {bool: "the boolean", int: "the number", float: "the number"}.get(type(node.value))
    return f"{kind} {node.text}" if kind else f"the text {quoted(node.text)}"


def _address_hint(node: Node | None, path: Path) -> str:
    if not isinstance(node, Scalar) or not node.text.isdecimal():
        return ""
    meant = address(path, node.text)
    return f"write {quoted(meant)}" if meant else ""


def _type_hint(kind: str, node: Node | None, path: Path) -> str:
    if kind in _MAPPINGS and len(path) > 1 and _is_outdented(path):
        return f"indent {path[-1]} below the name it belongs to"
    if not isinstance(node, Scalar):
        return ""
    if kind in ("list_type", "tuple_type"):
        return f"write it as a list: {as_list(path, node.reference or node.text)}"
    if kind == "string_type":
        meant = _address_hint(node, path)
        if meant:
            return meant
        written = node.reference or node.text
        return f"put it in quotes: {quoted(written)}"
    if kind == "bool_type" and node.text.lower() in ("true", "false"):
        return f"write {node.text.lower()} without quotes"
    return f"write {node.text} without quotes" if kind == "int_type" and node.text.isdecimal() else ""
