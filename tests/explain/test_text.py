"""What people read, compared as a whole: `python -m tests.explain.golden_texts` brings the files up to date."""

import pytest

from cors_gateway.explain.text import render_text
from tests.explain.golden_texts import GOLDEN, SITUATIONS, shown
from tests.explain.situations import explain, explainer


@pytest.mark.parametrize(("name", "arguments"), SITUATIONS.items(), ids=SITUATIONS)
def test_the_text_of_an_explanation(name: str, arguments: str) -> None:
    assert shown(arguments) == (GOLDEN / f"{name}.txt").read_text(encoding="utf-8")


def test_no_text_is_left_over() -> None:
    assert {path.stem for path in GOLDEN.glob("*.txt")} == set(SITUATIONS)


def test_the_verdict_comes_first() -> None:
    text = render_text(explain("/api/x", "https://app.example.com"), explainer().snapshot.server)

    assert text.startswith("ALLOWED")
    assert text.endswith("\n")
