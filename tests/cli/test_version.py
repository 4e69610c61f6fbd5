"""`version`, for people and for programs."""

import json
import platform

import pytest
from click.testing import CliRunner

from cors_gateway import __version__
from cors_gateway.cli import main, version


def test_one_line_with_everything_that_matters() -> None:
    result = CliRunner().invoke(main, ["version"])

    assert result.output.startswith(
        f"cors-gateway {__version__} (python {platform.python_version()}, uvloop "
    )
    assert result.output.count("\n") == 1


def test_json() -> None:
    found = json.loads(CliRunner().invoke(main, ["version", "--format", "json"]).output)

    assert list(found) == ["version", "python", "uvloop", "aiohttp", "pydantic", "re2", "ngh2"]
    assert found["version"] == __version__


def test_what_is_missing_is_said_to_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(version.LIBRARIES, "re2", "a-distribution-that-nobody-has")

    assert version.parts()["re2"] == "not installed"
