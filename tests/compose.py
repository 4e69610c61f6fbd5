"""Compose files against the compose specification: keys and values by its JSON schema, and references by hand.

The schema comes from a package that carries it as models; it is closed here to keys that it does not name.
"""

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import yaml
from compose_spec import ComposeSpecification  # type: ignore[attr-defined]  # it does not say what it exports

KINDS = ("secrets", "configs", "volumes", "networks")


def faults(path: Path) -> list[str]:
    """What the specification does not allow in this file, as sentences with the place."""
    document = yaml.safe_load(path.read_text())
    validator = jsonschema.Draft202012Validator(_schema())
    wrong = (_deepest(error) for error in validator.iter_errors(document))
    return [*wrong, *_dangling(document)]


def _deepest(error: jsonschema.ValidationError) -> str:
    """Where alternatives are allowed, the one that got furthest says best what is wrong."""
    while error.context:
        error = max(error.context, key=lambda one: len(one.absolute_path))
    return f"{'.'.join(map(str, error.absolute_path))}: {error.message[:200]}"


def _dangling(document: dict[str, Any]) -> Iterator[str]:
    """References of services to what no section declares."""
    for name, service in document["services"].items():
        for kind in KINDS:
            declared = {*document.get(kind, {}), *(["default"] if kind == "networks" else [])}
            for used in service.get(kind, []):
                source = used.get("source") if isinstance(used, dict) else used.partition(":")[0]
                is_path = kind == "volumes" and (isinstance(used, str) or used["type"] != "volume")
                if not is_path and source not in declared:
                    yield f"services.{name}.{kind}: {source} is not declared"
        for other in service.get("depends_on", {}):
            if other not in document["services"]:
                yield f"services.{name}.depends_on: there is no service {other}"


@cache
def _schema() -> dict[str, Any]:
    schema = ComposeSpecification.model_json_schema()
    for definition in (schema, *schema["$defs"].values()):
        if "properties" in definition:
            definition["additionalProperties"] = False
            definition["patternProperties"] = {"^x-": {}}
    return schema
