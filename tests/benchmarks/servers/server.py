"""What a proxy under measurement is, whatever program it is."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.site import Shape, Site

_VERSION = re.compile(r"\d+\.\d+[^\s/]*")

Release = tuple[int, ...]


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
    """`locate` raises MissingError; `configure` writes files for a site into a folder of its own. `reload` makes the process
    started by a launch, here with its identifier, take over what `configure` has written anew; None where a program
    must be started anew. `newest` is the release that was out when this was written."""

    name: str
    locate: Callable[[], Program]
    configure: Callable[[Program, Site, Path], Launch]
    reload: Callable[[Launch, int], None] | None = None
    speaks_http2: bool = True
    newest: Release = ()

    def lacks(self, shape: Shape) -> str:
        """What of a shape the program cannot be, in a few words; empty if nothing."""
        if shape.http2 and not self.speaks_http2:
            return "speaks no HTTP/2"
        if shape.reloads and self.reload is None:
            return "cannot reload"
        return ""

    def age(self, program: Program) -> str:
        """A remark on a version that is not the newest release, by its first two numbers; empty otherwise."""
        newest = self.newest[:2]
        if release(program.version)[:2] >= newest:
            return ""
        return f"old: {'.'.join(map(str, newest))} is out"


def write_watched(path: Path, text: str) -> None:
    """For programs that watch their files: what is written anew waits beside the file until `take_over`."""
    (_beside(path) if path.exists() else path).write_text(text)


def take_over(path: Path) -> None:
    _beside(path).replace(path)


def find_program(name: str, *version_command: str, get: str) -> Program:
    """The program that the environment variable `NAME` says, else the one beside this Python, else on PATH. Its version
    command must print the version in the first line. Raises MissingError, which tells to `get` it."""
    variable = name.upper()
    beside = Path(sys.executable).with_name(name)
    given = os.environ.get(variable)
    found = shutil.which(given or (beside if beside.exists() else name))
    if not found:
        what = f"{variable}={given} is no program" if given else f"{name} is not installed"
        raise MissingError(f"{what} ({get}, or set {variable} to the program)")
    return Program(Path(found), version_in(first_line([found, *version_command])))


def release(version: str) -> Release:
    """`(2, 6, 12)` of `2.6.12-1+deb12u4`."""
    found = _VERSION.search(version)
    return tuple(int(number) for number in re.findall(r"\d+", found.group())[:3]) if found else ()


def first_line(command: Sequence[str], environment: Mapping[str, str] | None = None) -> str:
    """First line a version command writes, to standard output or error. Raises MissingError."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=20,
            check=False,
            env={**os.environ, **(environment or {})},
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise MissingError(f"{command[0]}: {error}") from error
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[0].strip() if lines else "unknown version"


def _beside(path: Path) -> Path:
    return path.with_name(f"{path.name}.fresh")


def version_in(line: str) -> str:
    """`2.6.12-1+deb12u4` of a line that says more; the whole line if no version is in it."""
    found = _VERSION.search(line)
    return found.group() if found else line
