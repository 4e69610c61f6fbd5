"""The parts of the page that show what is configured and how it fares: routes, upstreams, the configuration itself."""

from collections.abc import Iterator

from cors_gateway.admin.page import words
from cors_gateway.admin.page.elements import (
    NO_CELL,
    Cell,
    figure,
    line_list,
    moment,
    name_cell,
    pill,
    problem_list,
    table,
)
from cors_gateway.admin.page.markup import Markup, join, tag
from cors_gateway.admin.page.view import RouteView, UpstreamView, View
from cors_gateway.admin.status import ServerState
from cors_gateway.config.compile.validity import SOON_DAYS, days_left, left_words
from cors_gateway.observe.metrics import OK
from cors_gateway.server.reload import ReloadResult

MAX_ROUTES = 100

_ROUTE_FIGURES = ("Requests", "Preflights", "Refused", "Errors", "Mean time")
_SERVER_FIGURES = ("In progress", "Idle", "Answers")


def routes(view: View) -> Markup:
    """Every route with its policy in words; of very many, the busiest."""
    shown = list(view.routes)
    if len(shown) > MAX_ROUTES:
        shown = sorted(shown, key=lambda each: -each.counts.requests)[:MAX_ROUTES]
    more = len(view.routes) - len(shown)
    note = f"These are the busiest. There are {words.counted(more, 'more route')}: Explain finds the one for a URL."
    rows = map(_route, shown)
    return join(
        (
            table(("Route", "Policy", *_ROUTE_FIGURES), rows, figures=_ROUTE_FIGURES),
            tag("p", note, class_="note") if more else None,
        )
    )


def upstreams(view: View) -> Markup:
    """Every server of every upstream."""
    rows = [row for upstream in view.upstreams for row in _servers(upstream)]
    heads = ("Upstream", "Server", "State", *_SERVER_FIGURES, "Failures")
    return table(heads, rows, figures=_SERVER_FIGURES)


def configuration(view: View) -> Markup:
    """What is served, what the last reload came to, and what the check has to say."""
    about = tag(
        "p",
        f"Generation {view.generation} of ",
        tag("code", view.path),
        f", {words.counted(len(view.snapshot.routes), 'route')}, on ",
        tag("code", ", ".join(view.listen)),
        ".",
    )
    heading = tag("h3", "Warnings about what is served") if view.warnings else None
    return join(
        (
            about,
            _certificates(view),
            _reload(view.last_reload, view.now),
            heading,
            problem_list(view.warnings),
        )
    )


def _certificates(view: View) -> Markup | None:
    items = [
        tag(
            "li",
            pill("good" if days_left(ends, view.now) >= SOON_DAYS else "bad", left_words(ends, view.now)),
            " ",
            tag("code", file),
        )
        for file, ends in view.snapshot.certificates.items()
    ]
    return join((tag("h3", "Certificates"), tag("ul", items, class_="problems"))) if items else None


def _route(each: RouteView) -> tuple[Cell, ...]:
    route, counts = each.route, each.counts
    place = tag("small", str(route.policy_location)) if route.policy_location is not None else None
    return (
        name_cell(
            tag("strong", route.name),
            tag("code", words.match_words(route)),
            tag("small", words.destination_words(route)),
        ),
        Cell(
            (
                tag("p", tag("strong", words.policy_names(route)), " ", place),
                [tag("p", sentence) for sentence in words.policy_words(route.policy)],
                [
                    tag("p", tag("strong", f"{further.name}: "), " ".join(words.policy_words(further.policy)))
                    for further in route.further_policies
                ],
                [tag("p", sentence) for sentence in words.edit_words(route)],
            ),
            "wide-cell",
        ),
        figure(counts.requests),
        figure(counts.preflights),
        figure(counts.refused, "warn"),
        figure(counts.errors, "bad"),
        Cell(words.milliseconds(counts.mean_seconds), "count"),
    )


def _servers(upstream: UpstreamView) -> Iterator[tuple[Cell, ...]]:
    """A row for each server; what is known only of the whole upstream stands in the first."""
    failures = {name: count for name, count in upstream.outcomes.items() if name != OK and count}
    told = [f"{words.number(count)} {name.removeprefix('upstream_')}" for name, count in failures.items()]
    for index, server in enumerate(upstream.servers):
        is_first = index == 0
        yield (
            name_cell(upstream.name if is_first else ""),
            Cell(tag("code", server.address)),
            Cell(_health(server, is_checked=upstream.is_checked)),
            figure(server.active),
            figure(server.idle),
            figure(upstream.outcomes.get(OK, 0)) if is_first else NO_CELL,
            Cell(", ".join(told) or "none", "bad" if told else "") if is_first else NO_CELL,
        )


def _health(server: ServerState, *, is_checked: bool) -> Markup:
    checked = tag("small", "health checks" if is_checked else "no health check")
    if server.is_healthy and not server.is_known:
        return join((pill("", "not known"), tag("small", "it has not answered yet"), checked))
    if server.is_healthy:
        return join((pill("good", "available"), checked))
    if server.healthy == 0:
        return join((pill("bad", "not available"), checked))
    return join((pill("warn", f"available to {server.healthy} of {server.workers} workers"), checked))


def _reload(last: ReloadResult | None, now: float) -> Markup:
    if last is None:
        return tag("p", "Nothing was reloaded since the start.")
    outcome = pill("good" if last.ok else "bad", f"reload {last.outcome}")
    verdict = tag("p", outcome, " ", moment(last.time, now), f": {last.message}.")
    if last.ok:
        heading = tag("h3", "What it changed") if last.changes.lines else None
        return join((verdict, heading, line_list(last.changes.lines)))
    heading = tag("h3", "Why it was not taken") if last.problems else None
    return join((verdict, heading, problem_list(last.problems)))
