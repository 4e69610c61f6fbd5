"""The last ten minutes as a picture: how many, how they ended, how long they took, each on its own scale, one time axis."""

from collections.abc import Sequence

from cors_gateway.admin.counts import Counts
from cors_gateway.admin.history import SAMPLE_SECONDS, STEPS
from cors_gateway.admin.page import words
from cors_gateway.admin.page.markup import Markup, join, tag

BAR = 5
"""Width of a step; the picture is stretched to the width of the page."""
HEIGHT = 40

REASON_CLASSES = {
    "origin_not_allowed": "hue-1",
    "header_not_allowed": "hue-2",
    "method_not_allowed": "hue-3",
    "cors_disabled": "hue-4",
    "no_route": "hue-5",
    "origin_malformed": "hue-6",
    "request_malformed": "hue-7",
}
"""The colours of the refusals, here and in their legend."""


def draw_chart(steps: Sequence[Counts]) -> Markup:
    """What happened in the steps, the newest at the right edge."""
    requests = [step.requests for step in steps]
    preflights = [step.preflights for step in steps]
    errors = [step.errors for step in steps]
    times = [step.mean_seconds or 0.0 for step in steps]
    return join(
        (
            _row("Requests", requests, [("bar", requests)]),
            _row("Server errors", errors, [("bar bad", errors)]),
            _draw("Mean time", [("bar soft", times)], times, _slowest(steps)),
            _row("Preflights", preflights, [("bar soft", preflights)]),
            _row("Refusals", [step.refused for step in steps], _stacked(steps)),
            tag("p", [tag("span", text) for text in ("10 min ago", "5 min", "now")], class_="axis"),
        )
    )


def _row(name: str, totals: Sequence[int], layers: Sequence[tuple[str, Sequence[int]]]) -> Markup:
    """How many of something: in all, and at most."""
    scale = f"at most {words.rate(max(totals, default=0) / SAMPLE_SECONDS)}/s"
    return _draw(name, layers, totals, scale, f"{words.number(sum(totals))}, ")


def _draw(
    name: str,
    layers: Sequence[tuple[str, Sequence[float]]],
    heights: Sequence[float],
    scale: str,
    total: str = "",
) -> Markup:
    """One quantity: its name, its peak, and bars whose layers are drawn over each other, the tallest first."""
    peak = max(heights, default=0)
    picture = tag(
        "svg",
        tag("title", f"{name} of the last ten minutes: {total}{scale}"),
        [tag("path", d=_bars(values, peak), class_=kind) for kind, values in layers if any(values)],
        viewBox=f"0 0 {STEPS * BAR} {HEIGHT}",
        preserveAspectRatio="none",
        role="img",
    )
    return tag("figure", tag("figcaption", name, " ", tag("small", scale)), picture)


def _stacked(steps: Sequence[Counts]) -> list[tuple[str, list[int]]]:
    """A layer for each reason that occurs; each includes those that are drawn over it."""
    reasons = [name for name in REASON_CLASSES if any(name in step.refusals for step in steps)]
    return [
        (
            f"bar {REASON_CLASSES[name]}",
            [sum(step.refusals.get(each, 0) for each in reasons[first:]) for step in steps],
        )
        for first, name in enumerate(reasons)
    ]


def _slowest(steps: Sequence[Counts]) -> str:
    slowest = max((step.mean_seconds for step in steps if step.mean_seconds is not None), default=None)
    return f"at most {words.milliseconds(slowest)}" if slowest is not None else "no request went to a backend"


def _bars(values: Sequence[float], peak: float) -> str:
    left = (STEPS - len(values)) * BAR
    return "".join(
        f"M{left + index * BAR} {HEIGHT}v{-max(1.5, HEIGHT * value / peak):.1f}h{BAR - 1}V{HEIGHT}z"
        for index, value in enumerate(values)
        if value
    )
