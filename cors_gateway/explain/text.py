"""An explanation for people: the verdict, then the browser's steps by number, then what to do about it."""

from collections.abc import Iterator
from textwrap import fill

from cors_gateway.explain import curl
from cors_gateway.explain.explanation import Exchange, Explanation, Remedy, Verdict
from cors_gateway.explain.remedy_sentences import change_text
from cors_gateway.explain.sentences import place
from cors_gateway.policy.policy import Mode
from cors_gateway.policy.quoting import quoted
from cors_gateway.policy.reason import Kind, Reason
from cors_gateway.snapshot import Route, Server

WIDTH = 100


def render_text(explanation: Explanation, server: Server) -> str:
    """The whole explanation; `server` tells where `curl` finds the gateway if the request does not."""
    lines = [verdict(explanation), _wrapped(explanation.summary), "", _wrapped(_request(explanation)), ""]
    for number, step in enumerate(steps(explanation), start=1):
        first, *rest = step
        lines += [_wrapped(f"{number}. {first}", "   "), *(f"     {line}" for line in rest)]
    if explanation.notes:
        lines += ["", *(_wrapped(f"Note: {note}.", "  ") for note in explanation.notes)]
    if explanation.remedy is not None:
        lines += ["", *_remedy(explanation.remedy)]
    lines += ["", "To reproduce:"]
    preflight = curl.preflight_line(explanation, server)
    lines += [f"  {line}" for line in (preflight, curl.request_line(explanation, server)) if line is not None]
    return "\n".join(lines) + "\n"


def verdict(explanation: Explanation) -> str:
    """The outcome in capitals, with its reason."""
    reason = f" ({explanation.reason})" if explanation.reason is not None else ""
    if explanation.verdict is Verdict.REFUSED and explanation.reason is Reason.ALLOWED:
        reason = f" by the browser; the gateway's word is {Reason.ALLOWED}"
    trial = ", if the policy were in force" if _is_trial(explanation) else ""
    return f"{explanation.verdict.upper()}{reason}{trial}"


def _request(explanation: Explanation) -> str:
    request = explanation.request
    page = "" if request.origin is None else f" from a page of {request.origin}"
    if request.origin == "null":
        page = " from a page without an origin"
    what = "WebSocket" if request.target.is_websocket else request.method
    cookies = ", with credentials" if request.credentials else ""
    return f"{what} {request.target}{page}{cookies}"


def steps(explanation: Explanation) -> Iterator[list[str]]:
    """Each step as a sentence and the lines under it."""
    crossing = "Cross-origin" if explanation.is_cross_origin else "Same origin"
    if explanation.request.origin is None:
        crossing = "No origin"
    yield [f"{crossing}: {explanation.relation}."]
    is_sent = bool(explanation.exchanges)
    if is_sent and explanation.is_cross_origin and not explanation.request.target.is_websocket:
        causes = "; ".join(explanation.causes)
        yield [
            f"The browser asks first: {causes}." if causes else "No preflight: the request is a simple one."
        ]
    route = explanation.route
    if route is not None:
        yield [f"Route {route.name}{place(route.location)} serves it, {_policy(route)}."]
    entry = explanation.entry
    if entry is not None:
        yield [f"{quoted(entry.text)}{place(entry.location)} allows the origin."]
    for exchange in explanation.exchanges:
        yield [_exchange(exchange), *(f"> {line}" for line in exchange.request), *_answer(exchange)]
    is_read = explanation.request.origin is not None and not explanation.request.target.is_websocket
    if explanation.is_allowed and is_read:
        yield [_readable(explanation)]


def _policy(route: Route) -> str:
    where = place(route.policy_location)
    if route.policy.mode is not Mode.ENFORCE:
        return f"with cors: {route.policy.mode}{where}"
    return f"under policy {route.policy_name}{where}" if route.policy_name else f"under its own policy{where}"


def _exchange(exchange: Exchange) -> str:
    what = {Kind.PREFLIGHT: "preflight", Kind.WEBSOCKET: "handshake"}.get(exchange.kind, "request")
    reason = f" ({exchange.reason})" if exchange.reason is not None else ""
    verdict = f" The browser objects: {exchange.fault}." if exchange.fault is not None else ""
    if exchange.answered_by == "gateway":
        return f"The gateway answers the {what} itself{reason}.{verdict}"
    if not exchange.headers:
        return f"The backend answers the {what}{reason}; the gateway adds nothing.{verdict}"
    return f"The backend answers the {what}; in place of its CORS headers the gateway writes this{reason}.{verdict}"


def _answer(exchange: Exchange) -> Iterator[str]:
    if exchange.status is not None:
        yield f"< {exchange.status}"
    for name, value in exchange.headers:
        yield f"< {name}: {value}"


def _readable(explanation: Explanation) -> str:
    if explanation.reads_every_header:
        return "The script may read the response and every header but Set-Cookie."
    return f"The script may read the response, and of its headers: {', '.join(explanation.readable)}."


def _remedy(remedy: Remedy) -> Iterator[str]:
    if remedy.instead:
        yield _wrapped(f"Likely: {remedy.instead}", "  ")
    if remedy.blocked:
        yield _wrapped(f"Nothing can be added to allow it: {remedy.blocked}.", "  ")
    if remedy.changes:
        yield "To allow it:"
        yield from (f"  * {change_text(change)}" for change in remedy.changes)
    yield from (_wrapped(f"Careful: {warning}.", "  ") for warning in remedy.warnings)
    yield from (_wrapped(f"Mind: {consequence}.", "  ") for consequence in remedy.consequences)


def _is_trial(explanation: Explanation) -> bool:
    return explanation.route is not None and explanation.route.policy.report_only


def _wrapped(text: str, indent: str = "") -> str:
    return fill(text, WIDTH, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
