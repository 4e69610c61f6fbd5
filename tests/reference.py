"""The tables of docs/configuration.md, made from the JSON schema: `python -m tests.reference` writes them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cors_gateway.config.schema import json_schema

DOCUMENT = Path(__file__).parent.parent / "docs" / "configuration.md"
MARK = "<!-- Below is made from the schema by `python -m tests.reference`. -->\n"

ORDER = ["server", "admin", "upstreams", "policies", "routes", "tests"]
"""Top-level sections in the order of the file; a section's own sections follow it."""

VALUES_BY_PATTERN = {"^[0-9]{1,15}(ms|s|m|h|d)$": "duration", "^[0-9]{1,15}(B|KiB|MiB|GiB)$": "size"}

Schema = dict[str, Any]


def with_reference(document: str) -> str:
    """The document with everything below the mark made anew."""
    return document.partition(MARK)[0] + MARK + "".join(_sections(json_schema()))


def _sections(schema: Schema) -> Iterator[str]:
    yield _table("Top level", schema, schema)
    for name in ORDER:
        yield from _section(name, schema["properties"][name], schema)


def _section(name: str, node: Schema, root: Schema) -> Iterator[str]:
    for kind, section in _mappings(node, root):
        title = {"list": f"{name}[]", "named": f"{name}.&lt;name&gt;", "one": name}[kind]
        yield _table(title, section, root)
        for key, inner in section["properties"].items():
            if title.startswith("routes") and key == "cors":
                continue  # the table of `policies` says it all
            yield from _section(f"{title}.{key}", inner, root)


def _mappings(node: Schema, root: Schema, kind: str = "one") -> Iterator[tuple[str, Schema]]:
    """The mappings that may stand at a place: written there once, as entries of a list, or under names."""
    if "$ref" in node:
        node = root["$defs"][node["$ref"].rpartition("/")[2]]
    if "properties" in node:
        yield kind, node
    for choice in node.get("anyOf", []):
        yield from _mappings(choice, root, kind)
    if "items" in node:
        yield from _mappings(node["items"], root, "list")
    for named in node.get("patternProperties", {}).values():
        yield from _mappings(named, root, "named")


def _table(title: str, section: Schema, root: Schema) -> str:
    rows = [
        f"| `{key}` | {_value(node, root)} | {_default(key, node, section)} | {_meaning(node, root)} |\n"
        for key, node in section["properties"].items()
    ]
    introduction = f"{section['description']}\n\n" if title != "Top level" else ""
    return f"\n### {title}\n\n{introduction}| key | value | default | meaning |\n|---|---|---|---|\n{''.join(rows)}"


def _default(key: str, node: Schema, section: Schema) -> str:
    if key in section.get("required", []):
        return "required"
    default = node.get("default")
    if default is None or default == []:
        return ""
    text = ", ".join(map(str, default)) if isinstance(default, list) else str(default)
    return f"`{text.lower() if isinstance(default, bool) else text}`"


def _meaning(node: Schema, root: Schema) -> str:
    if "description" not in node and "$ref" in node:
        node = root["$defs"][node["$ref"].rpartition("/")[2]]
    return str(node["description"]).replace("|", r"\|").replace("*", r"\*")


def _value(node: Schema, root: Schema) -> str:
    kinds: list[str] = []
    for kind in _kinds(node, root):
        if kind not in kinds:
            kinds.append(kind)
    return " or ".join(kinds)


def _kinds(node: Schema, root: Schema) -> Iterator[str]:
    if node.get("$ref") == "#/$defs/Reference":
        return
    if "$ref" in node:
        yield from _kinds(root["$defs"][node["$ref"].rpartition("/")[2]], root)
    elif "anyOf" in node:
        for choice in node["anyOf"]:
            yield from _kinds(choice, root)
    elif "enum" in node:
        yield "one of " + ", ".join(f"`{word}`" for word in node["enum"])
    elif "const" in node:
        yield f"`{node['const']}`"
    elif "items" in node:
        yield f"list of {' or '.join(dict.fromkeys(_kinds(node['items'], root)))}"
    elif "properties" in node or "patternProperties" in node:
        yield "mapping"
    else:
        yield VALUES_BY_PATTERN.get(node.get("pattern", ""), _range(node))


def _range(node: Schema) -> str:
    word = {"string": "text", "integer": "number", "boolean": "`true` or `false`", "null": "`null`"}[
        node["type"]
    ]
    if "maximum" in node:
        return f"{word} {node['minimum']}-{node['maximum']}"
    return word


if __name__ == "__main__":
    DOCUMENT.write_text(with_reference(DOCUMENT.read_text()))
