"""What `survivors.yaml` explains: mutations that no test notices, and why that is right."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml

from tests.mutations.edits import Name

FILE = Path(__file__).with_name("survivors.yaml")

_KEYS = {"in", "line", "changes", "why"}


def explained(text: str) -> dict[str, dict[Name, str]]:
    """The reason of each explained mutation, by module. Raises ValueError, naming the entry that is wrong."""
    reasons: dict[str, dict[Name, str]] = {}
    for module, entries in (yaml.safe_load(text) or {}).items():
        for entry in entries:
            if set(entry) != _KEYS or not (entry["line"] and entry["changes"] and entry["why"]):
                raise ValueError(f"{module}: an entry needs {', '.join(sorted(_KEYS))}, and has {entry}")
            for change in entry["changes"]:
                name = Name(entry["in"], entry["line"], change)
                if name in reasons.setdefault(module, {}):
                    raise ValueError(f"{module}: explained twice: {name}")
                reasons[module][name] = entry["why"]
    return reasons


def entries(module: str, names: Iterable[Name]) -> str:
    """Mutations as they are put into the file, to be explained there."""
    lines: dict[tuple[str, str], list[str]] = {}
    for name in names:
        lines.setdefault((name.scope, name.line), []).append(name.change)
    written = [
        {"in": scope, "line": line, "changes": changes, "why": ""} for (scope, line), changes in lines.items()
    ]
    return yaml.safe_dump({module: written}, sort_keys=False, allow_unicode=True, width=110)


def outdated(reasons: Mapping[Name, str], present: Iterable[Name], killed: Iterable[Name]) -> dict[Name, str]:
    """Explanations to take out, and why: what they speak of is not there any more, or a test notices it now."""
    present, killed = set(present), set(killed)
    gone = {name: "the module has no such mutation" for name in reasons if name not in present}
    return gone | {name: "a test notices it" for name in reasons if name in killed}
