"""One question to an endpoint, and what came back, as values.

A question never carries a cookie, a token or the value of a header that a script would set: what such headers do to CORS
is asked by preflights, which only name them.
"""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from cors_gateway.explain.described_request import Request, Target
from cors_gateway.policy.browser import Lines
from cors_gateway.policy.reason import Reason
from cors_gateway.probe.pages import NOBODY, Page, Role

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
"""Methods that ask for nothing to be changed (RFC 9110 section 9.2.1)."""

Fields = tuple[tuple[str, str], ...]


class Kind(StrEnum):
    """What is sent."""

    PLAIN = "plain"
    """Without `Origin`."""
    PREFLIGHT = "preflight"
    ACTUAL = "actual"
    OPTIONS = "options"
    """An OPTIONS that is no preflight."""


class Place(StrEnum):
    """Which address is asked."""

    GIVEN = "given"
    MISSING = "missing"
    """Below the given one, a name that does not exist: what do errors carry?"""
    FRESH = "fresh"
    """The given one with a query that no cache has seen."""


@dataclass(frozen=True, slots=True)
class Expectation:
    """What ought to come of a request."""

    allowed: bool | None = None
    """None if nobody says."""
    reason: Reason | None = None
    """The policy's word, if a policy says so."""


@dataclass(frozen=True, slots=True)
class Question:
    """What a page asks; of a preflight `request` is the one that would follow."""

    kind: Kind
    request: Request
    page: Page = NOBODY
    place: Place = Place.GIVEN
    expected: Expectation = Expectation()
    is_test: bool = False
    """An entry of `tests:`, asked beside the questions about its route."""
    about: str = ""
    """The path that it tells something about, if it is asked at another."""

    @property
    def method(self) -> str:
        return "OPTIONS" if self.kind in (Kind.PREFLIGHT, Kind.OPTIONS) else self.request.method

    @property
    def path(self) -> str:
        return self.request.target.path

    @property
    def address(self) -> str:
        """The path whose answers belong together."""
        return self.about or self.path

    @property
    def fields(self) -> Fields:
        """What the request carries because of CORS."""
        origin = [] if self.request.origin is None else [("Origin", self.request.origin)]
        if self.kind is not Kind.PREFLIGHT:
            return (*origin, ("Sec-Fetch-Mode", "cors")) if origin else ()
        names = self.request.call.unsafe_headers
        asked = [("Access-Control-Request-Method", self.request.method)]
        if names:
            asked.append(("Access-Control-Request-Headers", ",".join(names)))
        return (*origin, *asked)

    def __str__(self) -> str:
        request = self.request
        page = {Role.NOBODY: "", Role.NULL: " from a page without an origin"}.get(
            self.page.role, f" from {request.origin}"
        )
        match self.kind:
            case Kind.PREFLIGHT:
                names = request.call.unsafe_headers
                headers = f" with {', '.join(names)}" if names else ""
                return f"preflight for {request.method} {self.path}{headers}{page}"
            case Kind.OPTIONS:
                return f"OPTIONS {self.path}{page}, which is no preflight"
            case _:
                cookies = " with credentials" if request.credentials else ""
                return f"{request.method} {self.path}{page}{cookies}"


@dataclass(frozen=True, slots=True)
class Answer:
    """The head of an answer."""

    status: int
    headers: Lines

    def values(self, name: str) -> list[str]:
        """Every line of a field; `name` in lower case."""
        return [value.strip(" \t") for field, value in self.headers if field.lower() == name]

    def names(self, name: str) -> list[str]:
        """The elements of a list field, as written."""
        parts = (part.strip(" \t") for value in self.values(name) for part in value.split(","))
        return [part for part in parts if part]

    @property
    def is_redirect(self) -> bool:
        return self.status in (301, 302, 303, 307, 308)


@dataclass(frozen=True, slots=True)
class Exchange:
    """A question with its answer, or with the reason why there is none."""

    question: Question
    answer: Answer | None
    failure: str = ""
    curl: str = ""
    """The command line that asks the same."""


def moved(questions: Sequence[Question], old: Target, new: Target) -> list[Question]:
    """The same questions to another endpoint: paths below the old address are below the new one."""
    return [_moved(question, old, new) for question in questions]


def curl_line(question: Question, url: str, *, host: str, options: tuple[str, ...]) -> str:
    """Ask the same from a shell. `host` is the Host field if it is not that of the URL."""
    methods = {"GET": [], "HEAD": ["--head"]}
    fields = [("Host", host)] if host else []
    headers = [part for name, value in (*fields, *question.fields) for part in ("-H", f"{name}: {value}")]
    glob = ["--globoff"] if any(char in url for char in "[]{}") else []
    return shlex.join(
        ["curl", "-i", *options, *methods.get(question.method, ["-X", question.method]), *glob, url, *headers]
    )


def _moved(question: Question, old: Target, new: Target) -> Question:
    target = replace(new, path=_path_at(question.path, old, new))
    about = question.about and _path_at(question.about, old, new)
    return replace(question, request=replace(question.request, target=target), about=about)


def _path_at(path: str, old: Target, new: Target) -> str:
    """The path below the new address; one that is not below the old address stays."""
    if path == old.path:
        return new.path
    old_base, new_base = (target.path.partition("?")[0].rstrip("/") for target in (old, new))
    if not path.startswith((f"{old_base}/", f"{old_base}?")):
        return path
    return new_base + path.removeprefix(old_base)
