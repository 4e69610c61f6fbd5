"""Kubernetes objects with their right answers: `cases/NAME/expect.yaml` beside the manifests.

`findings`, `untranslated` and `notes` name what has to be said, each with its place; `configuration` is what has to be written;
`decisions` are tests as `cors-gateway test` runs them; `served` says where requests go: an address (with its share of several),
a redirect, `closed` with a status, or `nothing`. Names that begin with i are Ingresses, with h HTTPRoutes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

CASES = Path(__file__).parent / "cases"

Document = dict[str, Any]


@dataclass(frozen=True)
class IngressCase:
    """One set of manifests."""

    name: str
    expect: Document

    @property
    def files(self) -> list[Path]:
        return [CASES / self.name / name for name in self.expect["files"]]


def cases() -> Iterator[IngressCase]:
    for path in sorted(CASES.iterdir()):
        text = (path / "expect.yaml").read_text("utf-8")
        yield IngressCase(path.name, cast("Document", yaml.load(text, yaml.CSafeLoader)))


def every_case() -> pytest.MarkDecorator:
    """A parameter of a test: each set of manifests."""
    return pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in cases()])
