"""The page about the import names every code; `python -m tests.migrate.test_documentation` brings it up to date."""

import re
from collections.abc import Mapping
from pathlib import Path

import yaml
from click.testing import CliRunner

from cors_gateway.cli import main
from cors_gateway.migrate.nginx.sentences import SENTENCES, Sentences
from tests.migrate.case import codes

PAGE = Path(__file__).parent.parent.parent / "docs" / "import-nginx.md"
WAY_OVER = PAGE.parent / "from-nginx.md"
_SNIPPET = re.compile(
    r"<<'END'\n(?P<snippet>.*?)^END\n.*?^```yaml\n(?P<made>.*?)^```", re.MULTILINE | re.DOTALL
)
_BEGIN, _END = "<!-- codes -->\n", "<!-- /codes -->\n"


def with_codes(text: str, sentences: Mapping[str, Sentences] = SENTENCES) -> str:
    """The page with the current table."""
    before, _, rest = text.partition(_BEGIN)
    after = rest.partition(_END)[2]
    rows = [f"| `{code}` | {said.severity} | {_plain(said.message)} |" for code, said in sentences.items()]
    return "".join([before, _BEGIN, "\n".join(["| code | | |", "|---|---|---|", *rows]), "\n", _END, after])


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == with_codes(PAGE.read_text())


def test_the_snippet_becomes_what_the_page_shows(tmp_path: Path) -> None:
    found = _SNIPPET.search(WAY_OVER.read_text())
    assert found is not None
    path = tmp_path / "site.conf"
    path.write_text(found["snippet"])

    made = CliRunner().invoke(main, ["import-nginx", str(path)]).stdout

    assert yaml.safe_load(made) == {"version": 1, **yaml.safe_load(found["made"])}


def test_every_code_has_its_words() -> None:
    assert SENTENCES.keys() == codes().keys()


def _plain(message: str) -> str:
    """The sentence without its examples."""
    for word, stands_for in {
        "{value}": "…",
        "{line}": "…",
        "{block}": "a block",
        "{guard}": "a guard",
        "{target}": "The page",
        "{methods}": "methods",
        "{names}": "some names",
        "{name}": "it",
        "{path}": "/x/y",
        "{arrives}": "//y",
    }.items():
        message = message.replace(word, stands_for)
    return re.sub(r"\{\w+\}", "…", message)


if __name__ == "__main__":
    PAGE.write_text(with_codes(PAGE.read_text()))
