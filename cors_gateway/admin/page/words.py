"""Values in the words of the page: policies, reasons, numbers, times. Text only; nothing here knows HTML."""

from collections.abc import Iterator, Sequence

from cors_gateway.observe.refusals import RefusedOrigin
from cors_gateway.policy.fetch import SAFELISTED_METHODS
from cors_gateway.policy.policy import Mode, Policy
from cors_gateway.policy.reason import Reason
from cors_gateway.snapshot import NO_COOKIE_EDITS, Redirect, Refusal, Route

MAX_NAMED = 6
"""Entries that a sentence names; the rest is a number. A policy may have many thousand origins."""

_UNITS = ((86_400, "d"), (3600, "h"), (60, "min"), (1, "s"))

REASONS = {
    Reason.ORIGIN_NOT_ALLOWED: "allow_origins does not cover the origin",
    Reason.ORIGIN_MALFORMED: "not an origin as browsers write it",
    Reason.METHOD_NOT_ALLOWED: "allow_methods does not cover the method",
    Reason.HEADER_NOT_ALLOWED: "allow_headers does not cover a header",
    Reason.REQUEST_MALFORMED: "the preflight is malformed",
    Reason.CORS_DISABLED: "the route is closed to other origins",
    Reason.NO_ROUTE: "no route serves host, path and method",
}
"""Why an origin was refused, in a few words."""


def policy_words(policy: Policy) -> Iterator[str]:
    """What a policy means for browsers, one sentence after the other, the most important first."""
    if policy.mode is Mode.PASSTHROUGH:
        yield "CORS is left to the backend: its headers pass, and it answers preflights."
        return
    if policy.mode is Mode.DISABLED:
        yield "No page of another origin may read anything."
        return
    if policy.report_only:
        yield "Report only: the following is decided and counted, but browsers get the backend's own CORS headers."
    cookies = "with cookies" if policy.allow_credentials else "without cookies"
    yield f"{_pages(policy)} may use {_methods(policy)} and {_headers(policy)}, {cookies}."
    if policy.expose_any:
        yield "Scripts read every response header."
    elif policy.expose_headers:
        yield f"Scripts also read {enumerated(policy.expose_headers)}."
    if policy.upstream_expose != "drop":
        what = (
            "what the backend exposes" if policy.upstream_expose == "merge" else "every header of the backend"
        )
        yield f"Scripts also read {what}."
    if not policy.any_origin:
        yield (
            "Requests of other pages get 403 and do not reach the backend."
            if policy.reject_disallowed_request
            else "Requests of other pages reach the backend, but they cannot read the answer."
        )
    yield _memory(policy.max_age)
    if policy.websocket_origin_check:
        yield "WebSockets of other pages are refused."
    if policy.allow_private_network:
        yield "Public pages may call it inside a private network."
    if policy.strip_origin:
        yield "The backend does not see Origin."
    if policy.constant_origin:
        yield "Every answer names this origin, whoever asks, so that caches may ignore Vary."
    if policy.cross_origin_redirects == "unauthorized":
        yield "Scripts get a readable 401 in place of a redirect to another origin."
    yield from _finer_points(policy)


def match_words(route: Route) -> str:
    """Which requests a route serves: `GET, POST api.example.com/v1/…`, `/fonts/….woff2`."""
    methods = "" if route.methods is None else ", ".join(sorted(route.methods)) + " "
    path = route.path if route.is_exact else f"{route.path.rstrip('/')}/…"
    endings = (
        "" if route.extensions is None else "|".join(f".{ending}" for ending in sorted(route.extensions))
    )
    return f"{methods}{', '.join(route.hosts)}{path}{endings}"


def destination_words(route: Route) -> str:
    """What becomes of its requests: `to backend, below /v1`, `refused with 404`."""
    match route.answer:
        case Redirect(to, status):
            return f"redirected to {to or 'this host'} with {status}"
        case Refusal(status):
            return f"refused with {status}"
        case None:
            below = "" if route.replace_prefix is None else f", below {route.replace_prefix}"
            return f"to {route.upstream}{below}"


def edit_words(route: Route) -> Iterator[str]:
    """What the route changes on the way, one sentence after the other. Values may be secrets: only names are told."""
    for whose, edits in (("Requests", route.request_headers), ("Answers", route.response_headers)):
        if edits.set:
            yield f"{whose} get {enumerated([each.name for each in edits.set])}."
        if edits.remove:
            yield f"{whose} lose {enumerated(edits.remove)}."
    if route.cookies != NO_COOKIE_EDITS:
        yield "The backend's cookies get other attributes."
    if route.request_body is not None:
        limit = f"up to {number(route.request_body)} bytes" if route.request_body else "of any size"
        yield f"Request bodies may be {limit}."


def policy_names(route: Route) -> str:
    """The policies of a route, in the order in which they are asked."""
    own = "its own" if route.policy.mode is Mode.ENFORCE else route.policy.mode.value
    return ", then ".join((route.policy_name or own, *(each.name or "" for each in route.further_policies)))


def reason_words(refusal: RefusedOrigin) -> str:
    """Why this origin was refused, with the detail if it is known."""
    if refusal.reason == Reason.METHOD_NOT_ALLOWED and refusal.method:
        return f"allow_methods does not cover {refusal.method}"
    if refusal.reason == Reason.HEADER_NOT_ALLOWED and refusal.headers:
        names = refusal.headers.split(",")
        return f"allow_headers does not cover {'all of ' if len(names) > 1 else ''}{enumerated(names)}"
    return REASONS.get(Reason(refusal.reason), refusal.reason)


def enumerated(names: Sequence[str]) -> str:
    """`a, b and c`; of many names the first ones and how many more there are."""
    shown = list(names[:MAX_NAMED])
    if len(names) > MAX_NAMED:
        return f"{', '.join(shown)} and {number(len(names) - MAX_NAMED)} more"
    return " and ".join(filter(None, [", ".join(shown[:-1]), *shown[-1:]]))


def number(value: int) -> str:
    """`12,345`."""
    return f"{value:,}"


def counted(value: int, noun: str) -> str:
    """`1 error`, `12 errors`."""
    return f"{number(value)} {noun}{'' if value == 1 else 's'}"


def rate(per_second: float) -> str:
    """A number of events per second, rounded to what can be read at a glance."""
    if per_second == 0:
        return "0"
    if per_second < 0.1:
        return "<0.1"
    return f"{per_second:.1f}" if per_second < 10 else number(round(per_second))


def span(seconds: float) -> str:
    """A duration in its two largest units: `2 d 4 h`, `5 min 3 s`, `0 s`."""
    left = max(0, round(seconds))
    parts: list[str] = []
    for size, unit in _UNITS:
        amount, left = divmod(left, size)
        if amount or parts:
            parts.append(f"{amount} {unit}" if amount else "")
    return " ".join(filter(None, parts[:2])) or "0 s"


def ago(seconds: float) -> str:
    """`just now`, `12 s ago`, `3 min ago`."""
    left = round(seconds)
    if left < 1:
        return "just now"
    size, unit = next((size, unit) for size, unit in _UNITS if left >= size)
    return f"{left // size} {unit} ago"


def milliseconds(seconds: float | None) -> str:
    """`12 ms`; a dash if there is none."""
    if seconds is None:
        return "–"
    value = seconds * 1000
    return f"{value:.1f} ms" if value < 10 else f"{number(round(value))} ms"


def _finer_points(policy: Policy) -> Iterator[str]:
    """What few policies say, in the order of the file."""
    if policy.preflight_status != Policy().preflight_status:
        yield f"A granted preflight gets {policy.preflight_status}."
    if policy.diagnose_preflight_failure:
        yield "A refused preflight names what is allowed."
    if policy.public_origins:
        yield f"Its own pages are those of {enumerated(policy.public_origins)}."
    if policy.timing_allow_origin:
        yield "Allowed pages also read how long a request took."
    if policy.cross_origin_resource_policy is not None:
        yield f"Cross-Origin-Resource-Policy is {policy.cross_origin_resource_policy}."
    if policy.allow_insecure_origins:
        yield "Plain http origins are allowed on purpose."
    if policy.allow_public_suffix:
        yield "Names that anybody can register are allowed on purpose."


def _pages(policy: Policy) -> str:
    if policy.any_origin:
        return "Pages of any origin"
    names = [pattern.text for pattern in policy.allow_origins]
    if policy.allow_null_origin:
        names.append("null (pages without an origin)")
    return f"Pages of {enumerated(names)}" if names else "No page of another origin"


def _methods(policy: Policy) -> str:
    if policy.any_method:
        return "any method"
    return enumerated(list(dict.fromkeys([*SAFELISTED_METHODS, *policy.allow_methods])))


def _headers(policy: Policy) -> str:
    if policy.any_header:
        is_all = policy.allow_credentials or "authorization" in policy.allow_headers
        return "any header" if is_all else "any header but Authorization"
    if not policy.allow_headers:
        return "no headers but the simple ones"
    noun = "header" if len(policy.allow_headers) == 1 else "headers"
    return f"the {noun} {enumerated(policy.allow_headers)}"


def _memory(max_age: int | None) -> str:
    if max_age == 0:
        return "Browsers ask anew before every such call."
    if max_age is None:
        return "Browsers remember a permission for 5 s, as max_age is not set."
    return f"Browsers remember a permission for up to {span(max_age)}."
