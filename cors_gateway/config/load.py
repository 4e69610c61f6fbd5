"""The one way from files to a configuration that the rest of the program can run on."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from cors_gateway.config.compile.effective import effective
from cors_gateway.config.compile.resolve import compile_parts
from cors_gateway.config.compile.sections import read_parts
from cors_gateway.config.problems import Problem
from cors_gateway.config.syntax.files import Files
from cors_gateway.config.syntax.includes import read_sources
from cors_gateway.snapshot import Snapshot

__all__ = ["Extent", "Loaded", "effective", "load"]


@dataclass(frozen=True, slots=True)
class Extent:
    """How much was read; parts that cannot be used are not counted."""

    files: int = 0
    """The main file and those it includes; neither certificates nor secrets."""
    routes: int = 0
    policies: int = 0
    """Whether or not a route names them, and those written in a route."""
    upstreams: int = 0
    tests: int = 0


@dataclass(frozen=True, slots=True)
class Loaded:
    """The outcome of a load: a snapshot, unless one of the problems is an error."""

    snapshot: Snapshot | None
    problems: tuple[Problem, ...]
    """Errors and warnings, in the order of the files and of the lines in them."""
    fingerprint: str = ""
    """Of everything that was read, also if the snapshot is missing: a broken file may be mended."""
    files: tuple[str, ...] = ()
    extent: Extent = Extent()


def load(path: Path, environ: Mapping[str, str]) -> Loaded:
    """Read a file, or the `gateway.yaml` of a directory, with what it includes. Never raises for what files hold.

    Reports every mistake in every file at once. Half a configuration never exists.
    """
    files = Files()
    problems: list[Problem] = []
    snapshot = None
    extent = Extent()
    sources = read_sources(path, environ, files, problems)
    if sources.documents:
        parts = read_parts(sources, problems)
        snapshot = compile_parts(parts, files, problems)
        extent = Extent(
            files=len(sources.names),
            routes=len(parts.routes),
            policies=len(parts.policies) + len(parts.inline_policies),
            upstreams=len(parts.upstreams if snapshot is None else snapshot.upstreams),
            tests=len(parts.tests),
        )
    order = {name: index for index, name in enumerate(sources.names)}
    unique = dict.fromkeys(problems)
    ordered = sorted(unique, key=lambda found: (order[found.file], found.line, found.column))
    return Loaded(snapshot, tuple(ordered), files.fingerprint, files.names, extent)
