"""Header fields apart from CORS: what nginx sets and removes on the way to the backend, and on the way back."""

from collections.abc import Iterator
from dataclasses import dataclass

from cors_gateway.config.lint.field_edits import Direction, lint_fields
from cors_gateway.config.models.route import HeadersSection
from cors_gateway.migrate.nginx.parse import Directive
from cors_gateway.migrate.nginx.scope import HeaderLine
from cors_gateway.migrate.nginx.spelling import is_misspelt
from cors_gateway.migrate.nginx.study import Study
from cors_gateway.migrate.outcome import NO_HEADERS, Headers, Untranslated

_ELSEWHERE = frozenset(
    {"vary", "timing-allow-origin", "cross-origin-resource-policy", "content-length", "content-type"}
)
"""Response headers that a policy decides, or that say nothing without a body of nginx's own."""
_OWN_BUSINESS = frozenset(
    {
        "host",
        "connection",
        "upgrade",
        "origin",
        "x-real-ip",
        "forwarded",
        "via",
        "content-length",
        "x-request-id",
        "transfer-encoding",
        "te",
        "early-data",
        "accept-encoding",
        "x-original-uri",
        "x-original-url",
        "x-scheme",
    }
)
"""Request headers that the gateway writes itself, or that say what it says elsewhere."""
_ADDED_ONLY = "nginx adds it beside the backend's own, and not to errors; the gateway puts it in its place on all answers"
_ERRORS_TOO = "nginx leaves it off errors (no always); the gateway sends it with all answers"


@dataclass(frozen=True, slots=True)
class Fields:
    """What a route does about headers."""

    request: Headers = NO_HEADERS
    response: Headers = NO_HEADERS
    left: tuple[Untranslated, ...] = ()
    notes: tuple[Untranslated, ...] = ()


def fields_of(study: Study) -> Fields:
    """Read a proxied location."""
    left: list[Untranslated] = []
    notes: list[Untranslated] = []
    return Fields(_request(study, left), _response(study, left, notes), tuple(left), tuple(notes))


def field_problem(direction: Direction, name: str, value: str) -> str | None:
    """Why the gateway would refuse to write the field."""
    section = HeadersSection(set={name: value}) if value else HeadersSection(remove=[name])
    found = next((one for one in lint_fields(direction, section) if one.severity == "error"), None)
    return found.message if found else None


def _request(study: Study, left: list[Untranslated]) -> Headers:
    run = study.observe("GET", study.welcome).run
    values: dict[str, str] = {}
    removed: list[str] = []
    for name, directive in study.place.request_headers().items():
        if name in _OWN_BUSINESS or name.startswith("x-forwarded-") or len(directive.args) < 2:
            if name == "origin" and len(directive.args) > 1 and directive.args[1]:
                left.append(_note(directive, "the backend sees the Origin of the client, or none"))
            continue
        if name.startswith("access-control-"):
            left.append(_note(directive, "a response header sent to the backend; it does nothing"))
            continue
        shown, text = directive.args[0], directive.args[1]
        if not run.variables.is_constant(text):
            left.append(_note(directive, "its value is computed from the request"))
            continue
        value = run.variables.value(text)
        problem = field_problem("request_headers", shown, value)
        if problem:
            left.append(_note(directive, problem))
        elif value:
            values[shown] = value
        else:
            removed.append(shown)
    return Headers(tuple(values.items()), tuple(removed))


def _response(study: Study, left: list[Untranslated], notes: list[Untranslated]) -> Headers:
    run = study.observe("GET", study.welcome).run
    values: dict[str, tuple[str, str]] = {}
    removed: list[str] = []
    for line in study.place.headers():
        if line.key.startswith("access-control-") or line.key in _ELSEWHERE or is_misspelt(line.key):
            continue
        value = run.variables.value(line.value)
        if not run.variables.is_constant(line.value):
            left.append(_note(line.directive, "its value is computed for each answer"))
        elif line.key in values:
            left.append(_note(line.directive, f"a second {line.name}; the gateway sets one line of a name"))
        elif problem := field_problem("response_headers", line.name, value):
            left.append(_note(line.directive, problem))
        elif value:
            values[line.key] = (line.name, value)
            if not line.is_always:
                notes.append(_note(line.directive, _ERRORS_TOO if line.replaces else _ADDED_ONLY))
        elif line.replaces:
            removed.append(line.name)
    removed += [
        name
        for name in _hidden(study)
        if name.lower() not in values and field_problem("response_headers", name, "") is None
    ]
    left += [_note(line.directive, "it depends on a branch of the location") for line in _in_branches(study)]
    return Headers(tuple(values.values()), tuple(dict.fromkeys(removed)))


def _hidden(study: Study) -> Iterator[str]:
    for directive in (
        *study.place.effective("proxy_hide_header"),
        *study.place.effective("more_clear_headers"),
    ):
        for name in directive.args if directive.name == "more_clear_headers" else directive.args[:1]:
            if not name.lower().startswith("access-control-") and name.lower() not in _ELSEWHERE:
                yield name


def _in_branches(study: Study) -> Iterator[HeaderLine]:
    outer = {line.key for line in study.place.headers()}
    for block in study.blocks[1:]:
        if block.own("return"):
            continue
        for line in block.own_headers():
            if (
                not line.key.startswith("access-control-")
                and line.key not in _ELSEWHERE | outer
                and not is_misspelt(line.key)
            ):
                yield line


def _note(directive: Directive, why: str) -> Untranslated:
    return Untranslated(directive.name, directive.place.file, directive.place.line, why)
