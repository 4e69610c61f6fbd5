"""What people read, compared as a whole: `python -m tests.explain.golden_texts` brings the files up to date."""

import pytest

from cors_gateway.explain.described_request import describe_parts
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


def test_a_request_without_origin_has_no_page() -> None:
    explanation = explainer().explain(describe_parts("/api/x", host="a.example", origin=None))

    text = render_text(explanation, explainer().snapshot.server)

    assert "\nGET a.example/api/x\n\n1. No origin: no page asks" in text
    assert "The script may read" not in text


def test_every_route_to_an_outcome_has_its_words() -> None:
    """A texts names who answers and what the browser makes of it."""
    own = render_text(
        explain("http://intranet/admin/x", "http://intranet", "POST"), explainer().snapshot.server
    )
    socket = render_text(explain("wss://a.example/own/x", "https://x.example"), explainer().snapshot.server)
    open_socket = render_text(
        explain("wss://a.example/api/x", "https://x.example"), explainer().snapshot.server
    )

    assert "The gateway answers 403 to its own page: http://intranet is not among public_origins" in own
    assert "which has to look at the origin itself: cors is passthrough" in socket
    assert "websocket_origin_check the gateway does not look either" in open_socket
