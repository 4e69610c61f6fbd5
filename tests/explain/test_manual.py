"""What the manual shows is what the commands print."""

from tests.explain.manual import DOCUMENT, with_outputs


def test_the_outputs_in_the_manual_are_current() -> None:
    """`python -m tests.explain.manual` brings them up to date."""
    committed = DOCUMENT.read_text(encoding="utf-8")

    assert committed.count("$ cors-gateway") == 4
    assert with_outputs(committed) == committed
