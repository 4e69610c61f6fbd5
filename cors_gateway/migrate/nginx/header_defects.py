"""What is wrong with the headers themselves: names and values that no browser takes as they were meant."""

from collections.abc import Iterator

from cors_gateway.config.lint.request_headers import forbidden, prohibited
from cors_gateway.config.written_policy import WrittenPolicy
from cors_gateway.migrate.nginx.defect import Defect
from cors_gateway.migrate.nginx.origins import STRANGER
from cors_gateway.migrate.nginx.parse import Directive
from cors_gateway.migrate.nginx.scope import HeaderLine, Scope
from cors_gateway.migrate.nginx.spelling import is_misspelt, meant_name
from cors_gateway.migrate.nginx.study import CREDENTIALS, METHODS, ORIGIN, Observed, Study
from cors_gateway.migrate.policies import MAX_AGE, method_names, tokens

PREFLIGHT_ONLY = frozenset(
    {
        "access-control-allow-methods",
        "access-control-allow-headers",
        "access-control-max-age",
        "access-control-allow-private-network",
    }
)
_LISTS = ("access-control-allow-methods", "access-control-allow-headers", "access-control-expose-headers")
_BODY = frozenset({"content-type", "content-length"})


def header_defects(study: Study) -> Iterator[Defect]:
    """Everything about names, values and where they go."""
    for line in study.lines:
        yield from _line(study, line)
    for origin in study.origins:
        for seen in study.everything(origin):
            yield from _stars(seen)
    yield from _vary(study)
    yield from _methods_without_branch(study)
    for block in study.blocks:
        yield from _block(study, block)
    yield from request_defects(study.place)


def request_defects(place: Scope) -> Iterator[Defect]:
    for name, directive in place.request_headers().items():
        is_response = name.startswith("access-control-") and not name.startswith("access-control-request-")
        if is_response:
            yield Defect("cors_header_on_request", directive, {"name": directive.args[0]})


def returns_of(block: Scope) -> tuple[Directive, ...]:
    """The directives that end a block with an answer of nginx's own."""
    moved = tuple(one for one in block.own("rewrite") if one.args[-1] in ("redirect", "permanent"))
    return (*block.own("return"), *moved)


def _line(study: Study, line: HeaderLine) -> Iterator[Defect]:
    if is_misspelt(line.key):
        yield Defect("header_name_typo", line.directive, {"name": line.name, "meant": meant_name(line.key)})
    values = {
        value
        for origin in study.origins
        for seen in study.everything(origin)
        for one, value in seen.said
        if one == line
    }
    for value in sorted(values or {line.value}):
        if line.key == "access-control-max-age" and value.isdecimal() and int(value) > MAX_AGE:
            yield Defect("max_age_too_long", line.directive, {"value": value})
        if line.key == CREDENTIALS and value != "true" and "$" not in value:
            yield Defect("credentials_not_true", line.directive, {"value": value})
        if line.key == "access-control-allow-headers":
            asked = WrittenPolicy(allow_headers=tokens([value]))
            names = (
                [
                    asked.allow_headers[int(found.path[1])]
                    for rule in (forbidden, prohibited)
                    for found in rule(asked)
                ]
                if asked.allow_headers
                else []
            )
            if names:
                yield Defect("allow_headers_forbidden_name", line.directive, {"names": ", ".join(names)})


def _stars(seen: Observed) -> Iterator[Defect]:
    origin = seen.value_of(ORIGIN)
    if not origin or seen.value_of(CREDENTIALS) != "true":
        return
    for line, value in seen.sent:
        if origin == "*" and line.key == CREDENTIALS:
            yield Defect("wildcard_with_credentials", line.directive)
        if origin != "*" and line.key in _LISTS and "*" in tokens([value]):
            yield Defect("star_list_with_credentials", line.directive, {"name": line.name})


def _vary(study: Study) -> Iterator[Defect]:
    for block in study.blocks:
        lines = block.headers()
        says_so = any(
            line.key == "vary" and {"origin", "*"} & {name.lower() for name in tokens([line.value])}
            for line in lines
        ) or any(line.key == "vary" and line.value.strip() == "*" for line in lines)
        if says_so:
            continue
        # What an `if` inherits is there whether it is entered or not.
        for line in block.own_headers() if block.kind == "if" else lines:
            if line.key == ORIGIN and _depends_on_origin(study, block, line):
                yield Defect("vary_missing", line.directive)


def _depends_on_origin(study: Study, block: Scope, line: HeaderLine) -> bool:
    """Whether the header is there, or says something else, for one origin and not for another."""
    for method in METHODS:
        states = set()
        for origin in study.origins:
            run = study.observe(method, origin).run
            if run.location is None:
                continue
            is_there = block.kind != "if" or any(one.directive is block.directive for one in run.entered)
            states.add(run.variables.value(line.value) if is_there else "")
        if len(states) > 1:
            return True
    return False


def _methods_without_branch(study: Study) -> Iterator[Defect]:
    for origin in study.representatives or (STRANGER,):
        seen = study.preflight(origin)
        if seen.run.returned is None or seen.run.location is None or not seen.value_of(ORIGIN):
            continue
        for line, value in seen.sent:
            if line.key != "access-control-allow-methods":
                continue
            missing = [
                method
                for method in method_names([value]) or ()
                if method not in ("HEAD", "*") and not _has_branch(study, method, origin)
            ]
            if missing:
                yield Defect("method_branch_missing", line.directive, {"methods": ", ".join(missing)})


def _has_branch(study: Study, method: str, origin: str) -> bool:
    seen = study.observe(method, origin)
    return seen.is_refused or any(line.key == ORIGIN for line, _ in seen.said)


def _block(study: Study, block: Scope) -> Iterator[Defect]:
    lines = block.headers()
    returned = returns_of(block)
    if any(one.args and one.args[0] == "204" for one in returned):
        first = next((line for line in block.own_headers() if line.key in _BODY), None)
        if first:
            yield Defect("preflight_body_headers", first.directive, {"name": first.name})
    if returned or not _is_reached(study, block):
        return
    for line in lines:
        if line.key != ORIGIN:
            continue
        if not line.is_always:
            yield Defect("always_missing", line.directive)
        if not line.replaces and block.handler() is not None and block.hides(ORIGIN) is None:
            yield Defect("backend_duplicate", line.directive)
    first = next((line for line in lines if line.key in PREFLIGHT_ONLY), None)
    if first:
        yield Defect("preflight_headers_on_actual", first.directive, {"name": first.name})
    hidden = block.hides(ORIGIN)
    if hidden and not (block.hides(CREDENTIALS) and block.hides("access-control-expose-headers")):
        yield Defect("hide_incomplete", hidden)


def _is_reached(study: Study, block: Scope) -> bool:
    """Whether actual requests end in the block; a location is taken to be reached."""
    if block.kind != "if":
        return True
    return any(
        study.observe(method, origin).run.scope.directive is block.directive
        for method in METHODS
        if method != "OPTIONS"
        for origin in study.origins
    )
