"""What becomes of one location: a route that forwards or redirects, or a path that has to stay closed, and why."""

import re
from dataclasses import dataclass, field, replace

from cors_gateway.migrate.nginx.backends import Unreachable, backend_of, prefix_of
from cors_gateway.migrate.nginx.evaluate import Run
from cors_gateway.migrate.nginx.fields import fields_of
from cors_gateway.migrate.nginx.grants import grants_of
from cors_gateway.migrate.nginx.guards import guards_of, limited_methods
from cors_gateway.migrate.nginx.parse import Directive
from cors_gateway.migrate.nginx.paths import PathPattern
from cors_gateway.migrate.nginx.quantities import size
from cors_gateway.migrate.nginx.scope import PASSES, Scope
from cors_gateway.migrate.nginx.study import METHODS, Study
from cors_gateway.migrate.outcome import Redirect, Route, Untranslated

REDIRECTS = (301, 302, 303, 307, 308)
_CLOSED = 404
_KEPT_STATUSES = frozenset({403, 404, 410, 500, 502, 503})
OTHER_HANDLERS = (
    "stub_status",
    "content_by_lua_block",
    "content_by_lua_file",
    "js_content",
    "echo",
    "empty_gif",
    "perl",
    "dav_methods",
    "flv",
    "mp4",
    "api",
    "return_by_lua_block",
    "grpc_pass",
)


@dataclass(frozen=True, slots=True)
class Placed:
    """The routes that one pattern of a location needs."""

    pattern: PathPattern
    route: Route
    """Forwards, redirects or refuses."""
    is_needed: bool
    """Whether it stands even where no broader route is: a refusal alone does nothing."""
    rest: Route | None = None
    """Refuses the methods that the first one leaves out, where a broader route would take them."""
    yields_to_expressions: bool = True
    """Whether locations by expression come before it."""
    left: tuple[Untranslated, ...] = ()
    notes: tuple[Untranslated, ...] = ()
    done: frozenset[Directive] = field(default_factory=frozenset)
    """Directives that are translated by it, which otherwise would be named as left out."""
    body_limit: str | None = None
    is_guarded: bool = False


def place_location(
    study: Study, pattern: PathPattern, http: Scope, hosts: tuple[str, ...], name: str, *, is_caret: bool
) -> Placed:
    """Decide about one location."""
    seen = study.observe("GET", study.welcome)
    base = Route(
        name=name, path=pattern.path, hosts=hosts, is_exact=pattern.is_exact, extensions=pattern.extensions
    )
    yields = not is_caret and not pattern.is_exact
    guards = [
        *guards_of(study.location),
        *(guards_of(study.place) if study.place is not study.location else ()),
    ]
    guards = [guard for guard in guards if guard.name != "limit_except"]
    condition = ""
    if seen.is_refused and seen.run.guard is not None and seen.run.returned is not None:
        guards.append(seen.run.returned)
        condition = seen.run.guard.text
    if guards:
        return _guarded(base, pattern, study, guards, yields, condition)
    if seen.run.returned is not None:
        return _answered(base, pattern, seen.run, yields)
    if not seen.run.is_proxied:
        return Placed(
            pattern, _closing(base, _CLOSED, _why_static(study)), False, yields_to_expressions=yields
        )
    return _forwarded(base, pattern, study, http, yields)


def _guarded(
    base: Route, pattern: PathPattern, study: Study, guards: list[Directive], yields: bool, condition: str
) -> Placed:
    first = guards[0]
    text = condition or first.text
    comment = f"{text}  ({first.place.file}:{first.place.line}): {_guard_words(first)}"
    is_static = study.place.handler() is None and not study.place.own("return")
    named = [guard for guard in dict.fromkeys(guards) if not (guard.name == "internal" and is_static)]
    return Placed(
        pattern,
        _closing(base, _CLOSED, (comment,)),
        False,
        yields_to_expressions=yields,
        left=tuple(_note(guard, f"{_guard_words(guard)}; the location is closed") for guard in named),
        is_guarded=True,
    )


def _guard_words(guard: Directive) -> str:
    return _GUARD_WORDS.get(guard.name, "the gateway does not check this")


_GUARD_WORDS = {
    "auth_basic": "the gateway does not ask for passwords",
    "auth_request": "the gateway does not authenticate",
    "deny": "the gateway does not filter by address",
    "internal": "the gateway has no internal locations",
    "ssl_verify_client": "the gateway does not ask clients for certificates",
    "return": "the gateway cannot tell whom this turns away",
}


def _answered(base: Route, pattern: PathPattern, run: Run, yields: bool) -> Placed:
    directive = run.returned
    status = run.status or 0
    text = f"{directive.text}  ({directive.place.file}:{directive.place.line})" if directive else ""
    if directive is not None and status in REDIRECTS:
        target = _redirect_target(run)
        if target is not None:
            return Placed(
                pattern,
                replace(base, redirect=Redirect(target, status), comments=()),
                True,
                yields_to_expressions=yields,
                done=frozenset({directive}),
            )
    code = status if status in _KEPT_STATUSES else _CLOSED
    return Placed(pattern, _closing(base, code, (text,)), False, yields_to_expressions=yields)


def _redirect_target(run: Run) -> str | None:
    """Where a redirect leads, without the path of the request, which is added again."""
    answer = run.answer.removesuffix("?").partition("?")[0]
    path = run.request.path
    if not answer.endswith(path):
        return None
    target = answer.removesuffix(path)
    return target if re.fullmatch(r"https?://[a-z0-9_.:\[\]-]+(/[^$?#]*)?", target) else None


def _forwarded(base: Route, pattern: PathPattern, study: Study, http: Scope, yields: bool) -> Placed:
    backend = backend_of(study, http)
    if isinstance(backend, Unreachable):
        return _lost(base, pattern, backend, yields)
    prefix = prefix_of(study, pattern.path, is_exact=pattern.is_exact) if not pattern.extensions else None
    if isinstance(prefix, Unreachable):
        return _lost(base, pattern, prefix, yields)
    grants = grants_of(study)
    fields = fields_of(study)
    methods = _methods(study)
    route = replace(
        base,
        upstream=backend.upstream,
        policies=grants.policies,
        mode=grants.mode,
        replace_prefix=prefix,
        methods=methods,
        request_headers=fields.request,
        response_headers=fields.response,
        comments=(*_method_comment(study), *grants.comments),
    )
    limit = study.place.one("client_max_body_size")
    left = [*backend.notes, *fields.left]
    left += [_note(directive, why) for directive, why in dict(grants.withheld).items()]
    left += [
        _note(guard, f"{_guard_words(guard)}; the other methods are closed")
        for limit in study.place.own("limit_except")
        for guard in limit.block or ()
        if guard.name in ("auth_basic", "auth_request")
    ]
    return Placed(
        pattern,
        route,
        True,
        rest=_closing(replace(base, name=f"{base.name}-other-methods"), _CLOSED, ()) if methods else None,
        yields_to_expressions=yields,
        left=tuple(left),
        notes=fields.notes,
        done=frozenset(_done(study, methods)),
        body_limit=size(limit.args[0]) if limit and limit.args else None,
    )


def _lost(base: Route, pattern: PathPattern, fault: Unreachable, yields: bool) -> Placed:
    directive = fault.directive
    text = f"{directive.text}  ({directive.place.file}:{directive.place.line}): {fault.why}"
    return Placed(
        pattern,
        _closing(base, _CLOSED, (text,)),
        False,
        yields_to_expressions=yields,
        left=(_note(directive, fault.why),),
    )


def _done(study: Study, methods: tuple[str, ...]) -> list[Directive]:
    """Rewrites that became a prefix, and returns that became methods."""
    run = study.observe("GET", study.welcome).run
    done = [one for one in run.moved if one.name == "rewrite"]
    for method in METHODS if methods else ():
        seen = study.observe(method, study.welcome)
        if seen.is_refused and seen.run.returned is not None and seen.run.returned.name == "return":
            done.append(seen.run.returned)
    return done


def _methods(study: Study) -> tuple[str, ...]:
    """The methods that nginx serves, if it does not serve all."""
    limits = [limit for limit in study.place.own("limit_except") if limit.block]
    if limits:
        return tuple(
            name
            for name in limited_methods(limits[0])
            if name != "HEAD" or "GET" not in limited_methods(limits[0])
        )
    served = [method for method in METHODS if not study.observe(method, study.welcome).is_refused]
    if len(served) == len(METHODS) or ("GET" not in served and len(served) < 2 and "POST" not in served):
        return ()
    return tuple(method for method in served if method != "HEAD" or "GET" not in served)


def _method_comment(study: Study) -> tuple[str, ...]:
    return tuple(
        f"{limit.text}  ({limit.place.file}:{limit.place.line})" for limit in study.place.own("limit_except")
    )


def _closing(base: Route, status: int, comments: tuple[str, ...]) -> Route:
    return replace(base, refuse=status, comments=comments)


def _why_static(study: Study) -> tuple[str, ...]:
    handler = study.place.handler()
    if handler is not None and handler.name in PASSES:
        return (
            f"{handler.text}  ({handler.place.file}:{handler.place.line}): the gateway speaks HTTP to backends",
        )
    other = study.place.own(*OTHER_HANDLERS)
    if other:
        return (f"{other[0].text}  ({other[0].place.file}:{other[0].place.line}): nginx answers this itself",)
    place = study.place.directive.place
    return (f"{study.place.directive.text}  ({place.file}:{place.line}): nginx serves files here",)


def _note(directive: Directive, why: str) -> Untranslated:
    return Untranslated(directive.name, directive.place.file, directive.place.line, why)
