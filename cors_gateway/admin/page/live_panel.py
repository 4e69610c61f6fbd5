"""The part of the page where requests are watched as they happen, and where diagnosis is switched on for an origin."""

from cors_gateway.admin.page import words
from cors_gateway.admin.page.elements import pill
from cors_gateway.admin.page.markup import Markup, tag
from cors_gateway.admin.page.view import View

DURATIONS = {"10m": "10 minutes", "30m": "30 minutes", "1h": "an hour"}


def draw_live(view: View) -> Markup:
    """The form and the list that `live.js` fills. Nothing is watched before somebody asks for it."""
    routes = [tag("option", "any", value="")]
    routes += [tag("option", route.name, value=route.name) for route in view.snapshot.routes]
    origins = sorted({entry.origin for entry in view.refusals if entry.origin})
    form = tag(
        "form",
        tag(
            "label",
            tag("span", "Origin"),
            tag(
                "input",
                name="origin",
                list="refused-origins",
                placeholder="any",
                autocomplete="off",
                autocapitalize="none",
                spellcheck="false",
            ),
        ),
        tag("datalist", [tag("option", value=origin) for origin in origins], id="refused-origins"),
        tag("label", tag("span", "Route"), tag("select", routes, name="route")),
        tag("button", "Watch", type="button", id="watch"),
        tag(
            "label",
            tag("span", "Diagnose this origin for"),
            tag(
                "select",
                [tag("option", text, value=value) for value, text in DURATIONS.items()],
                name="for",
            ),
        ),
        tag("button", "Diagnose", type="submit"),
        action="/diagnoses",
        method="post",
        id="live-form",
    )
    about = tag(
        "p",
        "Watch shows CORS decisions and failures as they happen; nothing is kept while nobody watches. Diagnose answers "
        "refused preflights of that one origin with what is allowed, so that its browser's console names the missing "
        "method or header; an origin that no policy lists stays refused, and everybody else is answered as ever.",
        class_="note",
    )
    return tag("div", form, about)


def draw_diagnoses(view: View) -> Markup:
    """Who is diagnosed just now, each with a way to end it."""
    rows = [
        tag(
            "form",
            pill("warn", "diagnosed"),
            tag("code", origin),
            tag("span", f"for {words.span(ends - view.now)} more"),
            tag("input", type="hidden", name="origin", value=origin),
            tag("input", type="hidden", name="for", value="0s"),
            tag("button", "End", type="submit"),
            action="/diagnoses",
            method="post",
        )
        for origin, ends in sorted(view.diagnoses.items())
    ]
    return tag("div", rows)
