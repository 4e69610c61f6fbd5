"""`cors-gateway diff`: forms and exit codes. What is found is the business of `tests/server` and `tests/policy`."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from cors_gateway.cli import main

OLD = """\
version: 1
upstreams: {b: {servers: ["http://127.0.0.1:1"]}}
policies:
  app: {allow_origins: ["https://*.a.example"], allow_methods: [GET, PUT], max_age: 2h}
routes:
  - {name: api, path: /api/, upstream: b, cors: app}
  - {name: admin, path: /api/admin/, upstream: b, cors: disabled}
"""
NARROWER = OLD.replace("https://*.a.example", "https://x.a.example").replace("GET, PUT", "GET")
WIDER = OLD.replace('"https://*.a.example"', '"https://*.a.example", "https://b.example"')
OPENED = "\n".join(line for line in OLD.splitlines() if "admin" not in line)


def _diff(tmp_path: Path, new: str, *arguments: str, old: str = OLD) -> Result:
    paths = tmp_path / "old.yaml", tmp_path / "new.yaml"
    for path, text in zip(paths, (old, new), strict=True):
        path.write_text(text)
    return CliRunner().invoke(main, ["diff", *arguments, *map(str, paths)])


@pytest.mark.parametrize(
    ("new", "arguments", "exit_code"),
    [
        (OLD, [], 0),
        (WIDER, [], 0),
        (OLD, ["--fail-on-widening"], 0),
        (NARROWER, ["--fail-on-widening"], 0),
        (WIDER, ["--fail-on-widening"], 5),
        (OPENED, ["--fail-on-widening"], 5),
        (WIDER, ["--fail-on-widening", "--format", "json"], 5),
        (WIDER, ["--fail-on-widening", "--format", "github"], 5),
        (OLD.replace("version: 1", "version: 7"), [], 1),
    ],
)
def test_exit_codes(tmp_path: Path, new: str, arguments: list[str], exit_code: int) -> None:
    assert _diff(tmp_path, new, *arguments).exit_code == exit_code


def test_two_that_allow_the_same(tmp_path: Path) -> None:
    assert _diff(tmp_path, OLD).stdout == "No difference: both allow the same.\n"


def test_a_narrowing_says_how_long_browsers_go_on_and_what_to_do_first(tmp_path: Path) -> None:
    assert _diff(tmp_path, NARROWER).stdout == (
        "route api: access narrowed, origins: https://*.a.example\n"
        "route api: access narrowed, methods: PUT\n"
        "route api: browsers may go by preflight answers they remember: Firefox 7200 s, Chromium 7200 s, Safari 600 s\n"
        "\n"
        "access widened on no route, narrowed on api\n"
        "\n"
        "Browsers go on by the preflight answers that they remember. To narrow without that:\n"
        "  1. set max_age: 0 in the old configuration, and reload\n"
        "  2. wait 2 h, until the last old answer is forgotten\n"
        "  3. put the new configuration in its place\n"
    )


def test_the_form_for_programs(tmp_path: Path) -> None:
    document = json.loads(_diff(tmp_path, WIDER, "--format", "json").stdout)

    statement = {
        "key": "allow_origins",
        "gained": ["https://b.example"],
        "lost": [],
        "old": None,
        "new": None,
    }
    assert document == {
        "widened": ["api"],
        "narrowed": [],
        "settings": [],
        "routes": [
            {
                "route": "api",
                "settings": [],
                "wider": [statement],
                "narrower": [],
                "changed": [],
                "remembered": {},
            }
        ],
    }


def test_the_form_for_annotations(tmp_path: Path) -> None:
    assert _diff(tmp_path, WIDER, "--format", "github").stdout == (
        f"::warning file={tmp_path}/new.yaml,line=4,title=access widened::"
        "route api: access widened, origins: https://b.example\n"
    )


def test_standard_input_stands_for_one_of_them(tmp_path: Path) -> None:
    (tmp_path / "old.yaml").write_text(OLD)
    result = CliRunner().invoke(
        main, ["diff", "--format", "json", str(tmp_path / "old.yaml"), "-"], input=WIDER
    )

    assert json.loads(result.stdout)["widened"] == ["api"]
    assert CliRunner().invoke(main, ["diff", "-", "-"]).exit_code == 2
