"""`check`: exit codes and forms. What is found is the business of `tests/config`."""

import json
import os
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


READ = "read 1 file with 1 route, 1 policy, 1 upstream and 0 tests"


def test_a_good_configuration_is_said_to_be_good_and_how_much_was_read(tmp_path: Path) -> None:
    assert _check(tmp_path, GOOD).stdout == f"{tmp_path}/gateway.yaml: no problems; {READ}\n"


def test_warnings_do_not_hide_that_it_can_be_served(tmp_path: Path) -> None:
    lines = _check(tmp_path, WARNED).stdout.splitlines()

    assert lines[-2:] == ["0 errors, 1 warning in 1 file", f"{tmp_path}/gateway.yaml: can be served; {READ}"]


def test_what_is_included_is_counted_too(tmp_path: Path) -> None:
    (tmp_path / "more.yaml").write_text(
        'upstreams: {b: {servers: ["http://127.0.0.1:9"]}}\n'
        'policies: {unused: {allow_origins: ["https://b.example"]}}\n'
        "tests: [{origin: https://a.example, path: /, expect: allow}]\n"
    )

    assert (
        _check(tmp_path, GOOD + "include: [more.yaml]\n")
        .stdout.rstrip()
        .endswith("read 2 files with 1 route, 2 policies, 2 upstreams and 1 test")
    )


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


def test_the_path_may_stand_without_an_option(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text(BAD)

    named = CliRunner().invoke(main, ["check", str(tmp_path)])

    assert (named.exit_code, named.stdout) == (1, _check(tmp_path, BAD).stdout)


def test_the_path_goes_before_the_environment(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").write_text(GOOD)

    result = CliRunner().invoke(main, ["check", str(tmp_path)], env={"CORS_GATEWAY_CONFIG": "/nowhere"})

    assert result.exit_code == 0


def test_two_paths_are_wrong_usage(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["check", "one.yaml", "-c", "two.yaml"])

    assert result.exit_code == 2
    assert "two configurations are named: two.yaml and one.yaml" in result.stderr


@pytest.mark.parametrize("arguments", [["check", "-c", "-"], ["check", "-"]])
def test_a_dash_reads_standard_input(arguments: list[str]) -> None:
    good = CliRunner().invoke(main, arguments, input=GOOD)
    bad = CliRunner().invoke(main, arguments, input=BAD)

    assert (good.exit_code, good.stdout) == (0, f"-: no problems; {READ}\n")
    assert (bad.exit_code, bad.stdout.partition(" ")[0]) == (1, "-:3:79:")


def test_standard_input_includes_from_the_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "more.yaml").write_text("policies: {p: {allow_origins: ['https://p.example']}}\n")

    result = CliRunner().invoke(main, ["check", "-"], input=GOOD + "include: [more.yaml]\n")

    assert "2 files" in result.stdout


@pytest.mark.parametrize("name", ["a-loop", "a-pipe", "not-there", "gateway.yaml/below"])
def test_what_cannot_be_read_is_a_problem_and_not_wrong_usage(tmp_path: Path, name: str) -> None:
    (tmp_path / "a-loop").symlink_to("a-loop")
    os.mkfifo(tmp_path / "a-pipe")
    (tmp_path / "gateway.yaml").write_text(GOOD)

    result = CliRunner().invoke(main, ["check", "-c", str(tmp_path / name), "--format", "json"])

    (problem,) = json.loads(result.stdout)["problems"]
    assert (result.exit_code, problem["code"].partition(".")[0]) == (1, "file")
