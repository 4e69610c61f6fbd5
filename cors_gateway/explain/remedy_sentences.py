"""The sentences of a remedy: what to write where, what is more likely to be wrong, what else the change does.

Which of them apply is found out in `remedy.py`.
"""

from collections.abc import Sequence

from cors_gateway.explain.described_request import Request
from cors_gateway.explain.explanation import Change
from cors_gateway.explain.needed_edits import Edit
from cors_gateway.explain.resemblance import Likeness, Resemblance
from cors_gateway.explain.sentences import enumerated, place
from cors_gateway.policy.origin import parse_origin
from cors_gateway.policy.quoting import quoted
from cors_gateway.policy.spelling import repair
from cors_gateway.snapshot import Route

_ORIGIN_LISTS = frozenset({"allow_origins", "public_origins"})
_LISTS = _ORIGIN_LISTS | {"allow_methods", "allow_headers"}
_ROUTE_KEYS = frozenset({"cors", "methods"})


def change_text(change: Change) -> str:
    """The edit as an instruction, with the place in the file."""
    values = [_shown(change.key, value) for value in change.values]
    if change.key == "routes":
        text = f"add a route that serves {change.values[0]}"
    elif change.key == "cors":
        text = f"write cors: {values[0]} in place of cors: {change.old} on route {change.route}"
    elif change.action == "add":
        text = f"add {enumerated(values)} to {_key(change)}"
    elif change.action == "replace":
        text = f"replace {quoted(change.old)} in {_key(change)} by {values[0]}"
    else:
        text = f"set {_key(change)}: {_yaml(change.key, values)}"
    return text + place(change.location)


def policy_of(edits: Sequence[Edit]) -> str:
    """A whole policy that consists of these edits, on one line."""
    keys = dict.fromkeys(edit.key for edit in edits)
    parts = [
        f"{key}: {_yaml(key, [_shown(key, edit.value) for edit in edits if edit.key == key])}" for key in keys
    ]
    return f"{{{', '.join(parts)}}}"


def likeness(request: Request, route: Route, alike: Resemblance) -> tuple[str, str]:
    """What is more likely to be wrong than the list, and the doubt about adding to it; either may be empty."""
    pattern = route.policy.allow_origins[alike.index]
    locations = route.origin_locations[alike.index : alike.index + 1]
    entry = quoted(pattern.text) + place(locations[0] if locations else None)
    match alike.likeness:
        case Likeness.OTHER_SCHEME:
            return f"{entry} is listed: the same host with another scheme is another origin", ""
        case Likeness.OTHER_PORT:
            return f"{entry} is listed: the same host with another port is another origin", ""
        case Likeness.APEX:
            return (
                f"{entry} is listed: it covers the names below {pattern.host}, not {pattern.host} itself",
                "",
            )
        case Likeness.WWW:
            return f"{entry} is listed: a host with www. before it is another origin", ""
        case Likeness.MISTAKABLE:
            doubt = f"{request.origin} is easily mistaken for {entry}: if it is no slip, make sure that it is yours"
            meant = entry if pattern.text == alike.meant else f'"{alike.meant}", which {entry} covers'
            return f"did you mean {meant}?", doubt
        case Likeness.BEGINS_LIKE:
            return "", f"{request.origin} only begins like {entry}: it belongs to whoever owns its end"
        case Likeness.ENDS_LIKE:
            return "", f"{request.origin} ends like {entry}, but is no name below it: anyone could own it"


def respelled(origin: str) -> str:
    """An origin as a browser would spell it, for a text that is none; empty if that is beyond guessing."""
    spelled = repair(origin)
    is_origin = parse_origin(spelled.encode("ascii", "replace")) is not None
    return f'did you mean "{spelled}"?' if is_origin else ""


def upper_case(method: str) -> str:
    """A method that the script should spell as everybody does."""
    return f"methods are case-sensitive, and browsers send {method} as typed: write {method.upper()} in the script"


def opened(route: Route, policy: str) -> str:
    """What it means to give a closed route a policy that is there."""
    return f"route {route.name} is then open to whomever policies.{policy} allows"


def served_elsewhere(route: Route, *, is_host_known: bool) -> str:
    """A route that would serve the path of another host."""
    hint = "" if is_host_known else "; give the whole URL"
    hosts = f"the host{'' if len(route.hosts) == 1 else 's'} {enumerated(route.hosts)}"
    return f"route {route.name}{place(route.location)} serves this path, for {hosts} only{hint}"


def posted_form(request: Request) -> str:
    """What to do if no script asks."""
    path = request.target.path.partition("?")[0]
    return (
        f"if a form of another site is posted here (SAML, OpenID form_post, a payment), give {path} a route of its own whose "
        "policy does not say on_disallowed_request: reject, and leave allow_origins as it is"
    )


def consequences(route: Route, routes: Sequence[Route]) -> tuple[str, ...]:
    """Whom a change of the route's policy concerns besides it."""
    if route.policy_name is None:
        return ()
    shared = [
        other.name
        for other in routes
        if other.name != route.name
        and route.policy_name in (other.policy_name, *(each.name for each in other.further_policies))
    ]
    if not shared:
        return ()
    return (f"policies.{route.policy_name} also governs {enumerated(shared)}",)


def _key(change: Change) -> str:
    if change.key in _ROUTE_KEYS:
        return f"{change.key} of route {change.route}"
    if change.policy is not None:
        return f"policies.{change.policy}.{change.key}"
    return f"cors.{change.key} of route {change.route}"


def _yaml(key: str, values: Sequence[str]) -> str:
    return f"[{', '.join(values)}]" if key in _LISTS else values[0]


def _shown(key: str, value: str) -> str:
    return quoted(value) if key in _ORIGIN_LISTS else value
