"""The verb: what goes where, exit codes, and what is said about files that cannot be read."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cors_gateway.cli import main
from tests.migrate.ingress.case import CASES

LIST = CASES / "i01-origin-list" / "shop.yaml"
TWO = CASES / "i19-two-entrances"
GUARDED = """
apiVersion: networking.k8s.io/v1
kind: Ingress
metadata:
  name: guarded
  annotations:
    nginx.ingress.kubernetes.io/configuration-snippet: |
      # a comment
      %s
spec:
  defaultBackend: {service: {name: all, port: {number: 80}}}
"""


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(main, ["import-ingress", *map(str, arguments)])


def test_the_configuration_goes_to_output_and_the_report_to_errors() -> None:
    result = run(LIST)

    assert result.exit_code == 0
    assert result.stdout.startswith("# Translated from shop.yaml.\n")
    assert "shop.yaml:8  vary_missing" in result.stderr


def test_both_forms_say_the_same() -> None:
    assert json.loads(run("--format", "json", LIST).stdout)["configuration"] == run(LIST).stdout


@pytest.mark.parametrize(
    ("entrance", "host"), [("nginx-public", "www.fern.example"), ("nginx-internal", "intranet.fern.example")]
)
def test_one_entrance_is_imported(entrance: str, host: str) -> None:
    result = run("--entrance", entrance, TWO / "public.yaml", TWO / "private.yaml")

    assert [line for line in result.stdout.splitlines() if "host:" in line and host not in line] == []
    assert f"host: {host}" in result.stdout


def test_an_entrance_that_does_not_exist_is_met_with_those_that_do() -> None:
    result = run("--entrance", "nginx-publik", TWO / "public.yaml", TWO / "private.yaml")

    assert result.exit_code == 1
    assert "nothing comes in by nginx-publik; these files have nginx-internal, nginx-public" in result.stderr


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "neither an Ingress nor an HTTPRoute is in these files"),
        ("kind: Service\napiVersion: v1\n", "neither an Ingress nor an HTTPRoute is in these files"),
        ("kind: Ingress\nkind: Ingress\n", 'bad.yaml:2: "kind" stands twice'),
        ("kind: [\n", "bad.yaml:2: "),
        ("metadata:\n  name: {{ .Values.name }}-x\n", "this is a template; give what it renders to"),
        ("a: &a [*a]\n", "nested too deeply"),
        (GUARDED % "more_set_headers 'X-A: b'", "bad.yaml:9: "),
    ],
)
def test_what_cannot_be_read_is_said_with_its_place(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "bad.yaml"
    path.write_text(text)

    result = run("--format", "json", path)

    assert (result.exit_code, result.stderr) == (1, "")
    assert complaint in json.loads(result.stdout)["error"]


def test_bytes_that_are_no_text_are_said_with_their_line(tmp_path: Path) -> None:
    path = tmp_path / "bad.yaml"
    path.write_bytes(b"# fine\n# \xff\n")

    assert "bad.yaml:2: this is not UTF-8 text" in run(path).stderr


def test_a_missing_file_is_exit_code_1_and_a_missing_argument_2(tmp_path: Path) -> None:
    missing = run(tmp_path / "missing.yaml")

    assert (missing.exit_code, "missing.yaml: cannot be read" in missing.stderr) == (1, True)
    assert run().exit_code == 2


def test_nothing_to_route_is_exit_code_1(tmp_path: Path) -> None:
    path = tmp_path / "closed.yaml"
    path.write_text(GUARDED % "deny all;")

    result = run("--format", "json", path)
    document = json.loads(result.stdout)

    assert (result.exit_code, document["configuration"]) == (1, None)
    assert [(one["directive"], one["line"]) for one in document["untranslated"]] == [("deny", 9)]


def test_an_alias_is_read_as_what_it_stands_for(tmp_path: Path) -> None:
    path = tmp_path / "alias.yaml"
    path.write_text(LIST.read_text().replace("metadata:\n", "metadata: &m\n") + "again: *m\n")

    assert run(path).stdout == run(LIST).stdout.replace("shop.yaml", "alias.yaml")


def test_without_snippets_the_extra_is_not_needed() -> None:
    assert _without_crossplane(LIST).returncode == 0


def test_the_missing_extra_is_named(tmp_path: Path) -> None:
    path = tmp_path / "guarded.yaml"
    path.write_text(GUARDED % "deny all;")

    result = _without_crossplane(path)

    assert result.returncode == 1
    assert "pip install 'cors-gateway[nginx-import]'" in result.stderr


def _without_crossplane(path: Path) -> "subprocess.CompletedProcess[str]":
    script = (
        "import sys; sys.modules['crossplane'] = None\n"
        "from cors_gateway.cli import main\n"
        f"main(['import-ingress', {str(path)!r}])"
    )
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=False
    )
