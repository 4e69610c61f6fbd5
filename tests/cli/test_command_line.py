"""What holds for all verbs: help, wrong usage, and where the configuration is looked for."""

import subprocess
import sys
from pathlib import Path

import click
import pytest
from click.testing import CliRunner

from cors_gateway import __version__
from cors_gateway.cli import VERBS, main

BAD = "version: 1\nroutes: {}\n"


def test_help_lists_every_verb_in_order() -> None:
    result = CliRunner().invoke(main, ["--help"])
    _, _, listed = result.output.partition("Commands:\n")

    assert result.exit_code == 0
    assert [line.split()[0] for line in listed.splitlines() if line.startswith("  ") and line[2] != " "] == [
        *VERBS
    ]


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_explains_itself(verb: str) -> None:
    result = CliRunner().invoke(main, [verb, "--help"])

    assert result.exit_code == 0
    assert result.output.startswith(f"Usage: main {verb}")


@pytest.mark.parametrize(
    "arguments",
    [["serve"], ["check", "--format", "xml"], ["run", "--port", "80"], ["healthcheck", "--url", "nonsense"]],
)
def test_wrong_usage_is_exit_code_2(arguments: list[str]) -> None:
    assert CliRunner().invoke(main, arguments).exit_code == 2


@pytest.mark.parametrize(
    ("mistyped", "proposal"),
    [("chek", "check"), ("healthceck", "healthcheck"), ("tests", "test"), ("ini", "init")],
)
def test_a_mistyped_verb_is_met_with_the_one_that_was_meant(mistyped: str, proposal: str) -> None:
    result = CliRunner().invoke(main, [mistyped])

    assert result.exit_code == 2
    assert f'there is no verb "{mistyped}"; did you mean {proposal}?' in result.stderr


def test_nothing_is_proposed_for_what_resembles_no_verb() -> None:
    assert 'there is no verb "xyzzy"\n' in CliRunner().invoke(main, ["xyzzy"]).stderr


def test_a_mistyped_option_is_met_with_the_one_that_was_meant() -> None:
    result = CliRunner().invoke(main, ["check", "--strct"])

    assert result.exit_code == 2
    assert "--strict" in result.stderr


@pytest.mark.parametrize("verb", VERBS)
def test_help_names_the_variable_that_an_option_may_come_from(verb: str) -> None:
    command = main.get_command(click.Context(main), verb)
    assert command is not None
    text = " ".join(CliRunner().invoke(main, [verb, "--help"]).output.split())

    variables = [option.envvar for option in command.params if option.envvar]

    assert [variable for variable in variables if f"env var: {variable}" not in text] == []


def test_a_configuration_file_is_never_judged_by_its_permissions_before_it_is_read() -> None:
    """What click finds unreadable would be wrong usage, exit code 2, and no problem in the agreed form."""
    paths = [
        parameter.type
        for verb in VERBS
        if (command := main.get_command(click.Context(main), verb)) is not None
        for parameter in command.params
        if isinstance(parameter.type, click.Path) and parameter.name in {"path", "place"} and verb != "init"
    ]

    assert len(paths) >= 5
    assert [path for path in paths if path.exists or path.readable] == []


@pytest.mark.parametrize(
    ("environ", "is_coloured"),
    [
        ({}, False),
        ({"FORCE_COLOR": "1"}, True),
        ({"NO_COLOR": "1", "FORCE_COLOR": "1"}, False),
        ({"NO_COLOR": "", "FORCE_COLOR": "1"}, True),
        ({"FORCE_COLOR": ""}, False),
    ],
)
def test_colours_are_for_terminals_unless_the_environment_decides(
    environ: dict[str, str], is_coloured: bool
) -> None:
    result = CliRunner().invoke(main, ["check", "-"], input=BAD, env={"NO_COLOR": "", **environ})

    assert ("\x1b[" in result.stdout) is is_coloured


@pytest.mark.parametrize("text", [BAD, "version: 1\n"])
def test_colours_add_nothing_but_colours(text: str) -> None:
    plain = CliRunner().invoke(main, ["check", "-"], input=text)
    painted = CliRunner().invoke(main, ["check", "-"], input=text, env={"FORCE_COLOR": "1"}, color=True)

    assert click.unstyle(painted.stdout) == plain.stdout
    assert click.style("error", fg="red", bold=True) in painted.stdout


def test_the_short_version() -> None:
    assert CliRunner().invoke(main, ["--version"]).output == f"cors-gateway {__version__}\n"


@pytest.mark.parametrize(
    ("environment", "directories", "expected"),
    [
        ("elsewhere", ["config", "elsewhere"], "elsewhere/gateway.yaml"),
        ("", ["config"], "config/gateway.yaml"),
        (None, ["config"], "config/gateway.yaml"),
        (None, [], "/etc/cors-gateway"),
    ],
)
def test_where_the_configuration_is_looked_for(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    environment: str | None,
    directories: list[str],
    expected: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    for directory in directories:
        Path(directory).mkdir()
        Path(directory, "gateway.yaml").write_text(BAD)
    result = CliRunner().invoke(main, ["check"], env={"CORS_GATEWAY_CONFIG": environment})

    assert result.output.startswith(expected)


def test_the_option_goes_before_the_environment(tmp_path: Path) -> None:
    (tmp_path / "x.yaml").write_text(BAD)
    result = CliRunner().invoke(
        main, ["check", "-c", str(tmp_path / "x.yaml")], env={"CORS_GATEWAY_CONFIG": "/nowhere"}
    )

    assert result.output.startswith(f"{tmp_path}/x.yaml:2:")


def test_a_configuration_that_is_nowhere_is_reported_with_the_places_tried(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    result = CliRunner().invoke(main, ["check"], env={"CORS_GATEWAY_CONFIG": None})

    assert result.exit_code == 1
    assert "without -c, $CORS_GATEWAY_CONFIG, ./config and /etc/cors-gateway are tried" in result.stdout


def test_the_collector_rests_during_the_start_and_works_in_a_program_that_serves() -> None:
    script = (
        "import gc; from cors_gateway.cli import collection as c\n"
        "c.pause(); paused = gc.isenabled(); c.resume(); print(paused, gc.isenabled(), gc.get_freeze_count() > 1000)"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )

    assert done.stdout == "False True True\n"
