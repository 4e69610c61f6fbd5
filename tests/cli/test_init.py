"""`init`: what it writes can be used as it is, and nothing is ever overwritten."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cors_gateway.cli import main


def _init(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["init", *arguments])


@pytest.mark.parametrize(
    "options",
    [
        [],
        ["--backend", "https://backend.internal:8443", "--front-end", "https://app.example.com"],
        ["--backend", "unix:/run/app.sock", "--front-end", "https://*.example.com"],
        ["--front-end", "https://a.example.com", "--front-end", "https://b.example.com"],
        ["--front-end", "*"],
        ["--front-end", "http://localhost:*"],
    ],
)
def test_what_is_written_passes_the_check_and_its_own_tests(options: list[str], tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"

    written = _init(*options, str(file))
    checked = CliRunner().invoke(main, ["check", "--strict", str(file)])
    tested = CliRunner().invoke(main, ["test", "-c", str(file)])

    assert (written.exit_code, written.stderr) == (0, "")
    assert checked.exit_code == 0, checked.output
    assert tested.exit_code == 0, tested.output
    assert all(option in file.read_text() for option in options if not option.startswith("--"))


@pytest.mark.parametrize(
    ("place", "file"),
    [
        ([], "config/gateway.yaml"),
        (["conf"], "conf/gateway.yaml"),
        (["deep/er"], "deep/er/gateway.yaml"),
        (["mine.yml"], "mine.yml"),
    ],
)
def test_where_it_is_written(
    place: list[str], file: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    result = _init(*place)

    assert result.stdout.startswith(f"{file} is written.")
    assert [str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.y*ml")] == [file]


def test_a_dash_writes_to_standard_output(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)

    assert CliRunner().invoke(main, ["check", "--strict", "-"], input=_init("-").stdout).exit_code == 0
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_left_alone(tmp_path: Path) -> None:
    file = tmp_path / "gateway.yaml"
    file.write_text("mine")

    result = _init(str(tmp_path))

    assert (result.exit_code, file.read_text()) == (1, "mine")
    assert "exists already" in result.stderr


def test_a_link_that_leads_nowhere_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "gateway.yaml").symlink_to("elsewhere.yaml")

    assert _init(str(tmp_path)).exit_code == 1
    assert not (tmp_path / "elsewhere.yaml").exists()


def test_a_place_that_cannot_be_written_is_exit_code_1(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    result = _init(str(tmp_path / "file" / "below"))

    assert result.exit_code == 1
    assert "cannot be written" in result.stderr


@pytest.mark.parametrize(
    ("option", "value", "said"),
    [
        ("--front-end", "https://app.example.com/", 'write "https://app.example.com"'),
        ("--front-end", 'x", "https://evil.example', "contains a blank"),
        ("--front-end", "http://app.example.com", "plain http"),
        ("--backend", "backend", "not the URL of a server"),
    ],
)
def test_an_option_that_would_not_pass_the_check_is_wrong_usage_and_writes_nothing(
    option: str, value: str, said: str, tmp_path: Path
) -> None:
    result = _init(option, value, str(tmp_path))

    assert result.exit_code == 2
    assert f"Invalid value for {option}: " in result.stderr
    assert said in result.stderr
    assert list(tmp_path.iterdir()) == []
