"""The JSON schema of the configuration, for editors, generated from the models.

`config/schema.json` is its committed copy; a test holds the two together.
"""

from functools import cache
from typing import Any

from cors_gateway.config.models.file import MainFile
from cors_gateway.config.models.kinds import DURATION_PATTERN
from cors_gateway.config.models.policy import NULLABLE
from cors_gateway.config.syntax.tree import Path
from cors_gateway.config.syntax.units import format_duration, format_size

DIALECT = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]

_REFERENCE: Schema = {"$ref": "#/$defs/Reference"}
_REFERENCE_RULE: Schema = {
    "type": "string",
    "pattern": r"\$\{",
    "description": "${NAME}, ${NAME:-default}, ${NAME:?message} or ${file:/path}",
}


def json_schema() -> Schema:
    """The schema as a document; wherever a word, number or boolean stands, a `${...}` reference may stand too."""
    generated = MainFile.model_json_schema()
    definitions = {name: _tidy(part) for name, part in generated.pop("$defs").items()}
    return {
        "$schema": DIALECT,
        **_tidy(generated),
        "title": "cors_gateway configuration",
        "$defs": {**definitions, "Reference": _REFERENCE_RULE},
    }


def known_keys(path: Path) -> list[str]:
    """The keys that a mapping at this path may have; empty where keys are free."""
    schema = _compiled()
    options = [schema]
    for step in path:
        options = [found for option in options for found in _step(schema, option, step)]
    return sorted({key for option in options for key in option.get("properties", {})})


@cache
def _compiled() -> Schema:
    return json_schema()


def _step(schema: Schema, option: Schema, step: str | int) -> list[Schema]:
    """What may stand one step further down."""
    found = option.get("items") if isinstance(step, int) else option.get("properties", {}).get(step)
    for free in option.get("patternProperties", {}).values():
        found = found or free
    return _alternatives(schema, found) if isinstance(found, dict) else []


def _alternatives(schema: Schema, option: Schema) -> list[Schema]:
    if "$ref" in option:
        return _alternatives(schema, schema["$defs"][option["$ref"].rpartition("/")[2]])
    choices = option.get("anyOf", []) + option.get("oneOf", [])
    return [option, *(found for choice in choices for found in _alternatives(schema, choice))]


def _tidy(node: Schema, key: str = "") -> Schema:
    """Drop what the generator adds and people do not need, admit references, spell defaults as in the file."""
    tidy = {name: value for name, value in node.items() if name not in ("title", "default", "propertyNames")}
    for holder in ("properties", "patternProperties"):
        if holder in tidy:
            tidy[holder] = {name: _tidy(part, name) for name, part in tidy[holder].items()}
            tidy["additionalProperties"] = False
    if "items" in tidy:
        tidy["items"] = _tidy(tidy["items"])
    for name in ("anyOf", "oneOf"):
        if name in tidy:
            tidy = _tidy_choice(tidy, name, key)
    if _is_narrow(tidy):
        documentation = {"description": tidy.pop("description")} if "description" in tidy else {}
        tidy = {**documentation, "anyOf": [tidy, _REFERENCE]}
    default = node.get("default")
    if default is not None and not isinstance(default, dict):
        tidy["default"] = _spelled(default, node, key)
    return tidy


def _tidy_choice(node: Schema, name: str, key: str) -> Schema:
    """Choices between the forms of one value; null only where a file may say null."""
    rest = {other: value for other, value in node.items() if other != name}
    choices = [_tidy(choice) for choice in node[name] if choice.get("type") != "null" or key in NULLABLE]
    flat = [
        inner for choice in choices for inner in (choice["anyOf"] if set(choice) == {"anyOf"} else [choice])
    ]
    unique = [choice for index, choice in enumerate(flat) if choice not in flat[:index]]
    if len(unique) == 1:
        return {**unique[0], **rest}
    return {**rest, "anyOf": unique}


def _is_narrow(node: Schema) -> bool:
    """True for a scalar whose rule a `${...}` would not meet."""
    kind = node.get("type")
    return kind in ("integer", "boolean", "number") or (
        kind in (None, "string") and bool({"enum", "const", "pattern"} & set(node))
    )


def _spelled(default: Any, node: Schema, key: str) -> Any:
    if node.get("pattern") == DURATION_PATTERN:
        return format_duration(default)
    if key in ("request_head", "request_body") and isinstance(default, int) and default:
        return format_size(default)
    return default
