"""Comparing a response with a case of tests/conformance/http.yaml, in the way its `comparison` section says."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.wire.corpus import Document
from tests.wire.strict_http import Request, Response

ALWAYS_ALLOWED = {"GET", "HEAD", "POST"}
"""Browsers never look for these in Allow-Methods; only the case about them compares them."""

ABOUT_SAFELISTED_METHODS = "ME-017"


@dataclass(frozen=True, slots=True)
class Exchange:
    """The answer to a case and the requests the backend saw for it."""

    case: Document
    response: Response
    requests: list[Request]
    accepts_echo: bool = False
    """Whether a preflight may also be answered with no more than what it asks for."""

    @property
    def answered_by(self) -> str:
        is_failure = self.case.get("upstream", {}).keys() & {"timeout", "unreachable"}
        return "upstream" if self.requests and not is_failure else "gateway"


def complaints(seen: Exchange) -> list[str]:
    """Everything that differs from the expectation and from every accepted alternative; empty when none does."""
    found = _differences(seen.case["expect"], seen)
    alternatives = [other for other in seen.case.get("accept_also", []) if "config" not in other]
    if any(not _differences(other, seen) for other in alternatives):
        return []
    return found


def _differences(expect: Document, seen: Exchange) -> list[str]:
    found = []
    for key, compare in COMPARISONS.items():
        if key in expect:
            found += [f"{key}: {difference}" for difference in compare(expect[key], seen)]
    return found


def _status(wanted: int | list[int], seen: Exchange) -> list[str]:
    accepted = wanted if isinstance(wanted, list) else [wanted]
    return [] if seen.response.status in accepted else [f"{seen.response.status}, expected {accepted}"]


def _handled_by(wanted: str, seen: Exchange) -> list[str]:
    return [] if seen.answered_by == wanted else [seen.answered_by]


def _contacted(wanted: bool, seen: Exchange) -> list[str]:
    return [] if bool(seen.requests) == wanted else [f"backend saw {len(seen.requests)} requests"]


def _cors_headers(wanted: dict[str, str] | str, seen: Exchange) -> list[str]:
    if wanted == "any":
        return []
    assert isinstance(wanted, dict)
    present = [(k.lower(), v) for k, v in seen.response.fields if k.lower().startswith("access-control-")]
    names = [name for name, _ in present]
    found = [f"{name} twice" for name in set(names) if names.count(name) > 1]
    is_exact = seen.case["id"] == ABOUT_SAFELISTED_METHODS
    expected = {name.lower(): _comparable(name, value, is_exact=is_exact) for name, value in wanted.items()}
    actual = {name: _comparable(name, value, is_exact=is_exact) for name, value in present}
    if expected != actual and not (seen.accepts_echo and _is_echo(expected, actual, seen.case["request"])):
        found.append(f"{actual}, expected {expected}")
    return found


def _is_echo(
    expected: dict[str, str | frozenset[str]], actual: dict[str, str | frozenset[str]], request: Document
) -> bool:
    """Whether the lists hold what was asked for, and nothing that is not granted; all else being equal."""
    fields = {name.lower(): value for name, value in request["headers"]}
    lists = {
        "access-control-allow-methods": {fields.get("access-control-request-method", "")} - ALWAYS_ALLOWED,
        "access-control-allow-headers": {
            name.lower() for name in _elements(fields.get("access-control-request-headers", ""))
        },
    }
    for name, asked in lists.items():
        full, given = (frozenset(lists.get(name, ())) for lists in (expected, actual))
        granted = full | asked if "*" in full else full
        if given != full and not asked & granted <= given <= granted:
            return False
    rest = [{name: each[name] for name in each.keys() - lists} for each in (expected, actual)]
    return "access-control-request-method" in fields and rest[0] == rest[1]


def _comparable(name: str, value: str, *, is_exact: bool) -> str | frozenset[str]:
    match name.lower():
        case "access-control-allow-methods":
            methods = frozenset(_elements(value))
            return methods if is_exact else methods - ALWAYS_ALLOWED
        case "access-control-allow-headers" | "access-control-expose-headers":
            return frozenset(element.lower() for element in _elements(value))
        case _:
            return value


def _vary_required(wanted: list[str], seen: Exchange) -> list[str]:
    return [f"no {token}" for token in wanted if token.lower() not in _vary(seen.response)]


def _vary_absent(wanted: list[str], seen: Exchange) -> list[str]:
    return [f"{token} present" for token in wanted if token.lower() in _vary(seen.response)]


def _vary_once(_: bool, seen: Exchange) -> list[str]:
    tokens = _vary(seen.response)
    return [f"{token} twice" for token in set(tokens) if tokens.count(token) > 1]


def _present(wanted: dict[str, str], seen: Exchange) -> list[str]:
    return [
        f"{name} is {seen.response.values(name)}, expected {value!r}"
        for name, value in wanted.items()
        if seen.response.values(name) != [value]
    ]


def _absent(wanted: list[str], seen: Exchange) -> list[str]:
    return [f"{name}: {seen.response.values(name)}" for name in wanted if seen.response.values(name)]


def _body(wanted: str, seen: Exchange) -> list[str]:
    return [] if seen.response.body == wanted.encode("latin-1") else [repr(seen.response.body[:80])]


def _forwarded(wanted: list[list[str]], seen: Exchange) -> list[str]:
    return [
        f"{name}: {request.values(name)}, expected {value!r}"
        for request in seen.requests
        for name, value in wanted
        if request.values(name) != [value]
    ]


def _not_forwarded(wanted: list[str], seen: Exchange) -> list[str]:
    return [f"{name} reached the backend" for r in seen.requests for name in wanted if r.values(name)]


def _elements(value: str) -> list[str]:
    return [element for part in value.split(",") if (element := part.strip(" \t"))]


def _vary(response: Response) -> list[str]:
    return [token.lower() for value in response.values("vary") for token in _elements(value)]


COMPARISONS: dict[str, Callable[..., list[str]]] = {
    "status": _status,
    "handled_by": _handled_by,
    "upstream_contacted": _contacted,
    "response_cors_headers": _cors_headers,
    "vary_required": _vary_required,
    "vary_absent": _vary_absent,
    "vary_no_duplicates": _vary_once,
    "headers_present": _present,
    "exact_header_values": _present,
    "headers_absent": _absent,
    "body": _body,
    "forwarded_request_headers": _forwarded,
    "forwarded_request_headers_absent": _not_forwarded,
}
