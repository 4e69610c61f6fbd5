"""The page about the import names every code; `python -m tests.migrate.test_documentation` brings it up to date."""

from pathlib import Path

from cors_gateway.migrate.nginx.sentences import SENTENCES
from tests.migrate.case import codes

PAGE = Path(__file__).parent.parent.parent / "docs" / "import-nginx.md"
_BEGIN, _END = "<!-- codes -->\n", "<!-- /codes -->\n"


def with_codes(text: str) -> str:
    """The page with the current table."""
    before, _, rest = text.partition(_BEGIN)
    after = rest.partition(_END)[2]
    rows = [f"| `{code}` | {said.severity} | {_plain(said.message)} |" for code, said in SENTENCES.items()]
    return "".join([before, _BEGIN, "\n".join(["| code | | |", "|---|---|---|", *rows]), "\n", _END, after])


def test_the_page_is_current() -> None:
    assert PAGE.read_text() == with_codes(PAGE.read_text())


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
    return message


if __name__ == "__main__":
    PAGE.write_text(with_codes(PAGE.read_text()))
