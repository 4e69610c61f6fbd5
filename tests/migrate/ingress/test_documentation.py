"""The page about Kubernetes names every code; `python -m tests.migrate.ingress.test_documentation` brings it up to date."""

import re
from pathlib import Path

import yaml
from click.testing import CliRunner

from cors_gateway.cli import main
from cors_gateway.migrate.ingress.findings import SENTENCES
from tests.migrate.ingress.case import cases
from tests.migrate.test_documentation import with_codes

ROOT = Path(__file__).parent.parent.parent.parent
PAGE = ROOT / "docs" / "import-ingress.md"
_EXAMPLE = re.compile(
    r"<<'END'\n(?P<manifest>.*?)^END\n.*?^```yaml\n(?P<made>.*?)^```", re.MULTILINE | re.DOTALL
)


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == with_codes(PAGE.read_text(), SENTENCES)


def test_the_example_becomes_what_the_page_shows(tmp_path: Path) -> None:
    found = _EXAMPLE.search(PAGE.read_text())
    assert found is not None
    path = tmp_path / "ingress.yaml"
    path.write_text(found["manifest"])

    made = CliRunner().invoke(main, ["import-ingress", str(path)]).stdout

    assert yaml.safe_load(made) == {"version": 1, **yaml.safe_load(found["made"])}


def test_every_code_is_found_in_some_case() -> None:
    found = {line.split(" ")[0] for case in cases() for line in case.expect["findings"]}

    assert SENTENCES.keys() - found == set()


if __name__ == "__main__":
    PAGE.write_text(with_codes(PAGE.read_text(), SENTENCES))
