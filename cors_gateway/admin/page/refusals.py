"""The part of the page that shows who was refused: origins below one parent domain together, in an order that stays.

What would let them through is asked for when somebody opens it: explaining hundreds of refusals takes its time.
"""

import asyncio
from collections.abc import Iterable, Sequence
from urllib.parse import quote, urlencode

from aiohttp import web

from cors_gateway.admin.page import words
from cors_gateway.admin.page.elements import Cell, figure, moment, name_cell, table
from cors_gateway.admin.page.markup import Markup, join, tag
from cors_gateway.admin.page.view import View
from cors_gateway.admin.state import CONTROL, EXPLAINERS
from cors_gateway.explain.suggestion import suggest
from cors_gateway.explain.suggestion_text import render_yaml
from cors_gateway.observe.metrics import NO_ROUTE
from cors_gateway.observe.refusals import RefusedOrigin
from cors_gateway.policy.origin import parse_origin

MAX_REFUSALS = 200
"""Entries that are shown: the last refused."""

_HEADS = ("Origin", "Route", "Why", "Times", "Last", "")


def draw_refusals(view: View) -> Markup:
    """The origins that were refused last, by parent domain."""
    if not view.refusals:
        return nothing_refused()
    shown, more = view.refusals[:MAX_REFUSALS], len(view.refusals) - MAX_REFUSALS
    note = tag("p", f"{words.number(more)} more are remembered.", class_="note") if more > 0 else None
    return join(
        (
            [_group(parent, entries, view.now) for parent, entries in by_parent(shown).items()],
            note,
        )
    )


def nothing_refused() -> Markup:
    return tag("p", "No origin was refused since the start.", class_="calm")


async def suggestion(request: web.Request) -> web.Response:
    """`GET /suggestion?parent=…`: YAML that would let the refused origins below this domain through; all, without it."""
    parent = request.query.get("parent")
    control = request.app[CONTROL]
    refused = [
        entry for entry in await control.refusals() if parent is None or parent_of(entry.origin) == parent
    ]
    explainer = await request.app[EXPLAINERS].explainer(control.snapshot)
    found = await asyncio.to_thread(suggest, refused, explainer)
    source = f"{words.counted(sum(entry.count for entry in refused), 'refused request')}"
    return web.Response(text=render_yaml(found, source), content_type="text/plain", charset="utf-8")


def by_parent(refusals: Iterable[RefusedOrigin]) -> dict[str, list[RefusedOrigin]]:
    """In an order that does not depend on when anything was refused, so that nothing moves while it is being read."""
    groups: dict[str, list[RefusedOrigin]] = {}
    for entry in sorted(
        refusals, key=lambda each: (parent_of(each.origin), each.origin, each.route, each.reason)
    ):
        groups.setdefault(parent_of(entry.origin), []).append(entry)
    return groups


def parent_of(origin: str) -> str:
    """`preview.example.com` of `https://pr-7.preview.example.com`; what has no parent is a group of its own."""
    parsed = parse_origin(origin.encode("ascii", "replace"))
    if parsed is None:
        return origin
    host = parsed.host
    labels = host.split(".")
    is_address = ":" in host or labels[-1].isdigit()
    return host if is_address or len(labels) < 3 else ".".join(labels[1:])


def _group(parent: str, entries: Sequence[RefusedOrigin], now: float) -> Markup:
    """One line for all that is refused below a domain; what is in it opens."""
    origins = len({entry.origin for entry in entries})
    total = sum(entry.count for entry in entries)
    reasons = tuple(dict.fromkeys(entry.reason for entry in entries))
    name = tag("code", entries[0].origin) if origins == 1 and entries[0].origin else tag("code", parent)
    if origins > 1:
        about: Markup | str = f"{words.counted(origins, 'origin')} below it"
    else:
        about = "" if entries[0].origin else tag("em", "empty")
    line = tag(
        "summary",
        name,
        tag("span", about),
        tag("strong", f"{words.number(total)} ×"),
        tag("span", words.enumerated(reasons)),
        moment(max(entry.last for entry in entries), now),
        tag("a", "Explain", href=_explanation_link(entries[0])) if len(entries) == 1 else None,
    )
    source = f"/suggestion?parent={quote(parent, safe='')}"
    yaml = tag(
        "p",
        tag("a", "YAML that would let them through", href=source, class_="yaml", data_source=source),
        class_="note",
    )
    rows = [_entry(entry, now) for entry in entries]
    return tag(
        "details",
        line,
        table(_HEADS, rows, figures=("Times",)),
        yaml,
        id=f"refused-{quote(parent, safe='')}",
        class_="group",
    )


def _entry(entry: RefusedOrigin, now: float) -> tuple[Cell, ...]:
    return (
        name_cell(tag("code", entry.origin) if entry.origin else tag("em", "empty")),
        Cell(tag("em", "none") if entry.route == NO_ROUTE else entry.route),
        Cell((tag("code", entry.reason), tag("small", words.reason_words(entry)))),
        figure(entry.count),
        Cell(moment(entry.last, now)),
        Cell(tag("a", "Explain this one", href=_explanation_link(entry))),
    )


def _explanation_link(entry: RefusedOrigin) -> str:
    url = f"http://{entry.host}{entry.path}" if entry.host else entry.path or "/"
    query = [("origin", entry.origin), ("method", entry.method), ("url", url)]
    query += [("header", name.strip()) for name in entry.headers.split(",") if name.strip()]
    return f"/?{urlencode(query)}#explain"
