"""What becomes of a request on its way to the backend, as far as it surprises people: notes for an explanation.

What the browser does with the request, and whether it is granted, is in `judgement.py`.
"""

from cors_gateway.explain.described_request import Request
from cors_gateway.http1.request_fields import imitates_protected, is_dropped, is_forwarding
from cors_gateway.snapshot import Route, UnderscoreHeaders

_EVENT_STREAM = "text/event-stream"


def refused_name(request: Request, route: Route, underscores: UnderscoreHeaders) -> str | None:
    """The first header name for which the gateway answers 400 instead of asking the backend."""
    for name in dict.fromkeys(name.lower() for name, _ in request.headers):
        if imitates_protected(name.encode("ascii", "replace")):
            return name
        if "_" in name and underscores is UnderscoreHeaders.REJECT and not _lists(route, name):
            return name
    return None


def arrival_notes(request: Request, route: Route) -> list[str]:
    """Which header fields do not arrive as they were sent, and how long an answer may take."""
    names = list(dict.fromkeys(name.lower() for name, _ in request.headers))
    found = []
    for name in names:
        raw = name.encode("ascii", "replace")
        if imitates_protected(raw):
            found.append(f"a backend may take {name} for a protected header: the gateway answers 400")
        elif is_forwarding(raw):
            found.append(
                f"{name} is not taken from a client: the backend gets what the gateway knows, or nothing"
            )
        elif name == "x-request-id":
            found.append("x-request-id: the backend gets the gateway's own value")
        elif is_dropped(raw):
            found.append(f"{name} does not go on to the backend")
        elif "_" in name and not _lists(route, name):
            found.append(
                f"{name} goes on to the backend only if server.underscore_headers says pass, or allow_headers lists it"
            )
    accepted = [value for name, value in request.headers if name.lower() == "accept"]
    if any(value is not None and _EVENT_STREAM in value.lower() for value in accepted):
        found.append(
            "an event stream may be silent for an hour, but its head has to come within timeouts.response_head of the"
            " upstream: have the backend send it, and a comment line, at once"
        )
    return found


def _lists(route: Route, name: str) -> bool:
    """Whether a policy of the route grants the lower-case name."""
    policies = [route.policy, *(further.policy for further in route.further_policies)]
    return any(policy.any_header or name in policy.allow_headers for policy in policies)
