"""The questions that matter about one address, in the order in which they are asked.

The order counts for caches: of two addresses that nobody has asked before, one is asked by a stranger first, the other by a
listed page. Which addresses, pages, methods and headers is said by a `Subject`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from cors_gateway.explain.described_request import Request, Target
from cors_gateway.policy.fetch import SAFELISTED_METHODS
from cors_gateway.probe.pages import NOBODY, Page, Role, other_pages
from cors_gateway.probe.question import SAFE_METHODS, Expectation, Kind, Place, Question

MAX_METHODS = 4
"""Preflights of one listed page, one for each method."""

Header = tuple[str, str | None]
Expect = Callable[[Request], Expectation]


@dataclass(frozen=True, slots=True)
class Subject:
    """An address, who is said to call it, and how."""

    target: Target
    listed: tuple[Page, ...]
    methods: tuple[str, ...] = ("GET",)
    """Those that scripts use, normalised."""
    reading: str | None = "GET"
    """The safe method that the address serves; None if it serves none."""
    headers: tuple[Header, ...] = ()
    """Those that scripts set."""
    credentials: bool = False
    foreign: tuple[Request, ...] = ()
    """Requests of listed pages that ask for too much; only their preflights are sent."""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything to ask of an endpoint."""

    questions: tuple[Question, ...]
    notes: tuple[str, ...] = ()
    """What is not asked, and why."""


def plan(
    subjects: Sequence[Subject],
    tests: Sequence[Question],
    expect: Expect,
    *,
    most: int,
    is_unsafe: bool,
    token: str,
) -> Plan:
    """As many subjects as fit into `most` questions, the tests of the policy first; the first subject in any case.

    `token` makes names that nobody has used.
    """
    questions: dict[Question, None] = dict.fromkeys(tests[: most // 2])
    left_out = []
    for number, subject in enumerate(subjects):
        asked = list(_questions(subject, expect, is_unsafe=is_unsafe, token=token))
        room = most - len(questions)
        if number == 0 or len(asked) <= room:
            questions |= dict.fromkeys(asked[:room])
        if len(asked) > room:
            left_out.append(subject.target.path)
    notes = []
    if left_out:
        notes.append(f"not all was asked about {', '.join(left_out)}: more than {most} requests; see --limit")
    if len(tests) > most // 2:
        notes.append(f"{len(tests) - most // 2} of the tests were not asked; see --limit")
    if not is_unsafe and any(set(subject.methods) - SAFE_METHODS for subject in subjects):
        notes.append("methods that change something were only asked for by preflights; see --unsafe")
    return Plan(tuple(questions), tuple(notes))


def follow_up(question: Question, methods: Sequence[str], headers: Sequence[str]) -> list[Question]:
    """Preflights of the same page for more methods and headers, one at a time."""
    request = replace(question.request, headers=())
    asked = [replace(request, method=method) for method in methods]
    asked += [replace(request, headers=((name, None),)) for name in headers]
    return [replace(question, request=each, expected=Expectation(), is_test=False) for each in asked]


def _questions(subject: Subject, expect: Expect, *, is_unsafe: bool, token: str) -> Iterator[Question]:
    methods = subject.methods if is_unsafe else tuple(m for m in subject.methods if m in SAFE_METHODS)
    reading = subject.reading
    strangers = other_pages([page.origin or "" for page in subject.listed])
    if reading is not None:
        yield Question(Kind.PLAIN, Request(subject.target, None, reading))
    for page in subject.listed:
        if reading is not None:
            yield _actual(subject, page, reading, expect)
        for method in subject.methods[:MAX_METHODS]:
            yield _preflight(_request(subject, page, method, asks=True), page, expect)
        for method in methods:
            if method != reading:
                yield _actual(subject, page, method, expect)
    for request in subject.foreign:
        yield _preflight(request, subject.listed[0], expect)
    for page in strangers:
        if reading is not None:
            yield _actual(subject, page, reading, expect)
        if page.role is Role.STRANGER or reading is None:
            yield _preflight(_request(subject, page, subject.methods[0], asks=True), page, expect)
    for page in (*subject.listed[:1], NOBODY):
        yield Question(Kind.OPTIONS, _request(subject, page, "OPTIONS"), page)
    if reading is not None:
        yield from _elsewhere(subject, strangers[0], reading, expect, token)


def _elsewhere(
    subject: Subject, stranger: Page, method: str, expect: Expect, token: str
) -> Iterator[Question]:
    """Errors, and what caches make of a page that comes second."""
    path, question, query = subject.target.path.partition("?")
    missing = replace(subject.target, path=f"{path.rstrip('/')}/cors-probe-{token}")
    fresh = [
        replace(subject.target, path=f"{path}?{query}{'&' if question else ''}cors-probe={token}{number}")
        for number in (1, 2)
    ]
    asked = [(Place.MISSING, missing, page) for page in subject.listed[:1]]
    pages = (stranger, *subject.listed[:1])
    asked += [(Place.FRESH, fresh[0], page) for page in pages]
    asked += [(Place.FRESH, fresh[1], page) for page in reversed(pages)]
    for place, target, page in asked:
        elsewhere = _actual(replace(subject, target=target), page, method, expect)
        yield replace(elsewhere, place=place, about=subject.target.path)


def _request(subject: Subject, page: Page, method: str, *, asks: bool = False) -> Request:
    """A preflight also asks for what the script sets. Strangers come without credentials: they get less that way."""
    headers = subject.headers if asks else ()
    credentials = subject.credentials and page.role is Role.LISTED
    return Request(subject.target, page.origin, method, headers, credentials, asks_first=asks)


def _actual(subject: Subject, page: Page, method: str, expect: Expect) -> Question:
    request = _request(subject, page, method)
    expected = expect(replace(request, asks_first=method not in SAFELISTED_METHODS))
    return Question(Kind.ACTUAL, request, page, expected=expected)


def _preflight(request: Request, page: Page, expect: Expect) -> Question:
    return Question(Kind.PREFLIGHT, request, page, expected=expect(request))
