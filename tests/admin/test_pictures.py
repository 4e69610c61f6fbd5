"""The chart of the last ten minutes, and the diagram of a browser's steps."""

import re
from pathlib import Path

import pytest

from cors_gateway.admin.counts import Counts
from cors_gateway.admin.history import STEPS
from cors_gateway.admin.page.chart import BAR, HEIGHT, draw_chart
from cors_gateway.admin.page.diagram import Arrow, arrows, draw_diagram
from cors_gateway.explain.described_request import describe
from cors_gateway.explain.explainer import Explainer
from cors_gateway.explain.explanation import Explanation
from tests.admin.stand_in import CONFIGURATION, ORIGIN, read_snapshot

MORE_ROUTES = """\
  - {name: hooks, path: /hooks/, upstream: backend, cors: passthrough}
  - {name: strict, path: /strict/, upstream: backend, cors: {allow_origins: ["https://b.example"],
     on_disallowed_request: reject, public_origins: ["https://gw.example"]}}
"""


def _paths(html: str, kind: str) -> list[tuple[float, float]]:
    """Left edge and height of each bar of a kind."""
    found = re.findall(rf'<path d="([^"]*)" class="{kind}"/>', html)
    return [
        (float(left), -float(height))
        for path in found
        for left, height in re.findall(r"M([\d.]+) 40v(-[\d.]+)", path)
    ]


def test_bars_stand_at_the_right_edge_and_fill_the_height() -> None:
    html = draw_chart([Counts(requests=2), Counts(requests=0), Counts(requests=8)])

    assert _paths(html, "bar") == [(BAR * (STEPS - 3), 10.0), (BAR * (STEPS - 1), HEIGHT)]
    assert "at most 1.6/s" in html


def test_refusals_are_stacked_by_reason() -> None:
    html = draw_chart([Counts(refusals={"origin_not_allowed": 1, "cors_disabled": 3})])

    assert _paths(html, "bar hue-1") == [(BAR * (STEPS - 1), 40.0)]
    assert _paths(html, "bar hue-4") == [(BAR * (STEPS - 1), 30.0)]
    assert html.index("hue-1") < html.index("hue-4")


def test_an_empty_past_is_an_empty_chart() -> None:
    html = draw_chart([])

    assert "<path" not in html
    assert html.count("<small>at most 0/s") == 4


def test_a_little_beside_a_lot_can_still_be_seen() -> None:
    html = draw_chart([Counts(requests=1), Counts(requests=100_000)])

    assert min(height for _, height in _paths(html, "bar")) == 1.5


@pytest.fixture(scope="module")
def explainer(tmp_path_factory: pytest.TempPathFactory) -> Explainer:
    return Explainer(read_snapshot(tmp_path_factory.mktemp("x"), CONFIGURATION + MORE_ROUTES))


def _explain(explainer: Explainer, url: str, origin: str = ORIGIN, method: str = "GET") -> Explanation:
    return explainer.explain(describe(url, origin=origin, method=method))


FORWARDED = [
    Arrow("browser", "gateway", "GET", "asks"),
    Arrow("gateway", "backend", "GET", "asks"),
    Arrow("backend", "gateway", "answer", "plain"),
]


@pytest.mark.parametrize(
    ("url", "origin", "method", "expected"),
    [
        ("/api/x", ORIGIN, "GET", [*FORWARDED, Arrow("gateway", "browser", "answer", "good")]),
        (
            "/api/x",
            "https://evil.example",
            "GET",
            [*FORWARDED, Arrow("gateway", "browser", "kept from the script", "bad")],
        ),
        (
            "/api/x",
            ORIGIN,
            "DELETE",
            [
                Arrow("browser", "gateway", "OPTIONS", "asks"),
                Arrow("gateway", "browser", "403", "bad"),
                Arrow("browser", "gateway", "DELETE is never sent", "unsent"),
            ],
        ),
        (
            "/strict/x",
            ORIGIN,
            "GET",
            [Arrow("browser", "gateway", "GET", "asks"), Arrow("gateway", "browser", "403", "bad")],
        ),
        (
            "/nowhere",
            ORIGIN,
            "GET",
            [Arrow("browser", "gateway", "GET", "asks"), Arrow("gateway", "browser", "404", "bad")],
        ),
        (
            "/hooks/x",
            ORIGIN,
            "GET",
            [*FORWARDED, Arrow("gateway", "browser", "answer, as the backend made it", "plain")],
        ),
    ],
)
def test_arrows_go_where_messages_go(
    explainer: Explainer, url: str, origin: str, method: str, expected: list[Arrow]
) -> None:
    assert list(arrows(_explain(explainer, url, origin, method))) == expected


def test_an_allowed_preflight_is_followed_by_the_request(explainer: Explainer) -> None:
    labels = [(arrow.label, arrow.kind) for arrow in arrows(_explain(explainer, "/api/x", method="PUT"))]

    assert labels == [
        ("OPTIONS", "asks"),
        ("204", "good"),
        ("PUT", "asks"),
        ("PUT", "asks"),
        ("answer", "plain"),
        ("answer", "good"),
    ]


def test_a_handshake_is_no_get(explainer: Explainer) -> None:
    (first, *_) = arrows(_explain(explainer, "ws://gw.example/api/x"))

    assert first.label == "WebSocket"


def test_the_diagram_tells_in_words_what_it_shows(explainer: Explainer) -> None:
    html = draw_diagram(_explain(explainer, "/api/x", method="DELETE"))

    assert (
        "<title>browser to gateway: OPTIONS; gateway to browser: 403; browser to gateway: DELETE is never sent"
        in html
    )
    assert html.count('class="place lit"') == 2
    assert html.count('class="arrow ') == 3


def test_a_long_method_is_cut_and_escaped(explainer: Explainer, tmp_path: Path) -> None:
    html = draw_diagram(_explain(explainer, "/api/x", method="M" * 30))

    assert "M" * 30 in html.partition("</title>")[0]
    assert "M" * 26 not in html.partition("</title>")[2]
