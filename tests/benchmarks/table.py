"""Results in figures: the table for the terminal, and what it shares with the report."""

from collections.abc import Iterator, Sequence

from tests.benchmarks.lines import BY_REQUEST, OTHERS, Line, figures, least, ratio
from tests.benchmarks.measurement import Result
from tests.benchmarks.rows import ALL

TITLES = {row.name: row.title for row in ALL}

_EACH = {row.name: row.each for row in ALL}
_UNITS = (("MiB", 2**20), ("KiB", 2**10))

_HEAD = (
    f"{'':14}{'CPU us/req':>12}{'ratio':>7}{'req/s':>10}{'ratio':>7}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}{'MiB':>8}"
    f"{'spread':>8}{'others':>8}"
)


def by_row(results: Sequence[Result]) -> Iterator[tuple[str, list[Result]]]:
    """Name of each measured row with its results, in the order they were measured."""
    for name in dict.fromkeys(result.row for result in results):
        yield name, [result for result in results if result.row == name]


def spread(result: Result) -> float:
    """How far the rounds' CPU per request lie apart, as a share of their median."""
    values = [sample.cpu for sample in result.samples]
    middle = result.median("cpu")
    return (max(values) - min(values)) / middle if middle else 0.0


def remarks(result: Result) -> list[str]:
    """What the columns do not say."""
    errors = sum(sample.errors for sample in result.samples)
    held = result.median("held")
    return [
        *([f"{in_bytes(held)} for each {_EACH[result.row]}"] if held else []),
        *([f"{errors} errors"] if errors else []),
    ]


def text_table(results: Sequence[Result]) -> str:
    """Every figure of every row, and below them the lines of the summary with who is least."""
    lines = [_HEAD]
    for name, group in by_row(results):
        lines += ["", TITLES[name], *(_figures(result, results) for result in group)]
    lines += ["", "Least, or within 5 % of it:"]
    for line in shown(BY_REQUEST, results) + shown(OTHERS, results):
        lines.append(
            f"  {line.title:62}{', '.join(least(figures(line, results))) or '-'}{_judged(line, results)}"
        )
    return "\n".join(lines)


def shown(lines: Sequence[Line], results: Sequence[Result]) -> list[Line]:
    """The lines that somebody has a figure for."""
    return [line for line in lines if any(value is not None for value in figures(line, results).values())]


def in_ratio(value: float | None) -> str:
    return "-" if value is None else f"{value:.2f}"


def in_figures(value: float | None) -> str:
    """Three digits are more than the figures are worth."""
    if value is None:
        return "-"
    return f"{value:.2f}" if abs(value) < 10 else f"{value:.1f}" if abs(value) < 100 else f"{value:.0f}"


def in_bytes(count: float) -> str:
    for unit, size in _UNITS:
        if abs(count) >= size:
            return f"{count / size:.1f} {unit}"
    return f"{count:.0f} B"


def _judged(line: Line, results: Sequence[Result]) -> str:
    """The gateway's figure beside its goal."""
    value = figures(line, results).get("gateway")
    if line.goal is None or value is None:
        return ""
    aim = "" if line.goal.aim is None else f", aim {line.goal.aim:g}"
    return f"  (gateway {value:.2f}, must {line.goal.must:g}{aim})"


def _figures(result: Result, results: Sequence[Result]) -> str:
    if result.fault:
        return f"  {result.server:12}{result.fault}"
    figures = (
        f"  {result.server:12}{result.median('cpu') * 1e6:12.2f}{in_ratio(ratio(result, results, 'cpu')):>7}"
        f"{result.median('throughput'):10.0f}{in_ratio(ratio(result, results, 'throughput')):>7}"
        f"{result.median('p50') * 1e3:9.2f}{result.median('p99') * 1e3:9.2f}{result.median('longest') * 1e3:9.2f}"
        f"{result.median('resident') / 2**20:8.1f}{spread(result):8.0%}{result.median('disturbance'):8.0%}"
    )
    return "  ".join([figures, *remarks(result)])
