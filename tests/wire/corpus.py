"""The raw message corpora of tests/robustness as cases: bytes to send and what is expected of them."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

DATA = Path(__file__).parent.parent

Document = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Case:
    """One corpus entry."""

    id: str
    category: str
    segments: tuple[bytes, ...]
    gap: float  # seconds between segments
    half_close: bool
    request: bytes  # response corpus: what the client asks, empty for the usual GET
    then: str  # response corpus: what the upstream connection does afterwards
    expect: Document
    why: str

    @property
    def data(self) -> bytes:
        return b"".join(self.segments)


def load(name: str) -> Document:
    """A YAML file below tests/, such as `conformance/http.yaml`."""
    document: Document = yaml.load((DATA / name).read_text("utf-8"), yaml.CSafeLoader)
    return document


@cache
def request_cases() -> tuple[Case, ...]:
    """Raw client requests."""
    return tuple(map(_case, load("robustness/requests.yaml")["requests"]))


@cache
def response_cases() -> tuple[Case, ...]:
    """Raw upstream responses."""
    return tuple(map(_case, load("robustness/responses.yaml")["responses"]))


def selected(request: pytest.FixtureRequest, cases: tuple[Case, ...]) -> list[Case]:
    """Those of `cases` that this run of the module asks for, so that one case can be run alone."""
    parameters = [
        item.callspec.params
        for item in request.session.items
        if isinstance(item, pytest.Function) and item.path == request.path and hasattr(item, "callspec")
    ]
    asked = {cast("Case", found["case"]).id for found in parameters if "case" in found}
    return [case for case in cases if case.id in asked]


def _case(entry: Document) -> Case:
    return Case(
        id=entry["id"],
        category=entry["cat"],
        segments=tuple(_segments(entry)),
        gap=entry.get("gap_ms", 0) / 1000,
        half_close=entry.get("half_close_after", False),
        request=entry.get("request", "").encode("latin-1"),
        then=entry.get("then", "keep"),
        expect=entry["expect"],
        why=entry["why"],
    )


def _segments(entry: Document) -> Iterator[bytes]:
    if "segments" in entry:
        yield from (segment.encode("latin-1") for segment in entry["segments"])
    elif "parts" in entry:
        yield "".join(p if isinstance(p, str) else p["repeat"] * p["times"] for p in entry["parts"]).encode(
            "latin-1"
        )
    else:
        yield entry["raw"].encode("latin-1")
