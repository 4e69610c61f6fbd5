"""The part of the page for what fails without CORS having a say, and for what to do when nothing arrives at all."""

from cors_gateway.admin.counts import Counts
from cors_gateway.admin.page import words
from cors_gateway.admin.page.elements import Cell, figure, name_cell, table
from cors_gateway.admin.page.markup import Markup, join, tag
from cors_gateway.admin.page.view import View
from cors_gateway.observe.metrics import NO_ROUTE, SERVER_ERROR
from cors_gateway.observe.remedies import REMEDIES

_SERVER_ERROR = "The backend answered with a 5xx: its own log tells more."

_DETAIL = "What detail was each time stands beside the cause in the access log, and under Live as it happens."

_NOTHING_ARRIVES = (
    (
        "Does the address answer at all? ",
        "curl -i",
        " it from the same machine; an expired certificate ends here.",
    ),
    (
        "Is it a local address, or http called from https? Browsers ask the visitor first, or block it, and name CORS.",
        "",
        "",
    ),
    (
        "Is it the browser? A private window without extensions tells; ad blockers stop names like ",
        "/track",
        ".",
    ),
    ("Does the page's own Content-Security-Policy forbid it? The console then says ", "connect-src", "."),
    (
        "Is something in front of the gateway? Its log has the request, and perhaps a 431, 414 or a redirect.",
        "",
        "",
    ),
)


def draw_failures(view: View) -> Markup:
    """Every cause that befell requests, with what to do about it: in the last minute, the last ten and since the start."""
    total = _told(view.counts)
    if not total:
        return tag("p", "Nothing befell a request since the start.", class_="calm")
    recent, lately = _told(view.recent), _told(view.lately)
    rows = [
        (
            name_cell(tag("strong", "no route" if where == NO_ROUTE else where)),
            Cell((tag("code", cause), tag("small", remedy_words(cause)))),
            figure(recent.get((where, cause), 0), "bad"),
            figure(lately.get((where, cause), 0), "bad"),
            figure(times),
        )
        for (where, cause), times in sorted(total.items())
    ]
    heads = ("Where", "Cause", "Last minute", "10 min", "In all")
    return join((table(heads, rows, figures=heads[2:]), tag("p", _DETAIL, class_="note")))


def remedy_words(cause: str) -> str:
    """What to do about a cause; the marks for code in it are left out."""
    return REMEDIES.get(cause, _SERVER_ERROR if cause == SERVER_ERROR else "").replace("`", "")


def _told(counts: Counts) -> dict[tuple[str, str], int]:
    """Causes by route; a backend's own 5xx has none, and is told by upstream."""
    errors = {key: times for key, times in counts.failures.items() if key[1] == SERVER_ERROR}
    return {**counts.causes, **errors}


def draw_backend_cors(view: View) -> Markup | None:
    """On which routes backends send CORS headers, which they need not."""
    seen = [each for each in view.routes if each.stripped]
    if not seen:
        return None
    names = words.enumerated([f"{each.route.name} ({words.number(each.stripped)})" for each in seen])
    return tag(
        "p",
        f"Backends still send CORS headers, which are removed: {names}. They need not; the event backend_cors_removed says "
        "which they are.",
        class_="note",
    )


def draw_advice() -> Markup:
    """What to look at when the browser complains and nothing is seen here."""
    items = [
        tag("li", before, tag("code", code) if code else None, after)
        for before, code, after in _NOTHING_ARRIVES
    ]
    return tag(
        "details",
        tag("summary", "The console complains, and nothing arrives here?"),
        tag("ol", items, class_="advice"),
    )


def draw_all(view: View) -> Markup:
    return join((draw_failures(view), draw_backend_cors(view)))
