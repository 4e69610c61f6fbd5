"""Whether an answer is what a conformance case expects, compared as the `comparison` section of `http.yaml` says."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from tests.conformance.cases import Header, HttpCase

Comparable = str | frozenset[str]

FAMILY = "access-control-"
NAME_LISTS = {"access-control-allow-headers", "access-control-expose-headers", "vary"}
"""Lists that compare as sets without case; Allow-Methods compares as a set with case."""

NEVER_LOOKED_FOR = {"GET", "HEAD", "POST"}
"""Browsers allow these methods whatever the list says; only ME-017 is about them."""


@dataclass(frozen=True)
class Answer:
    """What came of a request. None is for what the caller cannot observe."""

    handled_by: str
    status: int
    headers: tuple[Header, ...]
    is_preflight: bool | None = None
    upstream_contacted: bool | None = None
    forwarded: tuple[Header, ...] | None = None
    body: str = ""
    accepts_echo: bool = False
    """Whether a preflight may also be answered with no more than what it asks for."""

    def values(self, name: str) -> list[str]:
        return [value for candidate, value in self.headers if candidate.lower() == name.lower()]


def complaints(case: HttpCase, answer: Answer) -> list[str]:
    """What is wrong with the answer; nothing if it is as expected or as one of the alternatives."""
    found = _complaints(case, case.expect, answer)
    if any(not _complaints(case, alternative, answer) for alternative in case.accept_also):
        return []
    return found


def _complaints(case: HttpCase, expect: dict[str, Any], answer: Answer) -> list[str]:
    found = []
    for key, expected in expect.items():
        complaint = CHECKS[key](case, answer, expected)
        if complaint:
            found.append(f"{key}: expected {expected!r}, got {complaint}")
    return found


def _handled_by(case: HttpCase, answer: Answer, expected: str) -> str:
    return "" if answer.handled_by == expected else answer.handled_by


def _is_preflight(case: HttpCase, answer: Answer, expected: bool) -> str:
    return "" if answer.is_preflight in (None, expected) else str(answer.is_preflight)


def _status(case: HttpCase, answer: Answer, expected: int | list[int]) -> str:
    accepted = expected if isinstance(expected, list) else [expected]
    return "" if answer.status in accepted else str(answer.status)


def _cors_headers(case: HttpCase, answer: Answer, expected: dict[str, str] | str) -> str:
    if expected == "any":
        return ""
    assert isinstance(expected, dict)
    family = [(name.lower(), value) for name, value in answer.headers if name.lower().startswith(FAMILY)]
    names = [name for name, _ in family]
    if len(set(names)) != len(names):
        return f"repeated lines: {family}"
    wanted = _by_name(case, [(name.lower(), value) for name, value in expected.items()])
    given = _by_name(case, family)
    is_right = given == wanted or (answer.accepts_echo and _is_echo(case, wanted, given))
    return "" if is_right else str(family)


def _is_echo(case: HttpCase, wanted: dict[str, Comparable], given: dict[str, Comparable]) -> bool:
    """Whether the lists hold what was asked for, and nothing that is not granted; all else being equal."""
    asked = {name.lower(): value for name, value in case.headers}
    lists = {
        "access-control-allow-methods": {asked.get("access-control-request-method", "")} - NEVER_LOOKED_FOR,
        "access-control-allow-headers": {
            name.lower() for name in _elements(asked.get("access-control-request-headers", ""))
        },
    }
    for name, names in lists.items():
        full, said = (frozenset(each.get(name, ())) for each in (wanted, given))
        granted = full | names if "*" in full else full
        if said != full and not names & granted <= said <= granted:
            return False
    rest = [{name: each[name] for name in each.keys() - lists} for each in (wanted, given)]
    return case.is_preflight and rest[0] == rest[1]


def _by_name(case: HttpCase, headers: Sequence[Header]) -> dict[str, Comparable]:
    """Comparable values by name."""
    return {name: _comparable(case, name, value) for name, value in headers}


def _comparable(case: HttpCase, name: str, value: str) -> Comparable:
    if name == "access-control-allow-methods":
        methods = frozenset(_elements(value))
        return methods if case.id == "ME-017" else methods - NEVER_LOOKED_FOR
    if name in NAME_LISTS:
        return frozenset(element.lower() for element in _elements(value))
    return value


def _elements(value: str) -> list[str]:
    return [element.strip(" \t") for element in value.split(",") if element.strip(" \t")]


def _vary(answer: Answer) -> list[str]:
    return [token.lower() for line in answer.values("Vary") for token in _elements(line)]


def _vary_required(case: HttpCase, answer: Answer, expected: list[str]) -> str:
    present = _vary(answer)
    return "" if {token.lower() for token in expected} <= set(present) else str(present)


def _vary_absent(case: HttpCase, answer: Answer, expected: list[str]) -> str:
    present = _vary(answer)
    return "" if {token.lower() for token in expected}.isdisjoint(present) else str(present)


def _vary_no_duplicates(case: HttpCase, answer: Answer, expected: bool) -> str:
    present = _vary(answer)
    return "" if (len(present) == len(set(present))) is expected else str(present)


def _upstream_contacted(case: HttpCase, answer: Answer, expected: bool) -> str:
    return "" if answer.upstream_contacted in (None, expected) else str(answer.upstream_contacted)


def _headers_absent(case: HttpCase, answer: Answer, expected: list[str]) -> str:
    present = [name for name in expected if answer.values(name)]
    return f"{present} present" if present else ""


def _headers_present(case: HttpCase, answer: Answer, expected: dict[str, str]) -> str:
    wrong = {name: answer.values(name) for name, value in expected.items() if answer.values(name) != [value]}
    return str(wrong) if wrong else ""


def _body(case: HttpCase, answer: Answer, expected: str) -> str:
    return "" if answer.body == expected else repr(answer.body)


def _forwarded(case: HttpCase, answer: Answer, expected: list[list[str]]) -> str:
    if answer.forwarded is None:
        return ""
    present = {(name.lower(), value) for name, value in answer.forwarded}
    wanted = {(name.lower(), value) for name, value in expected}
    return "" if wanted <= present else str(answer.forwarded)


def _forwarded_absent(case: HttpCase, answer: Answer, expected: list[str]) -> str:
    if answer.forwarded is None:
        return ""
    names = {name.lower() for name, _ in answer.forwarded}
    return "" if names.isdisjoint(name.lower() for name in expected) else str(answer.forwarded)


def _config(case: HttpCase, answer: Answer, expected: str) -> str:
    return "" if answer.handled_by == f"config {expected}" else "a configuration that loads"


def _note(case: HttpCase, answer: Answer, expected: str) -> str:
    return ""


CHECKS: dict[str, Callable[[HttpCase, Answer, Any], str]] = {
    "handled_by": _handled_by,
    "is_preflight": _is_preflight,
    "status": _status,
    "response_cors_headers": _cors_headers,
    "vary_required": _vary_required,
    "vary_absent": _vary_absent,
    "vary_no_duplicates": _vary_no_duplicates,
    "upstream_contacted": _upstream_contacted,
    "headers_absent": _headers_absent,
    "headers_present": _headers_present,
    "exact_header_values": _headers_present,
    "body": _body,
    "forwarded_request_headers": _forwarded,
    "forwarded_request_headers_absent": _forwarded_absent,
    "config": _config,
    "note": _note,
}
"""Every key a case may use; an unknown one fails the run rather than pass unseen."""
