"""The parts of the page that show what is going on: each a function from one look at the process to HTML."""

from cors_gateway.admin.page import words
from cors_gateway.admin.page.chart import REASON_CLASSES
from cors_gateway.admin.page.elements import figure, name_cell, pill, table, tile
from cors_gateway.admin.page.markup import Markup, join, tag
from cors_gateway.admin.page.refusals import nothing_refused
from cors_gateway.admin.page.view import View
from cors_gateway.admin.summary import NO_COMPLAINT, SERVING, complaints, phase_words


def state(view: View) -> Markup:
    """Whether it serves, in a word, and what is running."""
    facts = (
        view.instance,
        f"generation {view.generation}",
        f"up {words.span(view.uptime)}",
        f"version {view.version}",
    )
    return join(
        (
            pill("good" if view.phase in SERVING else "bad", phase_words(view.phase)),
            [tag("span", fact) for fact in facts],
        )
    )


def verdict(view: View) -> Markup:
    """What is wrong just now, or that nothing is."""
    found = list(complaints(view))
    items = [tag("li", one.text, " ", tag("a", "Look", href=f"#{one.place}")) for one in found]
    verdict = tag("p", NO_COMPLAINT, class_="calm") if not found else tag("ul", items, class_="alarm")
    return join((verdict, _warned(len(view.warnings))))


def _warned(warnings: int) -> Markup | None:
    """The check's warnings stand at the end of the page; that there are some is said at its beginning."""
    if not warnings:
        return None
    text = f"The check of the configuration gave {words.counted(warnings, 'warning')}."
    return tag(
        "p", pill("warn", "careful"), f" {text} ", tag("a", "Look", href="#configuration"), class_="note"
    )


def numbers(view: View) -> Markup:
    """The counters, per second and since the start."""
    rates, counts, load = view.rates, view.counts, view.load
    workers = (
        f"{view.load.workers_serving} of {view.load.workers} workers" if view.load.workers > 1 else "1 worker"
    )
    return join(
        (
            _rate("Requests", rates.requests if rates else None, counts.requests),
            _rate("Preflights", rates.preflights if rates else None, counts.preflights),
            _rate("Refused origins", rates.refused if rates else None, counts.refused, "warn"),
            _rate("Server errors", rates.errors if rates else None, counts.errors, "bad"),
            tile("Connections", words.number(load.connections), words.counted(load.tunnels, "tunnel")),
            tile("In progress", words.number(load.active_requests), workers),
        )
    )


def reasons(view: View) -> Markup:
    """The legend of the refusals in the chart, with counts."""
    if not view.counts.refusals:
        return nothing_refused()
    recent = {name: sum(step.refusals.get(name, 0) for step in view.steps) for name in view.counts.refusals}
    rows = [
        (
            name_cell(tag("span", class_=f"swatch {REASON_CLASSES[name]}"), tag("code", name)),
            figure(recent[name]),
            figure(count),
        )
        for name, count in sorted(view.counts.refusals.items(), key=lambda item: -item[1])
    ]
    return table(("Refusals by reason", "10 min", "in all"), rows, figures=("10 min", "in all"))


def _rate(name: str, per_second: float | None, total: int, kind: str = "") -> Markup:
    """`kind` applies if there is anything to show."""
    shown = "–" if per_second is None else join((words.rate(per_second), tag("small", "/s")))
    return tile(name, shown, f"{words.number(total)} in all", kind=kind if per_second else "")
