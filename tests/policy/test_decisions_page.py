"""The page that explains every reason."""

from cors_gateway.policy.reason import Reason
from tests.docs import ADVICE, DOCUMENT, decisions


def test_every_reason_has_advice() -> None:
    assert set(ADVICE) == set(Reason)


def test_the_committed_page_is_current() -> None:
    """`python -m tests.docs` brings it up to date."""
    assert DOCUMENT.read_text(encoding="utf-8") == decisions()
