"""What a policy, or its owner, says about an endpoint: the addresses to ask about and what ought to come of it.

With a configuration both are the explainer's word, with which the gateway itself decides. Without one, listed is who is
said to be, and of everybody else nothing is known.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from cors_gateway.explain.described_request import DescriptionFault, Request, Target, describe_parts
from cors_gateway.explain.explainer import Explainer
from cors_gateway.explain.explanation import Verdict
from cors_gateway.policy.browser import preflight_causes
from cors_gateway.policy.fetch import SAFELISTED_METHODS
from cors_gateway.policy.policy import Mode, Policy
from cors_gateway.probe.pages import Page, Role, listed_pages
from cors_gateway.probe.plan import MAX_METHODS, Expect, Header, Subject
from cors_gateway.probe.question import SAFE_METHODS, Expectation, Kind, Question
from cors_gateway.snapshot import Route, Snapshot

FOREIGN_HEADER = "X-Cors-Probe"
_FOREIGN_METHODS = ("DELETE", "PATCH", "PUT", "PROBE")
_UNKNOWN = Expectation()


def expectation_of(explainer: Explainer) -> Expect:
    """What the policies of a configuration say."""

    def expect(request: Request) -> Expectation:
        explanation = explainer.judge(request)
        route = explanation.route
        if explanation.verdict is Verdict.UNKNOWN or (route is not None and route.policy.report_only):
            return _UNKNOWN
        return Expectation(explanation.is_allowed, explanation.reason)

    return expect


def word_of(listed: Sequence[str]) -> Expect:
    """What somebody says who names origins. A preflight that nobody needs is not promised to anybody."""

    def expect(request: Request) -> Expectation:
        is_needless = request.asks_first and not preflight_causes(replace(request.call, asks_first=False))
        return Expectation(True) if request.origin in listed and not is_needless else _UNKNOWN

    return expect


def subjects_of(
    snapshot: Snapshot, explainer: Explainer, target: Target, origins: Sequence[str], *, is_whole: bool
) -> list[Subject]:
    """The given address, or (`is_whole`) one address of each route that serves the host. `origins` are listed as well.

    An address has a subject for each policy of its route: each has pages, methods and headers of its own.
    """
    by_name = {route.name: route for route in snapshot.routes}
    if not is_whole:
        serving = _serving(explainer, target, "GET")
        return list(_subjects(target, None if serving is None else by_name[serving], origins))
    found: list[Subject] = []
    for route in snapshot.routes:
        method = _first_method(route)
        targets = (replace(target, path=path) for path in _addresses(route))
        served = next((each for each in targets if _serving(explainer, each, method) == route.name), None)
        if served is not None:
            found += _subjects(served, route, origins)
    return found


def tests_of(
    snapshot: Snapshot, expect: Expect, target: Target, *, is_whole: bool, is_unsafe: bool
) -> Iterator[Question]:
    """The entries of `tests:` that a page of another origin can ask at this address."""
    for test in snapshot.tests:
        is_elsewhere = test.host is not None and test.host.lower() != target.host.lower()
        if test.origin in (None, target.origin) or is_elsewhere or not (is_whole or test.path == target.path):
            continue
        try:
            described = describe_parts(
                test.path,
                host=target.host,
                origin=test.origin,
                method=test.method,
                headers=test.headers,
                credentials=test.credentials,
            )
        except DescriptionFault:
            continue
        request = replace(described, target=replace(target, path=described.target.path))
        yield from _of_test(request, expect, is_unsafe=is_unsafe)


def _of_test(request: Request, expect: Expect, *, is_unsafe: bool) -> Iterator[Question]:
    """The preflight, if there is one; the request itself if it is safe and means the same without its headers."""
    expected = expect(request)
    is_listed = bool(expected.allowed)
    role = Role.LISTED if is_listed else Role.NULL if request.origin == "null" else Role.STRANGER
    page = Page(role, request.origin)
    causes = preflight_causes(request.call)
    if causes:
        yield Question(Kind.PREFLIGHT, request, page, expected=expected, is_test=True)
    if request.method in SAFE_METHODS or is_unsafe:
        bare = replace(request, headers=())
        is_alone = not causes or is_listed
        if is_alone and (is_listed or request.method in SAFELISTED_METHODS):
            yield Question(Kind.ACTUAL, bare, page, expected=expect(bare), is_test=True)


def _serving(explainer: Explainer, target: Target, method: str) -> str | None:
    """The name of the route, which an explanation shows under one of its policies."""
    route = explainer.judge(Request(target, None, method)).route
    return None if route is None else route.name


def _addresses(route: Route) -> Iterator[str]:
    """Paths that the route may serve, unless another one is closer to them."""
    below = route.path.rstrip("/") + "/"
    if route.extensions is not None:
        yield f"{below}cors-probe.{min(route.extensions)}"
    yield below
    yield route.path


def _first_method(route: Route) -> str:
    methods = route.methods
    return "GET" if methods is None or "GET" in methods else min(methods)


def _subjects(target: Target, route: Route | None, origins: Sequence[str]) -> Iterator[Subject]:
    policies = (
        [Policy()] if route is None else [route.policy, *(each.policy for each in route.further_policies)]
    )
    for policy in policies:
        yield _subject(target, route, policy, origins)


def _subject(target: Target, route: Route | None, policy: Policy, origins: Sequence[str]) -> Subject:
    given = [Page(Role.LISTED, origin) for origin in origins]
    is_enforced = route is not None and policy.mode is Mode.ENFORCE
    listed = [*given, *(listed_pages(policy) if is_enforced else [])]
    pages = tuple(dict.fromkeys(page for page in listed if page.origin != target.origin))
    methods, headers = _methods(route, policy), _headers(policy)
    served = None if route is None else route.methods
    reading = next((method for method in ("GET", "HEAD") if served is None or method in served), None)
    subject = Subject(target, pages, methods, reading, headers, policy.allow_credentials)
    if not pages or not is_enforced or policy.report_only:
        return subject
    return replace(subject, foreign=tuple(_foreign(subject, policy)))


def _methods(route: Route | None, policy: Policy) -> tuple[str, ...]:
    """Reading first, then what the policy grants and the route serves."""
    granted = ("GET", *(method for method in policy.allow_methods if method not in ("GET", "HEAD")))
    if policy.any_method:
        granted = (*granted, "PUT")
    served = None if route is None else route.methods
    methods = tuple(method for method in granted if served is None or method in served)
    return tuple(dict.fromkeys(methods))[:MAX_METHODS] or (min(served) if served else "GET",)


def _headers(policy: Policy) -> tuple[Header, ...]:
    names = policy.allow_headers or (("x-requested-with",) if policy.any_header else ())
    return tuple((name, None) for name in names)


def _foreign(subject: Subject, policy: Policy) -> Iterator[Request]:
    """What a listed page does not get: a method and a header that are not granted."""
    asked = Request(subject.target, subject.listed[0].origin, credentials=subject.credentials)
    if not policy.any_method:
        method = next(method for method in _FOREIGN_METHODS if method not in policy.allow_methods)
        yield replace(asked, method=method)
    if not policy.any_header:
        yield replace(asked, headers=((FOREIGN_HEADER, None),))
