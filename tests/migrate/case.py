"""nginx configurations with their right answers: `cases/NAME/expect.yaml` beside what it is about.

`file` is the one to translate, `context` where its text stands (`main`, `http`, `server`), `backends` the addresses as nginx
names them (`a=b`: several that answer to the name b), `defects` and `untranslated` what has to be found, and `probes` what
nginx and the gateway answer. Here nothing is run.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

HERE = Path(__file__).parent
CASES = HERE / "cases"

Document = dict[str, Any]

GAPS = frozenset(
    {
        "closed",
        "not_served",
        "redirect_not_made",
        "suffix_location_lost",
        "error_page_passed",
        "target_differs",
    }
)
"""Differences that came from what a gateway of its time could not say; answering as nginx did is as right."""


@dataclass(frozen=True)
class Probe:
    """A request, what nginx answered, and what the gateway has to answer."""

    ask: Document
    nginx: Document
    gateway: Document | None
    differs: tuple[str, ...]

    @property
    def line(self) -> str:
        headers = ", ".join(f"{name}: {value}" for name, value in self.ask["headers"].items())
        return f"{self.ask['method']} {self.ask['host']}:{self.ask['port']}{self.ask['path']} {headers}"


@dataclass(frozen=True)
class Case:
    """One configuration."""

    name: str
    expect: Document

    @property
    def directory(self) -> Path:
        return CASES / self.name

    @property
    def file(self) -> Path:
        return self.directory / str(self.expect["file"])

    @property
    def backends(self) -> dict[str, str]:
        """The name that answers, by the address that nginx calls."""
        pairs = [text.partition("=") for text in self.expect["backends"]]
        return {address: label or address for address, _, label in pairs}

    @property
    def probes(self) -> list[Probe]:
        return [
            Probe(item["ask"], item["nginx"], item.get("gateway"), tuple(item.get("differs", ())))
            for item in self.expect.get("probes", ())
        ]


def cases() -> Iterator[Case]:
    for path in sorted(CASES.iterdir()):
        yield Case(path.name, _read(path / "expect.yaml"))


def every_case() -> pytest.MarkDecorator:
    """A parameter of a test: each configuration."""
    return pytest.mark.parametrize("case", list(cases()), ids=lambda case: case.name)


@cache
def codes() -> dict[str, str]:
    """How much a code matters: `must` or `note`."""
    return {item["code"]: item["level"] for item in _read(HERE / "codes.yaml")["defects"]}


@cache
def differences() -> frozenset[str]:
    """The names of differences that are explained."""
    return frozenset(item["code"] for item in _read(HERE / "codes.yaml")["differences"])


def _read(path: Path) -> Document:
    return cast("Document", yaml.load(path.read_text("utf-8"), yaml.CSafeLoader))
