"""The manual knows every word that the verbs use."""

from tests.docs import meanings
from tests.probe.manual import DOCUMENT, TABLES, with_tables


def test_the_committed_tables_are_current() -> None:
    """`python -m tests.probe.manual` brings them up to date."""
    committed = DOCUMENT.read_text(encoding="utf-8")

    assert with_tables(committed) == committed


def test_every_word_has_a_meaning() -> None:
    assert all(dict(meanings(enum)).keys() == set(enum) for enum in TABLES.values())
