"""What a browser demands before a script may read an answer (Fetch: CORS check, CORS-preflight fetch).

Pure functions over header lines, enough for the calls that the demo page makes. They judge answers from anybody: the
gateway's as well as those of a backend that nobody protects. What the gateway itself decides is in `policy/`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

Lines = Sequence[tuple[str, str]]

SAFELISTED_METHODS = frozenset({"GET", "HEAD", "POST"})
SAFELISTED_REQUEST_HEADERS = frozenset({"accept", "accept-language", "content-language"})
SAFELISTED_CONTENT_TYPES = frozenset(
    {"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"}
)
SAFELISTED_RESPONSE_HEADERS = frozenset(
    {
        "cache-control",
        "content-language",
        "content-length",
        "content-type",
        "expires",
        "last-modified",
        "pragma",
    }
)
FORBIDDEN_RESPONSE_HEADERS = frozenset({"set-cookie", "set-cookie2"})


@dataclass(frozen=True, slots=True)
class Call:
    """A call as a script makes it, from a page of `origin`."""

    origin: str
    method: str
    path: str
    headers: tuple[tuple[str, str], ...] = ()
    credentials: bool = False

    @property
    def unsafe_headers(self) -> tuple[str, ...]:
        """The names that Access-Control-Request-Headers lists: lower case, sorted, unique."""
        return tuple(
            sorted({name.lower() for name, value in self.headers if not _is_safelisted(name, value)})
        )


def preflight_causes(call: Call) -> list[str]:
    """Name everything about the call that makes the browser ask first; nothing means it does not ask."""
    causes = []
    if call.method not in SAFELISTED_METHODS:
        causes.append(f"the method is {call.method}")
    for name in call.unsafe_headers:
        if name == "content-type":
            causes.append("the Content-Type is none that an HTML form can send")
        else:
            causes.append(f"it carries the header {name.title()}")
    return causes


def cors_fault(call: Call, answer: Lines) -> str | None:
    """Run the CORS check (Fetch, "CORS check"); the fault in words, or None if the answer is shared."""
    values = _values(answer, "access-control-allow-origin")
    if not values:
        return "it has no Access-Control-Allow-Origin"
    value = ", ".join(values)
    if len(values) > 1:
        return (
            f"it has {len(values)} Access-Control-Allow-Origin lines, which count as the one value “{value}”"
        )
    if value == "*" and call.credentials:
        return "Access-Control-Allow-Origin is “*”, which never counts for a call with credentials"
    if value not in ("*", call.origin):
        return f"Access-Control-Allow-Origin is “{value}”, but the page is {call.origin}"
    if call.credentials and _values(answer, "access-control-allow-credentials") != ["true"]:
        return "the call has credentials and Access-Control-Allow-Credentials is not “true”"
    return None


def preflight_fault(call: Call, status: int, answer: Lines) -> str | None:
    """Judge the answer to a preflight; the fault in words, or None if the call itself may follow."""
    wrong_status = None if 200 <= status <= 299 else f"its status is {status}, not 2xx"
    fault = ", and ".join(filter(None, (wrong_status, cors_fault(call, answer))))
    if fault:
        return fault
    methods = _names(answer, "access-control-allow-methods")
    covered = not call.credentials and "*" in methods
    if call.method not in SAFELISTED_METHODS and call.method not in methods and not covered:
        return f"Access-Control-Allow-Methods does not list {call.method}"
    headers = {name.lower() for name in _names(answer, "access-control-allow-headers")}
    for name in call.unsafe_headers:
        covered = not call.credentials and "*" in headers and name != "authorization"
        if name not in headers and not covered:
            return f"Access-Control-Allow-Headers does not list {name}"
    return None


def readable_headers(call: Call, answer: Lines) -> list[str]:
    """Lower-case names of the answer's fields that the script may read, given that the answer is shared."""
    exposed = {name.lower() for name in _names(answer, "access-control-expose-headers")}
    every = "*" in exposed and not call.credentials
    names = dict.fromkeys(name.lower() for name, _ in answer)
    return [
        name
        for name in names
        if name not in FORBIDDEN_RESPONSE_HEADERS
        and (every or name in exposed or name in SAFELISTED_RESPONSE_HEADERS)
    ]


def _is_safelisted(name: str, value: str) -> bool:
    if name.lower() == "content-type":
        return value.split(";")[0].strip().lower() in SAFELISTED_CONTENT_TYPES
    return name.lower() in SAFELISTED_REQUEST_HEADERS


def _values(answer: Lines, name: str) -> list[str]:
    return [value for field, value in answer if field.lower() == name]


def _names(answer: Lines, name: str) -> set[str]:
    return set(_split(_values(answer, name)))


def _split(values: Iterable[str]) -> list[str]:
    return [part.strip() for value in values for part in value.split(",") if part.strip()]
