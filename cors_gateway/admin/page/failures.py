"""The part of the page for what fails without CORS having a say, and for what to do when nothing arrives at all."""

from cors_gateway.admin.page import words
from cors_gateway.admin.page.elements import Cell, figure, name_cell, table
from cors_gateway.admin.page.markup import Markup, join, tag
from cors_gateway.admin.page.view import View
from cors_gateway.observe.metrics import SERVER_ERROR

OUTCOMES = {
    SERVER_ERROR: "it answered with a 5xx: its own log tells more",
    "upstream_refused": "nothing listens there: does the backend run, on this port?",
    "upstream_unreachable": "no way there: network, firewall, a wrong address",
    "upstream_name_unknown": "its name cannot be looked up: is it spelled right, is it in this network?",
    "upstream_tls": "its certificate or TLS version does not fit: see tls of the upstream",
    "upstream_reset": "it broke the connection off: restarted, crashed, or its keep-alive is shorter than the gateway's",
    "upstream_invalid_response": "what it sent is not HTTP/1.1 as it must be",
    "upstream_connect_timeout": "connecting took longer than timeouts.connect",
    "upstream_response_timeout": "no answer within timeouts.response_head or timeouts.idle",
    "upstream_unavailable": "no server of it is healthy",
}
"""What an outcome of a request to a backend means, in the words of somebody who has to mend it."""

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
    """What requests to backends failed of: in the last minute, the last ten and since the start."""
    if not view.counts.failures:
        return tag("p", "No request to a backend failed since the start.", class_="calm")
    lately: dict[tuple[str, str], int] = {}
    for step in view.steps:
        for key, times in step.failures.items():
            lately[key] = lately.get(key, 0) + times
    rows = [
        (
            name_cell(tag("strong", upstream)),
            Cell((tag("code", outcome), tag("small", OUTCOMES.get(outcome, "")))),
            figure(view.recent.failures.get((upstream, outcome), 0), "bad"),
            figure(lately.get((upstream, outcome), 0), "bad"),
            figure(times),
        )
        for (upstream, outcome), times in sorted(view.counts.failures.items())
    ]
    heads = ("Upstream", "Cause", "Last minute", "10 min", "In all")
    return table(heads, rows, figures=heads[2:])


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
