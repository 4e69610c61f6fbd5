"""A configuration with something of everything, and explanations of requests to it."""

import contextlib
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from cors_gateway.config.load import load
from cors_gateway.explain.described_request import describe
from cors_gateway.explain.explainer import Explainer
from cors_gateway.explain.explanation import Explanation
from cors_gateway.snapshot import Snapshot

CONFIGURATION = Path(__file__).parent / "golden" / "gateway.yaml"


@cache
def explainer() -> Explainer:
    with contextlib.chdir(CONFIGURATION.parent):
        return Explainer(snapshot(Path(CONFIGURATION.name)))


def snapshot(path: Path) -> Snapshot:
    """A configuration that is fit to be served."""
    loaded = load(path, {})
    assert loaded.snapshot is not None, loaded.problems
    return loaded.snapshot


def explain(
    url: str,
    origin: str = "https://app.example.com",
    method: str = "GET",
    headers: Sequence[str] = (),
    *,
    credentials: bool = False,
) -> Explanation:
    """Explain a request to the configuration of the golden files."""
    request = describe(url, origin=origin, method=method, headers=headers, credentials=credentials)
    return explainer().explain(request)


def document() -> dict[str, Any]:
    """That configuration as plain values, for a test to change."""
    content: dict[str, Any] = yaml.safe_load(CONFIGURATION.read_text(encoding="utf-8"))
    return content
