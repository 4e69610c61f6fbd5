"""The chart: one group of bars per row, CPU time per request as a multiple of the reference, drawn by hand in SVG."""

from collections.abc import Sequence
from html import escape

from tests.benchmarks.lines import REFERENCE, ratio
from tests.benchmarks.measurement import Result
from tests.benchmarks.table import TITLES, by_row

ROWS = (
    "preflight",
    "preflight-varying",
    "get",
    "get-varying",
    "get-close",
    "post",
    "download",
    "upload",
    "h2-get",
)

_WIDTH = 760
_LEFT = 90
_BAR = 13
_GAP = 3
_TITLE = 22
_BETWEEN = 14
_TOP = 34
_LABEL = 46

_STYLE = """\
text { font: 12px system-ui, sans-serif; fill: #24292f }
.title { font-weight: 600 }
.gateway { fill: #0969da }
.other { fill: #afb8c1 }
.line { stroke: #57606a; stroke-dasharray: 3 3 }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 }
  .gateway { fill: #2f81f7 }
  .other { fill: #57606a }
  .line { stroke: #8b949e }
}"""


def draw(results: Sequence[Result], highlighted: str = "gateway") -> str:
    """An SVG document of the main rows among `results`."""
    groups = [(TITLES[name], _bars(group, results)) for name, group in by_row(results) if name in ROWS]
    longest = max((value for _, bars in groups for _, value in bars), default=1.0)
    scale = (_WIDTH - _LEFT - _LABEL) / longest
    parts: list[str] = []
    y = _TOP
    for title, bars in groups:
        parts.append(_text(0, y + _BAR, title, "title"))
        y += _TITLE
        for server, value in bars:
            kind = "gateway" if server.partition("-")[0] == highlighted else "other"
            parts.append(_text(_LEFT - 8, y + _BAR - 3, server, anchor="end"))
            parts.append(
                f'<rect class="{kind}" x="{_LEFT}" y="{y}" width="{value * scale:.1f}" height="{_BAR}" rx="2"/>'
            )
            parts.append(_text(_LEFT + value * scale + 5, y + _BAR - 3, f"{value:.2f}"))
            y += _BAR + _GAP
        y += _BETWEEN
    one = _LEFT + scale
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {y}" role="img">',
            f"<title>CPU time per request, {REFERENCE} = 1; shorter is better</title>",
            f"<style>{_STYLE}</style>",
            _text(0, 16, f"CPU time per request, {REFERENCE} = 1; shorter is better"),
            *parts,
            f'<line class="line" x1="{one:.1f}" x2="{one:.1f}" y1="{_TOP}" y2="{y - _BETWEEN}"/>',
            "</svg>\n",
        ]
    )


def _bars(group: Sequence[Result], results: Sequence[Result]) -> list[tuple[str, float]]:
    ratios = [(result.server, ratio(result, results, "cpu")) for result in group]
    return [(server, value) for server, value in ratios if value is not None]


def _text(x: float, y: float, words: str, kind: str = "", anchor: str = "start") -> str:
    css = f' class="{kind}"' if kind else ""
    return f'<text x="{x:.1f}" y="{y}"{css} text-anchor="{anchor}">{escape(words)}</text>'
