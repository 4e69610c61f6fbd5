"""`cors-gateway explain`: options, forms and exit codes. What it says is tested in `tests/explain`."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cors_gateway.cli import main

CONFIGURATION = """\
version: 1
routes:
  - {name: api, path: /, upstream: http://127.0.0.1:9, cors: {allow_origins: [https://app.example.com]}}
"""
APP = "--origin=https://app.example.com"


@pytest.fixture
def config(tmp_path: Path) -> Path:
    file = tmp_path / "gateway.yaml"
    file.write_text(CONFIGURATION)
    return file


def run(config: Path, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["explain", "-c", str(config), *arguments])


@pytest.mark.parametrize(
    ("arguments", "begins"),
    [
        ([APP, "https://api.example.com/x"], "ALLOWED (allowed)\n"),
        ([APP, "/x"], "ALLOWED (allowed)\n"),
        ([APP, "--method", "PUT", "/x"], "REFUSED (method_not_allowed)\n"),
        ([APP, "--header", "X-A", "--header", "X-B: 1", "/x"], "REFUSED (header_not_allowed)\n"),
        ([APP, "--credentials", "/x"], "REFUSED by the browser; the gateway's word is allowed\n"),
        (["--origin", "https://app.example.com/", "/x"], "REFUSED (origin_malformed)\n"),
        (["--origin", "null", "/x"], "REFUSED (origin_not_allowed)\n"),
        ([APP, "/..%2f"], "REFUSED\n"),
    ],
)
def test_the_exit_code_is_0_whatever_the_verdict(config: Path, arguments: list[str], begins: str) -> None:
    result = run(config, *arguments)

    assert result.exit_code == 0
    assert result.stdout.startswith(begins)


def test_json_is_one_object(config: Path) -> None:
    result = run(config, APP, "--format", "json", "--header", "X-A: 1", "https://api.example.com/x")

    document = json.loads(result.stdout)
    assert (document["verdict"], document["route"]["name"]) == ("refused", "api")
    assert document["request"]["headers"] == [["X-A", "1"]]
    assert document["route"]["file"] == str(config)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        ([APP, "api/x"], "is no URL"),
        ([APP, "ftp://api.example.com/"], "does not lead to a gateway"),
        ([APP, "https://me:secret@api.example.com/"], "has a user name"),
        (["--origin", "", "/x"], "cannot be sent as an origin"),
        (["--origin", "https://a.example\n", "/x"], "cannot be sent as an origin"),
        ([APP, "--method", "GET /", "/x"], "is not a method"),
        ([APP, "--header", "X A", "/x"], "is no header"),
        ([APP, "--header", "X-Ä: 1", "/x"], "is no header"),
        (["/x"], "Missing option '--origin'"),
        ([APP], "Missing argument 'URL'"),
        ([APP, "--format", "yaml", "/x"], "Invalid value for '--format'"),
    ],
)
def test_wrong_usage_is_told_and_ends_with_2(config: Path, arguments: list[str], complaint: str) -> None:
    result = run(config, *arguments)

    assert result.exit_code == 2
    assert complaint in result.stderr
    assert result.stdout == ""


def test_an_invalid_configuration_ends_with_1_and_its_problems(config: Path) -> None:
    config.write_text("version: 1\nrouts: []\n")

    text, document = run(config, APP, "/x"), run(config, APP, "--format", "json", "/x")

    assert (text.exit_code, document.exit_code) == (1, 1)
    assert text.stdout == ""
    assert f"{config}:2:1: error schema.unknown_key" in text.stderr
    assert json.loads(document.stdout)["ok"] is False


def test_a_configuration_that_is_not_there_ends_with_1(tmp_path: Path) -> None:
    assert run(tmp_path / "nothing", APP, "/x").exit_code == 1


def test_wrong_usage_is_told_before_the_configuration_is_read(tmp_path: Path) -> None:
    assert run(tmp_path / "nothing", APP, "x").exit_code == 2


def test_the_environment_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text(CONFIGURATION.replace("https://app.example.com", '"${FRONT_END}"'))
    monkeypatch.setenv("FRONT_END", "https://app.example.com")
    monkeypatch.setenv("CORS_GATEWAY_CONFIG", str(file))

    result = CliRunner().invoke(main, ["explain", APP, "/x"])

    assert result.stdout.startswith("ALLOWED")


def test_the_real_command_explains(config: Path) -> None:
    """In a locale without UTF-8 as well: texts have quotation marks and dots that ASCII lacks."""
    result = subprocess.run(
        [sys.executable, "-m", "cors_gateway", "explain", "-c", str(config), APP, "--credentials", "/x"],
        env={"LC_ALL": "C", "PATH": "/usr/bin:/bin"},
        cwd=Path(__file__).parent.parent.parent,
        capture_output=True,
        timeout=60,
        check=False,
    )

    assert result.stderr == b""
    assert result.returncode == 0
    assert result.stdout.decode().startswith("REFUSED by the browser")
