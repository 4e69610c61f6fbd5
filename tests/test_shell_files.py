"""Completion scripts and manual pages are those of the commands as they are."""

import pytest

from cors_gateway.cli import VERBS
from tests.shell_files import COMPLETIONS, DIRECTORY, VARIABLE, files

FILES = files()


@pytest.mark.parametrize("name", FILES)
def test_a_committed_file_is_current(name: str) -> None:
    """`python -m tests.shell_files` brings it up to date."""
    assert (DIRECTORY / name).read_text() == FILES[name]


def test_nothing_else_is_committed() -> None:
    committed = {path.relative_to(DIRECTORY).as_posix() for path in DIRECTORY.rglob("*") if path.is_file()}

    assert committed == set(FILES)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_a_page_that_the_first_page_leads_to(verb: str) -> None:
    assert f"man/man1/cors-gateway-{verb}.1" in FILES
    name = verb.replace("-", "\\-")
    assert f"cors\\-gateway\\-{name}" in FILES["man/man1/cors-gateway.1"]


@pytest.mark.parametrize("name", [name for name in FILES if name.startswith("man/")])
def test_no_line_of_a_page_is_taken_for_a_request_by_accident(name: str) -> None:
    requests = {line.split()[0] for line in FILES[name].splitlines() if line.startswith((".", "'"))}

    assert requests <= {".TH", ".SH", ".PP", ".TP", ".nf", ".fi"}


@pytest.mark.parametrize("name", COMPLETIONS.values())
def test_a_completion_asks_in_the_way_that_click_answers(name: str) -> None:
    assert VARIABLE in FILES[name]
