"""What a route does besides CORS, as far as a browser or its script notices: answers of its own, fields, cookies.

Which of several policies decided is told here as well.
"""

from collections.abc import Iterator

from cors_gateway.config.lint.redirect_loops import redirect_place
from cors_gateway.explain.described_request import Request
from cors_gateway.explain.sentences import enumerated
from cors_gateway.snapshot import Redirect, Refusal, Route


def route_notes(request: Request, route: Route) -> Iterator[str]:
    """Sentences about one request on the route that serves it."""
    match route.answer:
        case Redirect(_, status):
            where = redirect_place(route, request.target.path)
            yield (
                f"route {route.name} answers by itself with {status} and sends the client to {where}: a browser follows,"
                " and needs a grant of that place as well"
            )
        case Refusal(status):
            yield f"route {route.name} answers by itself with {status}: no backend sees the request"
    sent = [name.lower() for name, _ in request.headers]
    replaced = [each.name for each in route.request_headers.set if each.name.lower() in sent]
    if replaced:
        yield f"route {route.name} sets {enumerated(replaced)}: what the script sends does not reach the backend"
    removed = [name for name in route.request_headers.remove if name in sent]
    if removed:
        yield f"route {route.name} removes {enumerated(removed)}: the backend does not see it"
    if request.credentials and "cookie" in route.request_headers.remove:
        yield f"route {route.name} removes Cookie: the backend does not see who the user is"
    if request.credentials and route.cookies.same_site is not None:
        yield f"route {route.name} gives the backend's cookies SameSite={route.cookies.same_site}"


def several_note(route: Route, deciding: Route, *, is_listed: bool) -> str:
    """`route` as it is written, and as it is under the policy that decided."""
    names = enumerated([route.policy_name or "", *(each.name or "" for each in route.further_policies)])
    if is_listed:
        return f"cors names {names}: {deciding.policy_name} is the one that lists the origin"
    return f"cors names {names}: none lists the origin, so {deciding.policy_name} refuses it"
