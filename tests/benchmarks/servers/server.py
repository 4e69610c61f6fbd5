"""What a proxy under measurement is, whatever program it is."""

import re
import shutil
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.site import Site

_VERSION = re.compile(r"\d+\.\d+[^\s/]*")


class MissingError(Exception):
    """The program is not installed, or cannot do what a site asks; the message says which."""


@dataclass(frozen=True, slots=True)
class Program:
    """An installed program: the file to run and the version it gives."""

    path: Path
    version: str


@dataclass(frozen=True, slots=True)
class Launch:
    """A command, the configuration files it reads (already written, shown in the docs) and additions to its
    environment."""

    command: Sequence[str | Path]
    files: Sequence[Path]
    environment: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Server:
    """`locate` raises MissingError; `configure` writes files for a site into a folder of its own, and raises MissingError if the
    program cannot be such a site."""

    name: str
    locate: Callable[[], Program]
    configure: Callable[[Program, Site, Path], Launch]


def find_program(name: str, *version_command: str) -> Program:
    """Look `name` up on PATH; its version command must print the version in the first line. Raises MissingError."""
    found = shutil.which(name)
    if not found:
        raise MissingError(f"{name} is not installed")
    return Program(Path(found), version_in(first_line([found, *version_command])))


def first_line(command: Sequence[str]) -> str:
    """First line a version command writes, to standard output or error. Raises MissingError."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MissingError(f"{command[0]}: {error}") from error
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[0].strip() if lines else "unknown version"


def version_in(line: str) -> str:
    """`2.6.12-1+deb12u4` of a line that says more; the whole line if no version is in it."""
    found = _VERSION.search(line)
    return found.group() if found else line
