"""The browser's steps with one request as a picture: who sends what to whom, and where it ends."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from cors_gateway.admin.page.markup import Markup, tag
from cors_gateway.explain.explanation import Exchange, Explanation, Verdict

WIDTH = 560
TOP = 42
ROW = 42
BOX = 124

Place = Literal["browser", "gateway", "backend"]
_X: dict[Place, float] = {"browser": 63, "gateway": 280, "backend": 497}
_LETTERS = 26
"""Characters that fit above an arrow."""


@dataclass(frozen=True, slots=True)
class Arrow:
    """One message."""

    start: Place
    end: Place
    label: str
    kind: Literal["asks", "good", "bad", "plain", "unsent"]
    """`bad` arrives, and is refused or kept from the script; `unsent` never leaves."""


def arrows(explanation: Explanation) -> Iterator[Arrow]:
    """The messages in their order."""
    preflight, actual = explanation.preflight, explanation.actual
    method = "WebSocket" if explanation.request.target.is_websocket else explanation.request.method
    if preflight is not None:
        yield from _exchange(preflight, "OPTIONS", explanation)
    if actual is not None:
        yield from _exchange(actual, method, explanation)
    else:
        yield Arrow("browser", "gateway", f"{method} is never sent", "unsent")


def draw_diagram(explanation: Explanation) -> Markup:
    """An SVG with a column for each place and a row for each message."""
    messages = list(arrows(explanation))
    height = TOP + ROW * len(messages) + 14
    visited = {"browser"} | {arrow.end for arrow in messages if arrow.kind != "unsent"}
    title = "; ".join(f"{arrow.start} to {arrow.end}: {arrow.label}" for arrow in messages)
    return tag(
        "svg",
        tag("title", title),
        [_column(place, height, is_lit=place in visited) for place in _X],
        [_arrow(arrow, TOP + ROW * (row + 0.8)) for row, arrow in enumerate(messages)],
        viewBox=f"0 0 {WIDTH} {height}",
        class_="diagram",
        role="img",
    )


def _exchange(exchange: Exchange, label: str, explanation: Explanation) -> Iterator[Arrow]:
    yield Arrow("browser", "gateway", label, "asks")
    answer = "answer" if exchange.status is None else str(exchange.status)
    if exchange.answered_by == "backend":
        yield Arrow("gateway", "backend", label, "asks")
        yield Arrow("backend", "gateway", answer, "plain")
    if explanation.verdict is Verdict.UNKNOWN:
        yield Arrow("gateway", "browser", f"{answer}, as the backend made it", "plain")
    elif exchange.passes:
        yield Arrow("gateway", "browser", answer, "good")
    else:
        is_withheld = exchange.answered_by == "backend"
        yield Arrow("gateway", "browser", "kept from the script" if is_withheld else answer, "bad")


def _column(place: Place, height: float, *, is_lit: bool) -> Markup:
    x = _X[place]
    return tag(
        "g",
        tag("line", x1=x, x2=x, y1=30, y2=height),
        tag("rect", x=x - BOX / 2, y=1, width=BOX, height=30, rx=8),
        tag("text", place, x=x, y=21),
        class_="place lit" if is_lit else "place",
    )


def _arrow(arrow: Arrow, y: float) -> Markup:
    way = 1 if _X[arrow.end] > _X[arrow.start] else -1
    start, end = _X[arrow.start] + 4 * way, _X[arrow.end] - 4 * way
    label = arrow.label if len(arrow.label) <= _LETTERS else f"{arrow.label[: _LETTERS - 1]}…"
    text = tag("text", label, x=(start + end) / 2, y=y - 8)
    tip = f"M{end - 8 * way} {y - 5}L{end} {y}l{-8 * way} 5"
    if arrow.kind == "unsent":
        end = start + 40
        text = tag("text", label, x=end + 14, y=y + 5, class_="beside")
    if arrow.kind in ("bad", "unsent"):
        tip = f"M{end - 6} {y - 6}l12 12m0 -12l-12 12"
    return tag(
        "g",
        tag("path", d=f"M{start} {y}H{end - 2 * way}"),
        tag("path", d=tip),
        text,
        class_=f"arrow {arrow.kind}",
    )
