"""The verb: what goes where, exit codes, and what is said about files that cannot be read."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cors_gateway.cli import main
from tests.migrate.case import CASES

STATIC = CASES / "s15-fonts-from-disk" / "static.conf"
STAR = CASES / "s01-wide-open-by-method" / "catalogue.conf"


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["import-nginx", *map(str, arguments)])


def test_the_configuration_goes_to_output_and_the_report_to_errors() -> None:
    result = run(STAR)

    assert result.exit_code == 0
    assert result.stdout.startswith("# Translated from catalogue.conf.\n")
    assert "version: 1\n" in result.stdout
    assert "catalogue.conf:20  always_missing" in result.stderr


def test_both_forms_say_the_same() -> None:
    document = json.loads(run("--format", "json", STAR).stdout)

    assert document["configuration"] == run(STAR).stdout
    assert set(document["findings"][0]) >= {"code", "message", "hint", "file", "line"}


def test_an_exposed_name_that_is_left_out_is_told_beside_the_policy() -> None:
    text = run(CASES / "s10-reflection-hidden" / "sso.conf").stdout

    assert "# Access-Control-Allow-Origin is not exposed: " in text
    assert "expose_headers: [X-Session-State]" in text


def test_nothing_to_route_is_exit_code_1() -> None:
    result = run("--format", "json", STATIC)

    assert result.exit_code == 1
    assert json.loads(result.stdout)["configuration"] is None


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("server {\n  listen 80;\n", "bad.conf:2: unexpected end of file, expecting"),
        ("server {\n  listen 80\n}\n", 'bad.conf:2: the directive "listen" does not end in ";"'),
        ('server "', "bad.conf:1: the file ends inside quotes"),
        ("}\n", "bad.conf:1: unexpected"),
    ],
)
def test_no_nginx_syntax_is_said_with_file_and_line(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "bad.conf"
    path.write_text(text)

    result = run(path)

    assert result.exit_code == 1
    assert complaint in result.stderr
    assert result.stdout == ""


def test_bytes_that_are_no_text_are_said_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.conf"
    path.write_bytes(b"# fine\n# \xff\n")

    assert "bad.conf:2: this is not UTF-8 text" in run(path).stderr


def test_a_missing_file_is_exit_code_1_and_a_missing_argument_2(tmp_path: Path) -> None:
    missing = run(tmp_path / "missing.conf")

    assert (missing.exit_code, "missing.conf: cannot be read" in missing.stderr) == (1, True)
    assert run().exit_code == 2


def test_a_missing_include_is_named_and_does_not_end_it(tmp_path: Path) -> None:
    path = tmp_path / "site.conf"
    path.write_text("server {\n include snippets/cors.conf;\n location / { proxy_pass http://b; }\n}\n")

    document = json.loads(run("--format", "json", path).stdout)

    assert [(one["directive"], one["line"]) for one in document["untranslated"]] == [("include", 2)]
    assert document["configuration"] is not None


def test_an_include_that_includes_itself_ends(tmp_path: Path) -> None:
    path = tmp_path / "site.conf"
    path.write_text("include site.conf;\nserver { location / { proxy_pass http://b; } }\n")

    assert run(path).exit_code == 0


def test_several_files_are_one_http_block(tmp_path: Path) -> None:
    (tmp_path / "a.conf").write_text("upstream pool { server one:80; server two:80; }\n")
    (tmp_path / "b.conf").write_text("server { listen 80; location / { proxy_pass http://pool; } }\n")

    assert "servers: [http://one:80, http://two:80]" in run(tmp_path / "a.conf", tmp_path / "b.conf").stdout


def test_the_missing_extra_is_named(tmp_path: Path) -> None:
    script = (
        "import sys; sys.modules['crossplane'] = None\n"
        "from cors_gateway.cli import main\n"
        f"main(['import-nginx', {str(STAR)!r}])"
    )
    result = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )

    assert result.returncode == 1
    assert "pip install 'cors-gateway[nginx-import]'" in result.stderr
