"""The part of the page that explains one request: the form, and the browser's steps in a picture and in words."""

from collections.abc import Iterator

from cors_gateway.admin.explainers import Question
from cors_gateway.admin.page.diagram import draw_diagram
from cors_gateway.admin.page.elements import line_list, pill
from cors_gateway.admin.page.markup import Markup, tag
from cors_gateway.explain import curl
from cors_gateway.explain.explanation import Explanation, Remedy, Verdict
from cors_gateway.explain.remedy_sentences import change_text
from cors_gateway.explain.text import steps, verdict
from cors_gateway.snapshot import Server

_KINDS = {Verdict.ALLOWED: "good", Verdict.REFUSED: "bad", Verdict.UNKNOWN: "warn"}
_METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "QUERY")


def draw_form(question: Question) -> Markup:
    """The form, filled in with what was asked. It needs no script: the page comes back with the answer."""
    return tag(
        "form",
        _field("origin", "Origin of the page", question.origin, placeholder="https://app.example.com"),
        _field("url", "URL or path that it calls", question.url, placeholder="/api/users", required=True),
        _field("method", "Method", question.method or "GET", list="methods"),
        tag("datalist", [tag("option", value=method) for method in _METHODS], id="methods"),
        tag(
            "label",
            tag("span", "Headers that the script sets, one a line"),
            tag(
                "textarea",
                "\n".join(question.headers),
                name="header",
                rows=2,
                placeholder="Content-Type: application/json",
                spellcheck="false",
            ),
            class_="wide",
        ),
        tag(
            "label",
            tag("input", type="checkbox", name="credentials", value="true", checked=question.credentials),
            tag("span", "with credentials"),
            class_="check",
        ),
        tag("button", "Explain", type="submit"),
        action="/#explain",
        method="get",
    )


def draw_fault(text: str) -> Markup:
    """What is wrong with the question."""
    return tag("p", pill("bad", "cannot be sent"), f" {text}.", class_="answer bad", role="alert")


def draw_explanation(explanation: Explanation, server: Server) -> Markup:
    """The answer: verdict, picture, steps, remedy, and the command that reproduces it."""
    kind = _KINDS[explanation.verdict]
    return tag(
        "div",
        tag("p", pill(kind, verdict(explanation)), " ", explanation.summary, class_="outcome"),
        tag(
            "div",
            tag("figure", draw_diagram(explanation)),
            tag("ol", [_step(*step) for step in steps(explanation)], class_="steps"),
            class_="walk",
        ),
        [tag("p", f"Note: {note}.", class_="note") for note in explanation.notes],
        tag("div", _remedy(explanation.remedy), class_="remedy") if explanation.remedy is not None else None,
        tag(
            "details",
            tag("summary", "Reproduce it with curl"),
            tag("pre", "\n".join(_commands(explanation, server))),
        ),
        class_=f"answer {kind}",
        id="answer",
    )


def _field(name: str, label: str, value: str, *, required: bool = False, **more: str) -> Markup:
    field = tag(
        "input",
        name=name,
        value=value,
        required=required,
        autocomplete="off",
        autocapitalize="none",
        spellcheck="false",
        **more,
    )
    return tag("label", tag("span", label), field)


def _step(sentence: str, *lines: str) -> Markup:
    return tag("li", sentence, tag("pre", "\n".join(lines)) if lines else None)


def _remedy(remedy: Remedy) -> Iterator[Markup | None]:
    yield tag("h3", "What to do, if it was meant to work")
    if remedy.instead:
        yield tag("p", f"Likely: {remedy.instead}")
    if remedy.blocked:
        yield tag("p", f"Nothing in the configuration allows it: {remedy.blocked}.")
    yield line_list([change_text(change) for change in remedy.changes])
    for warning in remedy.warnings:
        yield tag("p", pill("warn", "careful"), f" {warning}.")
    for consequence in remedy.consequences:
        yield tag("p", f"Mind: {consequence}.")


def _commands(explanation: Explanation, server: Server) -> Iterator[str]:
    preflight = curl.preflight_line(explanation, server)
    if preflight is not None:
        yield preflight
    yield curl.request_line(explanation, server)
