"""What to do about a refusal: the smallest change of the configuration, and whether it is wise.

What a policy needs is found in `needed_edits.py`, what is nearly right already in `resemblance.py`; here it is put together for
a policy that lacks something, a route that is closed, and a request that no route serves.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from cors_gateway.config.lint.finding import RouteInput
from cors_gateway.config.lint.policy_rules import lint_policy
from cors_gateway.config.lint.route_rules import methods as route_methods
from cors_gateway.config.policy_conversion import written_form
from cors_gateway.config.written_policy import WrittenPolicy
from cors_gateway.explain import remedy_sentences
from cors_gateway.explain.described_request import Request
from cors_gateway.explain.explanation import Change, Explanation, Remedy, Verdict
from cors_gateway.explain.judgement import enforced, judge
from cors_gateway.explain.needed_edits import BlockedError, Edit, needed_edits, spoken, verdict_of_check
from cors_gateway.explain.resemblance import resembling
from cors_gateway.http1.paths import resolve
from cors_gateway.policy.fetch import is_forbidden_method
from cors_gateway.policy.policy import Mode, Policy
from cors_gateway.policy.reason import Reason
from cors_gateway.routing import RouteTable
from cors_gateway.snapshot import Route

_DEFAULT_METHODS = Policy().allow_methods


def find_remedy(explanation: Explanation, routes: Sequence[Route]) -> Remedy | None:
    """What to change; None where nothing was refused. `routes` are all there are."""
    if explanation.verdict is not Verdict.REFUSED:
        return None
    request, route = explanation.request, explanation.route
    if is_forbidden_method(request.method):
        return Remedy(blocked=f"use another method: browsers never send {request.method}")
    if explanation.reason is None:
        if route is not None:
            return Remedy(
                blocked="the header has to have another name: one that no backend takes for another"
            )
        return Remedy(blocked="the address has to change: it can be read in more than one way, or not at all")
    if route is None:
        return _serve(request, routes)
    if route.answer is not None and request.target.is_websocket:
        return Remedy(
            blocked=f"route {route.name} has no backend: give it an upstream, or ask for another path"
        )
    if route.policy.mode is Mode.DISABLED:
        return _open(request, route, routes)
    return _amend(explanation, route, routes)


def _amend(explanation: Explanation, route: Route, routes: Sequence[Route]) -> Remedy:
    """Add to the policy of a route what it lacks."""
    if _may_be_a_form(explanation, route) and explanation.request.origin == "null":
        return Remedy(instead=remedy_sentences.posted_form(explanation.request))
    instead, doubt = _suspicion(explanation, route)
    written = written_form(route.policy)
    try:
        edits, changed = needed_edits(explanation.request, route, written)
        flags, warnings = verdict_of_check(lint_policy(written), changed)
    except BlockedError as blocked:
        return Remedy(blocked=str(blocked), instead=instead)
    edits += [Edit("set", flag, "true") for flag in flags]
    if any(edit.action == "replace" for edit in edits):
        warnings.append('every other origin loses access: "*" and credentials exclude each other')
    return Remedy(
        changes=tuple(_changes(edits, route)),
        warnings=(*filter(None, [doubt]), *warnings),
        instead=instead,
        consequences=remedy_sentences.consequences(route, routes),
    )


def _open(request: Request, route: Route, routes: Sequence[Route]) -> Remedy:
    """Give a closed route a policy: one that is there and fits, or the least that does."""
    closed = Change("replace", "cors", (), None, route.name, "disabled", route.policy_location)
    doubt = f"route {route.name} is closed to every other origin: make sure that this is no longer meant"
    for name, policy in _named_policies(routes).items():
        if judge(request, replace(route, policy=policy, origin_locations=()), enforced(policy)).is_allowed:
            change = replace(closed, values=(name,))
            return Remedy(
                changes=(change,), warnings=(doubt,), consequences=(remedy_sentences.opened(route, name),)
            )
    try:
        edits, written = needed_edits(request, route, WrittenPolicy(allow_origins=()))
        flags, warnings = verdict_of_check((), written)
    except BlockedError as blocked:
        return Remedy(blocked=str(blocked))
    edits += [Edit("set", flag, "true") for flag in flags]
    return Remedy(
        changes=(replace(closed, values=(remedy_sentences.policy_of(edits),)),), warnings=(doubt, *warnings)
    )


def _serve(request: Request, routes: Sequence[Route]) -> Remedy:
    """Find out why no route serves the request."""
    path = request.target.path.partition("?")[0]
    reading, host = resolve(path.encode())[0], request.target.host.encode()
    by_any_method = RouteTable((replace(key, methods=None), route) for route in routes for key in route.keys)
    route = by_any_method.for_host(host).select(reading, b"GET")
    if route is not None:
        row = RouteInput(path=route.path, methods=(request.method,), upstream=route.upstream, cors=None)
        fault = next(route_methods(0, row), None)
        if fault is not None:
            return Remedy(blocked=spoken(fault))
        change = Change("add", "methods", (request.method,), route=route.name, location=route.location)
        rest = find_remedy(judge(request, route, enforced(route.policy)), routes)
        if rest is None:
            return Remedy(changes=(change,))
        return rest if rest.blocked else replace(rest, changes=(change, *rest.changes))
    by_any_host = RouteTable((replace(key, host=None), route) for route in routes for key in route.keys)
    elsewhere = by_any_host.for_host(b"").select(reading, request.method.encode())
    instead = (
        "" if elsewhere is None else remedy_sentences.served_elsewhere(elsewhere, is_host_known=bool(host))
    )
    return Remedy(changes=(Change("add", "routes", (path,)),), instead=instead)


def _named_policies(routes: Sequence[Route]) -> dict[str, Policy]:
    """Those that are in force somewhere. A star is no answer to the question whom to let in."""
    return {
        route.policy_name: route.policy
        for route in routes
        if route.policy_name is not None and not (route.policy.report_only or route.policy.any_origin)
    }


def _suspicion(explanation: Explanation, route: Route) -> tuple[str, str]:
    """What is more likely to be wrong than the policy, and the doubt about changing it."""
    request = explanation.request
    match explanation.reason:
        case Reason.ORIGIN_MALFORMED:
            return remedy_sentences.respelled(request.origin or ""), ""
        case Reason.ORIGIN_NOT_ALLOWED if _may_be_a_form(explanation, route):
            return remedy_sentences.posted_form(request), ""
        case Reason.ORIGIN_NOT_ALLOWED if explanation.is_cross_origin:
            alike = resembling(request.origin or "", route.policy.allow_origins)
            return ("", "") if alike is None else remedy_sentences.likeness(request, route, alike)
        case Reason.METHOD_NOT_ALLOWED if request.method != request.method.upper():
            return remedy_sentences.upper_case(request.method), ""
        case _:
            return "", ""


def _may_be_a_form(explanation: Explanation, route: Route) -> bool:
    """Whether a form of another site sends just this, and `reject` is what stops it."""
    is_simple = explanation.request.method == "POST" and not explanation.causes
    is_refused = explanation.reason is Reason.ORIGIN_NOT_ALLOWED and explanation.is_cross_origin
    return is_simple and is_refused and route.policy.reject_disallowed_request


def _changes(edits: Sequence[Edit], route: Route) -> Iterator[Change]:
    """The edits as they are told: one for each key."""
    keys = dict.fromkeys((edit.action, edit.key) for edit in edits)
    for action, key in keys:
        values = tuple(edit.value for edit in edits if (edit.action, edit.key) == (action, key))
        change = Change(action, key, values, route.policy_name, route.name, "", route.policy_location)
        if key == "allow_origins" and route.origin_locations:
            change = replace(change, location=route.origin_locations[-1])
        if action == "replace":
            change = replace(change, old="*")
        elif key == "allow_methods" and route.policy.allow_methods == _DEFAULT_METHODS:
            # the default is in force as long as the key is absent, and gone as soon as it is there
            change = replace(change, action="set", values=(*_DEFAULT_METHODS, *values))
        elif (key == "allow_headers" and not (route.policy.allow_headers or route.policy.any_header)) or (
            key == "public_origins" and not route.policy.public_origins
        ):
            change = replace(change, action="set")
        yield change
