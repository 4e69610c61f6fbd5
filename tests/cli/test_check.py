"""`check`: exit codes and forms. What is found is the business of `tests/config`."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cors_gateway.cli import main

GOOD = """\
version: 1
routes:
  - {name: r, path: /, upstream: "http://127.0.0.1:9", cors: {allow_origins: ["https://a.example"]}}
"""
WARNED = GOOD.replace('"https://a.example"', '"https://a.example", "https://a.example"')
BAD = GOOD.replace("https://a.example", "https://a.example/")


def _check(tmp_path: Path, text: str, *arguments: str) -> Result:
    path = tmp_path / "gateway.yaml"
    path.write_text(text)
    return CliRunner().invoke(main, ["check", "-c", str(path), *arguments])


@pytest.mark.parametrize(
    ("text", "arguments", "exit_code"),
    [
        (GOOD, [], 0),
        (GOOD, ["--strict"], 0),
        (WARNED, [], 0),
        (WARNED, ["--strict"], 1),
        (WARNED, ["--strict", "--format", "json"], 1),
        (BAD, [], 1),
        (BAD, ["--format", "json"], 1),
        (BAD, ["--format", "github"], 1),
        (BAD, ["--print"], 1),
    ],
)
def test_exit_code(tmp_path: Path, text: str, arguments: list[str], exit_code: int) -> None:
    assert _check(tmp_path, text, *arguments).exit_code == exit_code


def test_a_good_configuration_is_said_to_be_good(tmp_path: Path) -> None:
    assert _check(tmp_path, GOOD).stdout == f"{tmp_path}/gateway.yaml: no problems\n"


def test_text_shows_the_line_with_a_caret_and_ends_with_a_sum(tmp_path: Path) -> None:
    lines = _check(tmp_path, BAD).stdout.splitlines()

    assert lines[0].startswith(f"{tmp_path}/gateway.yaml:3:")
    assert '"https://a.example/"' in lines[1]
    assert "^^^^" in lines[2]
    assert lines[-1] == "1 error, 0 warnings in 1 file"


def test_json_has_the_agreed_shape(tmp_path: Path) -> None:
    document = json.loads(_check(tmp_path, BAD, "--format", "json").stdout)

    assert document["ok"] is False
    assert list(document["problems"][0]) == [
        "severity",
        "code",
        "message",
        "hint",
        "file",
        "line",
        "column",
        "path",
    ]
    assert json.loads(_check(tmp_path, GOOD, "--format", "json").stdout) == {"ok": True, "problems": []}


def test_github_gets_annotations(tmp_path: Path) -> None:
    assert _check(tmp_path, BAD, "--format", "github").stdout.startswith("::error file=")
    assert _check(tmp_path, GOOD, "--format", "github").stdout == ""


def test_print_leaves_standard_output_to_the_configuration(tmp_path: Path) -> None:
    first = _check(tmp_path, WARNED, "--print")
    second = _check(tmp_path, first.stdout, "--print")

    assert "allow_origins" in first.stdout
    assert "1 warning" in first.stderr
    assert second.stdout == first.stdout
    assert _check(tmp_path, BAD, "--print").stdout == ""
