"""Unit files as tables."""

from collections import defaultdict
from pathlib import Path

DIRECTORY = Path(__file__).parents[2] / "config" / "systemd"
SERVICE = DIRECTORY / "cors-gateway.service"
SOCKET = DIRECTORY / "cors-gateway.socket"
PREFIX = "/opt/cors-gateway/bin/"


def settings(path: Path) -> dict[str, list[str]]:
    """Every value that each key is given, in order, whatever the section."""
    found: dict[str, list[str]] = defaultdict(list)
    for line in path.read_text().splitlines():
        if "=" in line and line[0] not in "#;":
            key, _, value = line.partition("=")
            found[key].append(value)
    return found


def arguments(path: Path, key: str) -> list[str]:
    """The words of a command of the installed program, without its path."""
    (command,) = settings(path)[key]
    program, *words = command.split()
    assert program == f"{PREFIX}cors-gateway"
    return words
