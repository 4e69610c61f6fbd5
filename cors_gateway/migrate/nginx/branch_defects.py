"""What is wrong with how blocks play together: inheritance that is lost, branches that override or end each other, preflights
that nobody answers, guards in their way, and paths that do not fit."""

from collections.abc import Iterator

from cors_gateway.migrate.nginx.defect import Defect
from cors_gateway.migrate.nginx.evaluate import uri_of
from cors_gateway.migrate.nginx.guards import guards_of
from cors_gateway.migrate.nginx.origins import STRANGER
from cors_gateway.migrate.nginx.scope import Scope, match_of
from cors_gateway.migrate.nginx.study import ORIGIN, Study
from cors_gateway.migrate.nginx.variables import names_in

_GRANTS = ("access-control-allow-methods", "access-control-allow-headers")
_MADE_BY_NGINX = frozenset(
    {"400", "403", "408", "411", "412", "413", "414", "429", "500", "502", "503", "504"}
)
"""Errors that nginx makes itself in front of a proxied location."""


def branch_defects(study: Study) -> Iterator[Defect]:
    for block in study.blocks:
        yield from lost_headers(block)
    yield from _overriding(study)
    yield from _broken_off(study)
    yield from _swallowed(study)
    yield from _unanswered(study)
    yield from _prefix(study.place)
    yield from _error_pages(study)


def lost_headers(block: Scope) -> Iterator[Defect]:
    """`add_header` of its own silences all those around a block."""
    own = block.own("add_header")
    if not own or block.parent is None or any(line.key == ORIGIN for line in block.headers()):
        return
    if any(line.key == ORIGIN and not line.replaces for line in block.parent.headers()):
        yield Defect("inherited_lost", own[0], {"block": _called(block)})


def _overriding(study: Study) -> Iterator[Defect]:
    for origin in study.origins:
        for seen in study.everything(origin):
            *earlier, last = seen.run.entered or [study.place]
            if last.kind != "if" or any(line.key == ORIGIN for line in last.headers()):
                continue
            for block in earlier:
                if any(
                    line.key == ORIGIN and seen.run.variables.value(line.value)
                    for line in block.own_headers()
                ):
                    yield Defect("if_overrides_if", last.directive, {"line": str(block.directive.place.line)})


def _broken_off(study: Study) -> Iterator[Defect]:
    for origin in study.origins[1:]:
        seen = study.preflight(origin)
        run = seen.run
        if run.broke is None or run.returned is not None:
            continue
        whole = study.without_breaks(seen)
        if whole.returned is not None and whole.guard is not None:
            yield Defect("rewrite_break_before_if", run.broke, {"line": str(whole.guard.place.line)})


def _swallowed(study: Study) -> Iterator[Defect]:
    for origin in ("", STRANGER):
        seen = study.observe("OPTIONS", origin)
        guard = seen.run.guard
        if guard is None or (seen.run.status or 0) >= 400:
            continue
        if study.observe("GET", origin).run.guard is not guard:
            yield Defect("options_swallowed", guard)


def _unanswered(study: Study) -> Iterator[Defect]:
    keys = {line.key for line in study.lines}
    if ORIGIN not in keys or not keys & set(_GRANTS):
        return
    origin = study.welcome or STRANGER
    run = study.preflight(origin).run
    if run.returned is not None or not run.reaches_backend:
        return
    guards = [guard for guard in guards_of(study.place, "OPTIONS") if guard.name != "internal"]
    if guards:
        yield Defect("preflight_blocked", guards[0], {"guard": guards[0].text})
    else:
        yield Defect("preflight_not_answered", study.place.directive)


def _prefix(place: Scope) -> Iterator[Defect]:
    match = match_of(place)
    handler = place.handler()
    if match.kind not in ("", "^~") or handler is None or handler.name != "proxy_pass" or not handler.args:
        return
    uri = uri_of(handler.args[0])
    if uri is None or any(names_in(handler.args[0])) or uri == match.text:
        return
    if uri.endswith("/") != match.text.endswith("/"):
        yield Defect(
            "proxy_prefix_mismatch",
            handler,
            {
                "path": f"{match.text}users" if match.text.endswith("/") else f"{match.text}/users",
                "arrives": f"{uri}users" if match.text.endswith("/") else f"{uri}/users",
            },
        )


def _error_pages(study: Study) -> Iterator[Defect]:
    place = study.place
    if not any(line.key == ORIGIN for line in place.headers()) or place.own("return"):
        return
    intercept = place.one("proxy_intercept_errors")
    sees_all = place.handler() is None or (intercept is not None and intercept.args == ("on",))
    for directive in place.effective("error_page"):
        target = directive.args[-1] if directive.args else ""
        codes = [code for code in directive.args[:-1] if not code.startswith("=")]
        if not sees_all and not _MADE_BY_NGINX & set(codes):
            continue
        evaluator = study.evaluator
        found = (
            evaluator.named(target)
            if target.startswith("@")
            else evaluator.find(target)
            if target.startswith("/")
            else None
        )
        if found is None or found.directive is place.directive:
            continue
        if not any(line.key == ORIGIN for line in found.headers()):
            yield Defect("error_page_loses_cors", directive, {"target": target})


def _called(block: Scope) -> str:
    return {"if": "the if", "location": "the location", "server": "the server"}.get(block.kind, "the block")
