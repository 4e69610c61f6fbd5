"""Configurations for tests: a short file that loads, and ways to load variations of it."""

from collections.abc import Mapping
from pathlib import Path

from cors_gateway.config.load import Loaded, load

MINIMAL = """\
version: 1
routes:
  - {name: r, path: /, upstream: http://127.0.0.1:9, cors: disabled}
"""


def load_text(directory: Path, text: str, environ: Mapping[str, str] | None = None) -> Loaded:
    """Load a file with this text, alone in its directory."""
    file = directory / "gateway.yaml"
    file.write_text(text, encoding="utf-8")
    return load(file, environ or {})


def codes(loaded: Loaded) -> list[str]:
    return [problem.code for problem in loaded.problems]


def places(loaded: Loaded) -> list[tuple[int, int, str]]:
    return [(problem.line, problem.column, problem.path) for problem in loaded.problems]
