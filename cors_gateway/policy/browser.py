"""The browser's side of CORS: what it asks before it sends a request, and what of the answer a script may read (Fetch).

Pure functions over a described call and over header lines. They judge the answers of anybody, the gateway's as well as
those of a backend that nobody protects, and are what `explain`, `test` and the demo say about browsers. What the gateway
decides is in `compiled.py`; nothing here lies on the data path.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from cors_gateway.policy.engines import Browser, leaves_out, lets_pass
from cors_gateway.policy.fetch import (
    FORBIDDEN_RESPONSE_HEADERS,
    NON_WILDCARD_REQUEST_HEADER,
    RESTRICTED_REQUEST_HEADERS,
    SAFELISTED_METHODS,
    SAFELISTED_REQUEST_HEADERS,
    SAFELISTED_RESPONSE_HEADERS,
    TOKEN_TEXT,
    is_forbidden_request_header,
    is_token,
)

Lines = Sequence[tuple[str, str]]
"""Header fields, names in any case."""

SAFELISTED_CONTENT_TYPES = frozenset(
    {"application/x-www-form-urlencoded", "multipart/form-data", "text/plain"}
)
MAX_SAFELISTED_VALUE = 128
MAX_SAFELISTED_VALUES = 1024
"""Characters of one value, and of all safelisted values together."""

_NAME = TOKEN_TEXT.pattern
_MIME_TYPE = re.compile(rf"({_NAME}/{_NAME})[ \t\r\n]*(?:;.*)?", re.DOTALL)
_UNSAFE = re.compile(r'[\x00-\x08\x0a-\x1f"():<>?@\[\\\]{}\x7f]')
_LANGUAGE = re.compile(r"[0-9A-Za-z *,.;=-]*")
_RANGE = re.compile(r"bytes=([0-9]+)-([0-9]*)")


@dataclass(frozen=True, slots=True)
class Call:
    """A call as a script makes it, from a page of `origin`. The method is normalised."""

    origin: str
    """Serialised, `null` for a page without one."""
    method: str
    path: str
    headers: tuple[tuple[str, str | None], ...] = ()
    """What the script sets. A value of None is not known: taken for an ordinary one, of `Content-Type` and `Range` for one
    that has to be asked for."""
    credentials: bool = False
    """Whether cookies and the like go along: credentials mode `include`."""
    asks_first: bool = False
    """Whether there is a preflight whatever the rest says: a listener for upload progress, a streamed body."""
    browser: Browser | None = None
    """The engine that makes the call; None for one that keeps to the standard."""

    @property
    def unsafe_headers(self) -> tuple[str, ...]:
        """The names that Access-Control-Request-Headers lists: lower case, sorted, unique."""
        return tuple(sorted({name.lower() for name, _ in _unsafe_headers(self)}))


def is_left_out(name: str, value: str | None = None, browser: Browser | None = None) -> bool:
    """Whether the browser sends the request without this header when a script sets it."""
    return is_forbidden_request_header(name, value) or leaves_out(browser, name.lower())


def is_safelisted_request_header(name: str, value: str | None) -> bool:
    """Whether this header needs no preflight (Fetch, "CORS-safelisted request-header"); see `Call.headers` for None."""
    name = name.lower()
    if value is None:
        return name in SAFELISTED_REQUEST_HEADERS - RESTRICTED_REQUEST_HEADERS
    if len(value) > MAX_SAFELISTED_VALUE:
        return False
    match name:
        case "accept":
            return _UNSAFE.search(value) is None
        case "accept-language" | "content-language":
            return _LANGUAGE.fullmatch(value) is not None
        case "content-type":
            found = _MIME_TYPE.fullmatch(value.strip(" \t\r\n"))
            is_simple = found is not None and found[1].lower() in SAFELISTED_CONTENT_TYPES
            return is_simple and _UNSAFE.search(value) is None
        case "range":
            return _is_simple_range(value)
        case _:
            return False


def sends_origin(method: str, *, cross_origin: bool) -> bool:
    """Whether the request carries `Origin` (Fetch, "append a request `Origin` header")."""
    return cross_origin or method not in ("GET", "HEAD")


def preflight_causes(call: Call) -> list[str]:
    """Name everything about the call that makes the browser ask first; nothing means it does not ask."""
    causes = []
    if call.method not in SAFELISTED_METHODS:
        causes.append(f"the method is {call.method}")
    named = {name.lower(): (name, value) for name, value in reversed(_unsafe_headers(call))}
    causes += [_cause(*named[name]) for name in call.unsafe_headers]
    if call.asks_first:
        causes.append("the upload is watched or streamed")
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
    """Judge the answer to a preflight (Fetch, "CORS-preflight fetch"); the fault in words, or None if the call follows."""
    wrong_status = None if 200 <= status <= 299 else f"its status is {status}, not 2xx"
    fault = ", and ".join(filter(None, (wrong_status, cors_fault(call, answer))))
    if fault:
        return fault
    methods, headers = (_names(answer, f"access-control-allow-{what}") for what in ("methods", "headers"))
    for name, names in (("Methods", methods), ("Headers", headers)):
        if names is None:
            return f"Access-Control-Allow-{name} is not a list of names"
    has_star = not call.credentials and "*" in (methods or ())
    if call.method not in SAFELISTED_METHODS and call.method not in (methods or ()) and not has_star:
        return f"Access-Control-Allow-Methods does not list {call.method}"
    listed = {name.lower() for name in headers or ()}
    for name in call.unsafe_headers:
        covered = not call.credentials and "*" in listed and name != NON_WILDCARD_REQUEST_HEADER
        if name not in listed and not covered:
            return f"Access-Control-Allow-Headers does not list {name}"
    return None


def exposed_names(call: Call, answer: Lines) -> frozenset[str] | None:
    """Lower-case names that a script may read from the answer, present or not; None for all but cookies'.

    Given that the answer is shared (Fetch, "CORS filtered response").
    """
    exposed = {name.lower() for name in _names(answer, "access-control-expose-headers") or ()}
    if "*" in exposed and not call.credentials:
        return None
    return frozenset(exposed | SAFELISTED_RESPONSE_HEADERS) - FORBIDDEN_RESPONSE_HEADERS


def readable_headers(call: Call, answer: Lines) -> list[str]:
    """Lower-case names of the answer's fields that the script may read, given that the answer is shared."""
    exposed = exposed_names(call, answer)
    names = dict.fromkeys(name.lower() for name, _ in answer)
    return [
        name
        for name in names
        if name not in FORBIDDEN_RESPONSE_HEADERS and (exposed is None or name in exposed)
    ]


def _unsafe_headers(call: Call) -> list[tuple[str, str | None]]:
    """Fetch, "CORS-unsafe request-header names", with the values and without the sorting."""
    unsafe, safelisted, size = list[tuple[str, str | None]](), list[tuple[str, str | None]](), 0
    for name, value in call.headers:
        if is_left_out(name, value, call.browser):
            continue
        if is_safelisted_request_header(name, value) or lets_pass(call.browser, name.lower(), value):
            safelisted.append((name, value))
            size += len(value or "")
        else:
            unsafe.append((name, value))
    return unsafe + safelisted if size > MAX_SAFELISTED_VALUES else unsafe


def _cause(name: str, value: str | None) -> str:
    lower = name.lower()
    if lower not in SAFELISTED_REQUEST_HEADERS:
        return f"it carries the header {name}"
    if value is None:
        return f"it carries {name}, whose value is taken for one that has to be asked for"
    if lower == "content-type":
        return "the Content-Type is none that an HTML form can send"
    if lower == "range" and len(value) <= MAX_SAFELISTED_VALUE:
        return "the Range is not a single range with a beginning"
    return f"the value of {name} is long or has unusual characters"


def _is_simple_range(value: str) -> bool:
    """Fetch, "parse a single range header value", with a beginning."""
    found = _RANGE.fullmatch(value)
    return found is not None and (not found[2] or int(found[1]) <= int(found[2]))


def _values(answer: Lines, name: str) -> list[str]:
    return [value for field, value in answer if field.lower() == name]


def _names(answer: Lines, name: str) -> set[str] | None:
    """The elements of a list field, none if it is absent; None if any of them is not a name."""
    parts = [part.strip(" \t") for value in _values(answer, name) for part in value.split(",")]
    names = {part for part in parts if part}
    return names if all(map(is_token, names)) else None
