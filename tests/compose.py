"""Compose files against the compose specification: unknown keys, wrong values, and references to what is not there."""

from pathlib import Path

import yaml
from compose_spec import PyCompose


def faults(path: Path) -> str:
    """What the specification does not allow in this file first; empty if all is well."""
    # The checker knows no merge keys (<<), so it gets what they come to.
    plain = yaml.safe_dump(yaml.safe_load(path.read_text()))
    try:
        PyCompose.from_yaml(plain).validate()
    except ValueError as error:
        return str(error)
    return ""
