"""Which files make up a configuration: the main file, alone or in its directory, and those it includes."""

import glob
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from cors_gateway.config.places import PLACES, STANDARD_INPUT, advice
from cors_gateway.config.problems import Problem, Severity
from cors_gateway.config.syntax.files import FileFault, Files
from cors_gateway.config.syntax.interpolation import expander
from cors_gateway.config.syntax.source import parse
from cors_gateway.config.syntax.tree import Document, Scalar, Sequence
from cors_gateway.config.syntax.tree import Path as NodePath
from cors_gateway.policy.quoting import quoted

MAIN_FILE = "gateway.yaml"

_WILDCARDS = frozenset("*?[")


@dataclass(slots=True)
class Sources:
    """The documents that could be read, the main one first."""

    documents: list[Document]
    names: list[str]
    """All files in the order of reading, as shown to people."""
    is_complete: bool
    """False if some file could not be read: what it holds is unknown."""


def read_sources(path: Path, environ: Mapping[str, str], files: Files, problems: list[Problem]) -> Sources:
    """Read the main file and everything it includes. Adds to `problems`."""
    is_directory = path != STANDARD_INPUT and _is_directory(path)
    main_path = path / MAIN_FILE if is_directory else path
    main = _read(main_path, environ, files)
    problems += main.problems
    if main.document is None:
        return Sources([], [str(main_path)], is_complete=False)
    sources = Sources([main.document], [str(main_path)], is_complete=True)
    for included_path in _included(main.document, main_path, problems):
        if included_path is None:
            sources.is_complete = False
            continue
        sources.names.append(str(included_path))
        included = _read(included_path, environ, files)
        problems += included.problems
        if included.document is None:
            sources.is_complete = False
        else:
            sources.documents.append(included.document)
    return sources


@dataclass(frozen=True, slots=True)
class _Read:
    document: Document | None
    problems: list[Problem]


def _read(path: Path, environ: Mapping[str, str], files: Files) -> _Read:
    text = files.read_text(path)
    if isinstance(text, FileFault):
        hint = text.hint
        if path.name == MAIN_FILE and text.code == "file.missing" and _is_directory(path.parent):
            hint = f"a configuration directory holds {MAIN_FILE}"
        elif path in PLACES and text.code == "file.missing":
            hint = advice()
        return _Read(None, [Problem(code=text.code, message=text.message, hint=hint, file=str(path))])
    directory = os.path.abspath(path.parent)  # noqa: PTH100 - links below it must stay visible to the watcher
    expand = expander(environ, files.reference_reader(directory))
    return _Read(*parse(text, file=str(path), directory=directory, expand=expand))


def _included(main: Document, main_path: Path, problems: list[Problem]) -> Iterator[Path | None]:
    """The files that match `include`, each once; None for a pattern that names a file that is not there."""
    patterns = main.node(("include",))
    if not isinstance(patterns, Sequence):
        return
    seen = {os.path.realpath(main_path)}
    for index, item in enumerate(patterns.items):
        if not isinstance(item, Scalar) or not isinstance(item.value, str):
            continue
        place: NodePath = ("include", index)
        names = _matches(main_path.parent, item.value)
        hint = f"paths start at the directory of {main_path.name}"
        if not names and _WILDCARDS & set(item.value):
            message = f"no file matches {quoted(item.value)}"
            problems.append(
                main.problem("include.empty", message, hint, path=place, severity=Severity.WARNING)
            )
        elif not names:
            message = f"there is no file {quoted(item.value)}"
            problems.append(main.problem("include.missing", message, hint, path=place))
            yield None
        for name in names:
            real = os.path.realpath(name)
            if real not in seen:
                seen.add(real)
                yield Path(name)


def _is_directory(path: Path) -> bool:
    """Whatever stands in the way of looking is reported when the file is read; `Path.is_dir` would raise."""
    return os.path.isdir(path)  # noqa: PTH112


def _matches(directory: Path, pattern: str) -> list[str]:
    """Sorted, so that the order of routes does not depend on the file system; directories do not count."""
    try:
        names = glob.glob(os.path.join(glob.escape(str(directory)), pattern))  # noqa: PTH118, PTH207 - keeps "./"
    except ValueError:
        return []
    return sorted(name for name in names if not os.path.isdir(name))  # noqa: PTH112 - includes dangling links
