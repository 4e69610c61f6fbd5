"""Small pieces of HTML that several parts of the page are made of."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cors_gateway.admin.page import words
from cors_gateway.admin.page.markup import Child, Markup, tag
from cors_gateway.config.problems import Problem

MAX_LINES = 20
"""Entries of a list; what is beyond is a number."""


@dataclass(frozen=True, slots=True)
class Cell:
    """What stands in one place of a table."""

    content: Child
    kind: str = ""
    """Class names."""
    is_head: bool = False
    """Whether it names its row."""


NO_CELL = Cell("", "empty")


def table(heads: Sequence[str], rows: Iterable[Sequence[Cell]], *, figures: Collection[str] = ()) -> Markup:
    """A table, which becomes a list of cards where it does not fit; `figures` are the heads of columns of numbers."""
    cells = [tag("th", head, scope="col", class_="count" if head in figures else None) for head in heads]
    body = [tag("tr", list(map(_cell, heads, row))) for row in rows]
    return tag("div", tag("table", tag("thead", tag("tr", cells)), tag("tbody", body)), class_="scroll")


def name_cell(*content: Child) -> Cell:
    """The cell that names its row."""
    return Cell(content, is_head=True)


def figure(value: int, kind: str = "") -> Cell:
    """A cell with a number; with `bad` or `warn` it stands out, unless it is zero."""
    return Cell(words.number(value), f"count {kind}" if kind and value else "count")


def tile(name: str, value: str, detail: str, *, kind: str = "") -> Markup:
    """A number to be read from afar; `kind` may be `bad` or `warn`."""
    content = tag("dt", name), tag("dd", tag("strong", value), tag("span", detail))
    return tag("div", content, class_=f"tile {kind}".strip())


def pill(kind: str, text: str) -> Markup:
    """A word that matters; `kind` is `good`, `bad` or `warn`."""
    return tag("span", text, class_=f"pill {kind}")


def moment(seconds: float, now: float) -> Markup:
    """How long ago something was; the exact time is in the tooltip, as in the log."""
    stamp = datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return tag("time", words.ago(now - seconds), datetime=stamp, title=stamp)


def line_list(lines: Sequence[str]) -> Markup | None:
    """Sentences below each other."""
    return _list([tag("li", line) for line in lines[:MAX_LINES]], len(lines), "lines") if lines else None


def problem_list(problems: Sequence[Problem]) -> Markup | None:
    """What the check of a configuration has found, each with its place and its remedy."""
    return _list(map(_problem, problems[:MAX_LINES]), len(problems), "problems") if problems else None


def _cell(head: str, cell: Cell) -> Markup:
    """A card shows its cells below each other, each behind the head of its column (`admin.css`)."""
    if cell.is_head:
        return tag("th", cell.content, scope="row", class_=cell.kind or None)
    return tag("td", cell.content, class_=cell.kind or None, data_label=head or None)


def _list(items: Iterable[Markup], length: int, kind: str) -> Markup:
    more = length - MAX_LINES
    return tag("ul", items, tag("li", f"and {words.number(more)} more") if more > 0 else None, class_=kind)


def _problem(problem: Problem) -> Markup:
    return tag(
        "li",
        pill("bad" if problem.is_error else "warn", problem.severity.value),
        " ",
        tag("code", f"{problem.file}:{problem.line}:{problem.column}"),
        f" {problem.path}: {problem.message}" if problem.path else f" {problem.message}",
        tag("small", problem.hint) if problem.hint else None,
    )
