"""The sentences of the demo page: what happened to a call, and what to change.

Text only. Which sentence is true of a call is found out in `why.py`.
"""

from collections.abc import Sequence
from pathlib import PurePath

from cors_gateway.policy.browser import Call
from cors_gateway.policy.reason import Reason
from cors_gateway.snapshot import Route

NOTHING_ANSWERS = (
    "Nothing answers at that address. The script gets the same TypeError as for a CORS mistake, and cannot tell the two "
    "apart."
)
BEHIND_THE_GATEWAY = "Behind the gateway the backend never sees a preflight."
AN_ANSWER_AFTER_ALL = "Behind the gateway the script gets an answer that it may read."


def preflight_refused(detail: str) -> str:
    what = f": {detail} is not allowed" if detail else ""
    return f"The gateway refused the preflight{what}. The call itself was never sent, and the backend heard nothing of it."


def preflight_failed(fault: str) -> str:
    return f"The browser asked first, and the backend's answer does not pass: {fault}. The call itself was never sent."


def withheld(call: Call) -> str:
    return (
        "The backend answered. The gateway took its CORS headers away and wrote none, because the policy does not know "
        f"{call.origin}; so the browser keeps the answer from the script."
    )


def granted(removed: int, copy_without_origin: bool) -> str:
    """`removed` lines of the backend gave way; `copy_without_origin`: a cache held an answer that did not fit."""
    instead = "what the backend forgot to send"
    if removed:
        instead = f"the {'line' if removed == 1 else f'{removed} lines'} that the backend had sent"
    sentence = f"The policy knows this page, so the gateway wrote the one grant that browsers accept, in place of {instead}."
    if copy_without_origin:
        sentence += " Its Vary: Origin told the cache that the copy it held, fetched without Origin, does not fit here."
    return sentence


def answered_instead(status: int | None) -> str:
    return (
        f"The backend gave no answer, so the gateway made one: {status}, with the same grant. The script sees an outage "
        "as an outage, not as a CORS error."
    )


def failed_check(status: int, fault: str) -> str:
    return f"The backend answered {status}, but the answer does not pass the browser's check: {fault}."


def stale_copy(fault: str) -> str:
    return (
        "The backend's answer to the earlier call, which had no Origin, did not say Vary: Origin. So the browser's cache "
        f"gives that copy out again, and it does not pass: {fault}."
    )


def open_to_all(call: Call) -> str:
    cookies = ", with the visitor's cookies" if call.credentials else ""
    return f"The backend repeats whatever Origin it is sent. So {call.origin}, which no policy knows, reads this{cookies}."


def passed(hidden: Sequence[str]) -> str:
    if not hidden:
        return "The answer passes the browser's check."
    return f"The answer passes the browser's check, but nothing exposes {_listed(hidden)}, so the script reads null."


def send_it_right(call: Call) -> str:
    credentials = " and Access-Control-Allow-Credentials: true" if call.credentials else ""
    return (
        f"The backend would have to send Access-Control-Allow-Origin: {call.origin}{credentials}, exactly once, on every "
        "status, with Vary: Origin. Behind the gateway it need send nothing."
    )


def expose(hidden: Sequence[str]) -> str | None:
    return "What scripts may read, Access-Control-Expose-Headers has to name." if hidden else None


def exposed_by(hidden: Sequence[str], route: Route) -> str | None:
    return (
        f"{_listed(hidden)} stays hidden: expose_headers of {_place(route)} does not name it."
        if hidden
        else None
    )


def remedy(reason: Reason, call: Call, detail: str, route: Route) -> str | None:
    """What to change in the configuration, if the refusal was not meant. None where it has no single remedy."""
    match reason:
        case Reason.ORIGIN_NOT_ALLOWED:
            return f"If that page may read it, add {call.origin} to allow_origins of {_place(route)}."
        case Reason.METHOD_NOT_ALLOWED:
            return f"If pages may do this, add {detail} to allow_methods of {_place(route)}."
        case Reason.HEADER_NOT_ALLOWED:
            return f"If pages may send it, add {detail} to allow_headers of {_place(route)}."
        case _:
            return None


def _place(route: Route) -> str:
    name = f"policy {route.policy_name}" if route.policy_name else f"route {route.name}"
    location = route.policy_location or route.location
    return name if location is None else f"{name} ({PurePath(location.file).name}:{location.line})"


def _listed(names: Sequence[str]) -> str:
    return " and ".join(names)
