"""The sentences of an explanation. Which of them is true of a request is found out in `judgement.py`."""

from collections.abc import Iterator, Sequence

from cors_gateway.explain.arrival import arrival_notes
from cors_gateway.explain.beyond_cors import notes_beyond_cors
from cors_gateway.explain.described_request import Request
from cors_gateway.policy.browser import is_left_out, preflight_causes
from cors_gateway.policy.engines import Browser, leaves_out, lets_pass
from cors_gateway.policy.origin import parse_origin
from cors_gateway.policy.policy import Mode, Policy
from cors_gateway.policy.quoting import quoted
from cors_gateway.policy.reason import Reason
from cors_gateway.snapshot import Location, Route


def relation(request: Request, policy: Policy, *, is_cross_origin: bool) -> str:
    """Why the request is cross-origin, or is not."""
    own = request.target.origin
    if request.origin is None:
        return "no page asks: a navigation, an image, another program"
    if not is_cross_origin:
        if own is None:
            return f"{request.origin} is one of public_origins: the page is the gateway's own"
        return f"page and gateway share the origin {own}"
    page = "the page's origin is null" if request.origin == "null" else f"the page is {request.origin}"
    if own is None:
        return f"{page}; the gateway's own origin is not known and taken for another"
    return f"{page}, the gateway {own}"


def notes(request: Request, route: Route | None, *, is_cross_origin: bool) -> tuple[str, ...]:
    """What else is worth knowing, whatever the outcome."""
    found = []
    if route is not None and route.policy.report_only:
        found.append(
            "the policy says report_only: this is what it decides, but until that line is removed the backend's own CORS"
            " headers reach the browser, and it answers preflights"
        )
    backed = None if route is None or route.answer is not None else route
    if backed is not None and backed.policy.strip_origin and request.origin is not None:
        found.append("the policy says forward_origin: strip: the backend does not see the origin")
    if route is not None and route.policy.upstream_expose != "drop":
        also = {"merge": "what the backend exposes", "all": "every field of its answer but cookies"}
        value = route.policy.upstream_expose
        found.append(f"the policy says upstream_expose: {value}: scripts also read {also[value]}")
    if route is not None and route.policy.constant_origin:
        found.append("the policy says constant_origin: every answer names its one origin, whoever asks")
    if backed is not None and backed.policy.cross_origin_redirects == "unauthorized":
        found.append(
            "the policy says cross_origin_redirects: unauthorized: a script that the backend redirects to another origin"
            " gets a 401 with the target in it instead"
        )
    if request.origin is not None and is_malformed(request.origin):
        found.append(
            f"no browser sends the origin {quoted(request.origin)}: one has scheme, host and, if it is not the default, "
            "port, all in lower case"
        )
    if route is not None:
        found += arrival_notes(request, route)
    left_out = [name for name, value in request.headers if is_left_out(name, value, request.browser)]
    if left_out:
        found.append(f"scripts cannot set {enumerated(left_out)}: browsers leave it out without a word")
    if is_cross_origin:
        found += _other_engines(request)
        if route is not None and _is_asked_often(request, route.policy):
            found.append(
                "the policy has no max_age: browsers forget the preflight after five seconds and ask again"
            )
        found += notes_beyond_cors(request)
    return tuple(found)


def is_malformed(origin: str) -> bool:
    """Whether no browser sends the value."""
    return origin != "null" and parse_origin(origin.encode()) is None


def why(request: Request, reason: Reason, detail: str = "") -> str:
    """The cause of the gateway's refusal in half a sentence."""
    match reason:
        case Reason.ORIGIN_NOT_ALLOWED:
            return f"no entry of allow_origins covers {request.origin}"
        case Reason.ORIGIN_MALFORMED:
            return f"{quoted(request.origin or '')} is not an origin as browsers write it"
        case Reason.METHOD_NOT_ALLOWED:
            return f"allow_methods does not cover {detail}"
        case Reason.HEADER_NOT_ALLOWED:
            return f"allow_headers does not cover {detail}"
        case Reason.CORS_DISABLED:
            return "the route says cors: disabled"
        case Reason.SAME_ORIGIN:
            return f"{request.origin} is one of the gateway's public_origins, which get no grant"
        case _:
            return "the names of the request's headers are longer together than a preflight may be"


def granted(request: Request) -> str:
    cookies = " to its request with credentials" if request.credentials else ""
    return f"The script may read the response{cookies}."


def no_check(request: Request) -> str:
    if request.origin is None:
        return "Not a CORS request: it is forwarded, and there is no script to keep the response from."
    return "The script may read the response: within one origin there is no CORS."


def preflight_refused(request: Request, reason: Reason, detail: str, fault: str) -> str:
    if reason is Reason.ALLOWED:
        return f"The gateway grants the preflight, but not with credentials: {fault}. {request.method} is never sent."
    return (
        f"The browser asks first, and the gateway refuses: {why(request, reason, detail)}. "
        f"The {request.method} itself is never sent."
    )


def withheld(request: Request, reason: Reason, fault: str, answered_by: str) -> str:
    kept = "but the browser keeps the response from the script"
    if reason is Reason.ALLOWED:
        return f"The {answered_by} answers, {kept}: {fault}."
    answers = (
        "The backend gets the request and answers" if answered_by == "backend" else "The gateway answers"
    )
    return f"{answers}, {kept}: {why(request, reason)}."


def rejected(request: Request, reason: Reason) -> str:
    what = "handshake" if request.target.is_websocket else "request"
    return f"The gateway answers 403, and the backend never sees the {what}: {why(request, reason)}."


def rejected_own(request: Request) -> str:
    return (
        f"The gateway answers 403 to its own page: {request.origin} is not among public_origins, and over plain http "
        "browsers do not say Sec-Fetch-Site: same-origin."
    )


def opened(request: Request, reason: Reason) -> str:
    """`reason` is what the policy thinks of the origin, which need not matter to a WebSocket."""
    if reason in (Reason.ORIGIN_NOT_ALLOWED, Reason.ORIGIN_MALFORMED, Reason.CORS_DISABLED):
        return (
            "The handshake goes to the backend: browsers do not apply CORS to WebSockets, and without "
            f"websocket_origin_check the gateway does not look either ({why(request, reason)})."
        )
    if reason is Reason.PASSTHROUGH:
        return (
            "The handshake goes to the backend, which has to look at the origin itself: cors is passthrough."
        )
    return "The handshake goes to the backend."


def answered_here(route: Route, status: int) -> str:
    return f"No WebSocket opens here: route {route.name} answers every request by itself, with {status}."


def never_sent(request: Request) -> str:
    return f"The browser refuses {request.method} by itself: no script may use that method anywhere."


def left_to_backend(route: Route) -> str:
    return f"Only the backend knows: route {route.name} says cors: passthrough, so the gateway leaves CORS alone."


def unserved(request: Request, status: int, why_not: str) -> str:
    return f"The gateway answers {status}: {why_not}."


def place(location: Location | None) -> str:
    """`file:line` in parentheses, with the blank before it; nothing if it is not known."""
    return "" if location is None else f" ({location.file}:{location.line})"


def enumerated(names: Sequence[str]) -> str:
    """Names in a sentence, each once: `a, b and c`."""
    *first, last = dict.fromkeys(names)
    return f"{', '.join(first)} and {last}" if first else last


def _is_asked_often(request: Request, policy: Policy) -> bool:
    is_enforced = policy.mode is Mode.ENFORCE and not policy.report_only
    return is_enforced and policy.max_age is None and bool(preflight_causes(request.call))


def _other_engines(request: Request) -> Iterator[str]:
    """Where an engine does otherwise, unless one is asked about."""
    if request.browser is not None:
        return
    for browser in Browser:
        ignored = [name for name, value in request.headers if leaves_out(browser, name.lower())]
        passed = [name for name, value in request.headers if lets_pass(browser, name.lower(), value)]
        if ignored:
            yield f"{browser.name.capitalize()} leaves out {enumerated(ignored)} and does not ask first for it"
        if passed:
            yield f"{browser.name.capitalize()} does not ask first for {enumerated(passed)}"
