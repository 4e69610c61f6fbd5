"""The smallest change that lets refused requests through: many refusals in, a few edits of the configuration out.

Each refusal is explained, and its remedy is the explainer's. Here remedies are put together, counted, and kept apart by
whether one would rather look twice: whoever asks chooses the origin, so a request that was refused is no reason to allow
it. Showing is in `suggestion_text.py`.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

from cors_gateway.config.lint.public_suffix import is_given_to_anybody
from cors_gateway.explain.described_request import Request, Target
from cors_gateway.explain.explainer import Explainer
from cors_gateway.explain.explanation import Change, Explanation, Verdict
from cors_gateway.policy.fetch import is_token
from cors_gateway.policy.origin import parse_origin
from cors_gateway.policy.policy import Policy
from cors_gateway.policy.reason import Kind, Reason
from cors_gateway.snapshot import Location

_UNKNOWN_WITHOUT_DETAIL = frozenset({Reason.METHOD_NOT_ALLOWED, Reason.HEADER_NOT_ALLOWED})
_NOT_KNOWN = "it is not known what was asked for: the running gateway knows, and an access log whose lines have `asked`"
_NOTHING_HELPS = "no change of a policy helps"
_POLICY_KEYS = frozenset({"allow_origins", "allow_methods", "allow_headers", "public_origins"})


class Refusal(Protocol):
    """Requests that were refused for one reason, as far as is known; `observe.refusals.RefusedOrigin` is one."""

    @property
    def origin(self) -> str: ...

    @property
    def reason(self) -> str:
        """A word of `Reason`."""

    @property
    def kind(self) -> str:
        """A word of `Kind`."""

    @property
    def count(self) -> int: ...

    @property
    def method(self) -> str:
        """Of a preflight the one that it asks for; empty if it is not known."""

    @property
    def host(self) -> str: ...

    @property
    def path(self) -> str: ...

    @property
    def headers(self) -> str:
        """What a preflight asks for, as received."""


@dataclass(frozen=True, slots=True)
class Value:
    """One value to write, and who asked for it."""

    text: str
    refusals: tuple[Refusal, ...]
    """None for a default that has to be written down because another value joins it."""
    warnings: tuple[str, ...] = ()
    """What speaks against it, if it was asked for by name all the same."""

    @property
    def count(self) -> int:
        return sum(refusal.count for refusal in self.refusals)


@dataclass(frozen=True, slots=True)
class Suggestion:
    """What to add to one key, or to set it to."""

    policy: str | None
    """None for the policy written in the route, and for keys of the route."""
    route: str
    key: str
    is_added: bool
    """True: the values go to those that are there; False: they are all there is."""
    values: tuple[Value, ...]
    consequences: tuple[str, ...] = ()
    """What else changes with it."""
    location: Location | None = None


@dataclass(frozen=True, slots=True)
class LeftOut:
    """What is not suggested."""

    refusal: Refusal
    route: str | None
    why: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Suggestions:
    """Everything that came of the refusals."""

    suggestions: tuple[Suggestion, ...] = ()
    left_out: tuple[LeftOut, ...] = ()
    allowed_now: int = 0
    """Requests that the configuration lets through as it is."""


@dataclass(frozen=True, slots=True)
class _Edit:
    """One change for one refusal."""

    change: Change
    refusal: Refusal
    doubts: tuple[str, ...]
    consequences: tuple[str, ...]

    @property
    def home(self) -> tuple[str | None, str | None, str]:
        """The key that it belongs to: of a named policy wherever it is used, or of one route."""
        change = self.change
        return change.policy, None if change.policy else change.route, change.key


def suggest(refusals: Iterable[Refusal], explainer: Explainer, named: Collection[str] = ()) -> Suggestions:
    """What to change for these refusals. What looks unsafe is left out, except for the origins in `named`."""
    edits: dict[tuple[str | None, str | None, str], list[_Edit]] = {}
    left_out, allowed_now = [], 0
    for refusal in refusals:
        request = _request(refusal)
        if request is None:
            left_out.append(LeftOut(refusal, None, (_NOT_KNOWN,)))
            continue
        explanation = explainer.explain(request)
        if explanation.verdict is not Verdict.REFUSED:
            allowed_now += refusal.count
            continue
        doubts = tuple(_doubts(refusal, explanation))
        found = tuple(_edits(refusal, explanation, doubts))
        is_safe = not doubts and all(edit.change.key in _POLICY_KEYS for edit in found)
        if not found or not (is_safe or refusal.origin in named):
            route = None if explanation.route is None else explanation.route.name
            left_out.append(LeftOut(refusal, route, doubts or (_NOTHING_HELPS,)))
            continue
        for edit in found:
            edits.setdefault(edit.home, []).append(edit)
    return Suggestions(tuple(map(_merged, edits.values())), tuple(left_out), allowed_now)


def _request(refusal: Refusal) -> Request | None:
    """The request that was refused; None if too little is known of it."""
    if not refusal.method and refusal.reason in _UNKNOWN_WITHOUT_DETAIL:
        return None
    names = [name.strip(" \t") for name in refusal.headers.split(",")]
    return Request(
        Target(refusal.host, refusal.path or "/"),
        refusal.origin,
        refusal.method or "GET",
        tuple((name, None) for name in names if is_token(name)),
        asks_first=refusal.kind == Kind.PREFLIGHT,
    )


def _doubts(refusal: Refusal, explanation: Explanation) -> Iterator[str]:
    """Why not to do what would help."""
    remedy = explanation.remedy
    if refusal.origin == "null":
        yield "null is every page in a sandboxed frame, of any site"
    origin = parse_origin(refusal.origin.encode("ascii", "replace"))
    if origin is not None and is_given_to_anybody(origin.host):
        yield f"names like {origin.host} are given to anybody"
    if explanation.reason is Reason.NO_ROUTE:
        yield "no route serves it"
    if remedy is not None:
        yield from filter(None, (remedy.blocked, remedy.instead, *remedy.warnings))


def _edits(refusal: Refusal, explanation: Explanation, doubts: tuple[str, ...]) -> Iterator[_Edit]:
    """What would help, unless it takes a new route, which nobody can make up."""
    remedy = explanation.remedy
    if remedy is not None and all(change.key != "routes" for change in remedy.changes):
        for change in remedy.changes:
            yield _Edit(change, refusal, doubts, remedy.consequences)


def _merged(edits: Sequence[_Edit]) -> Suggestion:
    """One suggestion for a key, with each value once."""
    first = edits[0].change
    values: dict[str, tuple[list[Refusal], dict[str, None]]] = {}
    for edit in edits:
        for text in edit.change.values:
            refusals, warnings = values.setdefault(text, ([], {}))
            if _is_asked_for(edit.change, text):
                refusals.append(edit.refusal)
                warnings.update(dict.fromkeys(edit.doubts))
    return Suggestion(
        first.policy,
        first.route or "",
        first.key,
        first.action == "add",
        tuple(Value(text, tuple(refusals), tuple(warnings)) for text, (refusals, warnings) in values.items()),
        tuple(dict.fromkeys(each for edit in edits for each in edit.consequences)),
        first.location,
    )


def _is_asked_for(change: Change, text: str) -> bool:
    is_default = change.key == "allow_methods" and text in Policy().allow_methods
    return change.action == "add" or not is_default
