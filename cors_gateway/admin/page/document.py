"""The page for people, at `/`: rendered here as a whole, kept up to date in the browser by replacing its parts."""

import asyncio

from aiohttp import web

from cors_gateway.admin.documents import read_question
from cors_gateway.admin.explainers import Question
from cors_gateway.admin.page import inventory, panels
from cors_gateway.admin.page.chart import draw_chart
from cors_gateway.admin.page.explanation_form import draw_explanation, draw_fault, draw_form
from cors_gateway.admin.page.failures import draw_advice, draw_all
from cors_gateway.admin.page.live_panel import draw_diagnoses, draw_live
from cors_gateway.admin.page.markup import Markup, join, tag
from cors_gateway.admin.page.refusals import draw_refusals
from cors_gateway.admin.page.view import View, look
from cors_gateway.admin.responses import json_answer
from cors_gateway.admin.state import CONTROL, EXPLAINERS
from cors_gateway.explain.described_request import DescriptionFault

TITLE = "CORS gateway"
SECTIONS = {
    "now": "Now",
    "refused": "Refused origins",
    "failures": "Failures",
    "live": "Live",
    "explain": "Explain a request",
    "routes": "Routes",
    "upstreams": "Upstreams",
    "configuration": "Configuration",
}
"""In the order of the page, which is that of the questions: what happens, to whom, why, and what should happen."""


async def page(request: web.Request) -> web.Response:
    """`GET /`, with the fields of `/explain` in the query to have them explained."""
    view = await look(request.app)
    question = read_question(request)
    answer = await _answer(request, question) if question.url else None
    html = await asyncio.to_thread(draw_page, view, question, answer)
    return web.Response(text=html, content_type="text/html", charset="utf-8")


async def live(request: web.Request) -> web.Response:
    """`GET /live`: the parts of the page that change, as HTML by the id of the element that holds them."""
    view = await look(request.app)
    return json_answer({"title": draw_title(view), "parts": await asyncio.to_thread(draw_parts, view)})


def draw_parts(view: View) -> dict[str, Markup]:
    """The parts that change."""
    return {
        "state": panels.state(view),
        "verdict": panels.verdict(view),
        "numbers": panels.numbers(view),
        "chart": draw_chart(view.steps),
        "reasons": panels.reasons(view),
        "refusals": draw_refusals(view),
        "failure-list": draw_all(view),
        "diagnoses": draw_diagnoses(view),
        "route-list": inventory.routes(view),
        "upstream-list": inventory.upstreams(view),
        "reload-state": inventory.configuration(view),
    }


def draw_title(view: View) -> str:
    """What a row of tabs shows."""
    return f"{view.phase} · {view.instance} · {TITLE}"


def draw_page(view: View, question: Question, answer: Markup | None) -> str:
    """The whole document."""
    held = {
        name: tag("dl" if name == "numbers" else "div", html, id=name)
        for name, html in draw_parts(view).items()
    }
    sections = {
        "now": (held["verdict"], held["numbers"], tag("div", held["chart"], held["reasons"], class_="past")),
        "refused": (held["refusals"], draw_advice()),
        "failures": held["failure-list"],
        "live": (
            draw_live(view),
            held["diagnoses"],
            tag("p", "", id="watching", role="status"),
            tag("ol", "", id="events"),
        ),
        "explain": (draw_form(question), answer),
        "routes": held["route-list"],
        "upstreams": held["upstream-list"],
        "configuration": held["reload-state"],
    }
    body = tag(
        "body",
        tag("header", _banner(held["state"]), _navigation()),
        tag(
            "main",
            [
                tag("section", tag("h2", SECTIONS[name]), content, id=name)
                for name, content in sections.items()
            ],
        ),
        tag("footer", _documents()),
    )
    return "<!doctype html>\n" + tag("html", _head(view), body, lang="en")


def _head(view: View) -> Markup:
    return tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("title", draw_title(view)),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("link", rel="icon", href="/static/icon.svg", type="image/svg+xml"),
        tag("link", rel="stylesheet", href="/static/admin.css"),
        tag("script", src="/static/admin.js", defer=True),
        tag("script", src="/static/live.js", defer=True),
    )


def _banner(state: Markup) -> Markup:
    return tag(
        "div",
        tag("h1", TITLE),
        state,
        tag("p", "", id="connection", role="status"),
        tag(
            "form",
            tag("button", "Reload configuration", type="submit"),
            action="/reload",
            method="post",
            id="reload",
        ),
        class_="banner",
    )


def _navigation() -> Markup:
    links = [tag("a", title, href=f"#{name}") for name, title in SECTIONS.items()]
    return tag("nav", links, aria_label="Parts of this page")


def _documents() -> Markup:
    paths = ("/status", "/config", "/metrics", "/healthz", "/readyz")
    return join(("For programs: ", [tag("a", path, href=path) for path in paths]))


async def _answer(request: web.Request, question: Question) -> Markup:
    snapshot = request.app[CONTROL].snapshot
    try:
        explanation = await request.app[EXPLAINERS].explain(snapshot, question)
    except DescriptionFault as fault:
        return draw_fault(str(fault))
    return await asyncio.to_thread(draw_explanation, explanation, snapshot.server)
