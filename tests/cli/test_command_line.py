"""What holds for all verbs: help, wrong usage, and where the configuration is looked for."""

from pathlib import Path

import pytest
from click.testing import CliRunner

from cors_gateway import __version__
from cors_gateway.cli import VERBS, main


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


def test_the_short_version() -> None:
    assert CliRunner().invoke(main, ["--version"]).output == f"cors-gateway {__version__}\n"


BAD = "version: 1\nroutes: {}\n"


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
