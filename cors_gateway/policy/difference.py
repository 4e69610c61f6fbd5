"""How two policies differ: what the new one admits beyond the old one, what no longer, and what else changed.

Pure values, in the words of the configuration; the sentences are made by whoever shows them. Access is compared by what
it admits, so an origin that moved from an entry of its own under a wildcard counts as unchanged. Two policies that are
not equal always differ in something: a field that nothing here judges is reported as changed.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, fields

from cors_gateway.policy.cover import Contains, Cover
from cors_gateway.policy.fetch import (
    DEFAULT_MAX_AGE,
    MAX_AGE_CAPS,
    NON_WILDCARD_REQUEST_HEADER,
    SAFELISTED_METHODS,
)
from cors_gateway.policy.pattern import covers
from cors_gateway.policy.policy import Mode, Policy

Value = str | int | bool | None

KEYS = {
    "mode": "cors",
    "any_origin": "allow_origins",
    "allow_null_origin": "allow_origins",
    "any_method": "allow_methods",
    "any_header": "allow_headers",
    "expose_any": "expose_headers",
    "diagnose_preflight_failure": "preflight_failure",
    "reject_disallowed_request": "on_disallowed_request",
    "strip_origin": "forward_origin",
    "allow_insecure_origins": "dangerously_allow_insecure_origins",
    "allow_public_suffix": "dangerously_allow_public_suffix",
}
"""The key of the configuration that sets a field of `Policy`, where their names differ."""

_WORDS: dict[str, tuple[Value, Value]] = {
    "preflight_failure": ("strict", "diagnose"),
    "on_disallowed_request": ("forward", "reject"),
    "forward_origin": ("keep", "strip"),
    "timing_allow_origin": (None, "same-as-origins"),
}
"""What is written for False and True, where it is not `false` and `true`."""

_WIDENING = frozenset({"allow_credentials", "allow_private_network", "timing_allow_origin"})
"""Switches that admit more when they are on."""
_NARROWING = frozenset({"reject_disallowed_request", "websocket_origin_check"})
"""Switches that admit less when they are on."""

_RANKED = {
    "cross_origin_resource_policy": ("same-origin", "same-site", "cross-origin"),
    "upstream_expose": ("drop", "merge", "all"),
}
"""Values from the narrowest to the widest. Of one that is not among them nothing is known: the backend decides."""

_SAID_BY_PREFLIGHTS = frozenset(
    {"allow_origins", "allow_methods", "allow_headers", "allow_credentials", "allow_private_network"}
)
"""Keys by whose grants browsers go on for as long as they remember the answer to a preflight."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One thing about one key. With neither entries nor values, the key says the same in another way."""

    key: str
    """As in the configuration; `cors` for who is in charge of CORS on the route."""
    gained: tuple[str, ...] = ()
    """Entries that are admitted now; `*` and `null` among them."""
    lost: tuple[str, ...] = ()
    old: Value = None
    """The values of a key that is no list, as they are written; None for an absent key."""
    new: Value = None


@dataclass(frozen=True, slots=True)
class PolicyDifference:
    """What is wider, what is narrower, what else changed. A list that was edited may be in the first and the second."""

    wider: tuple[Statement, ...] = ()
    narrower: tuple[Statement, ...] = ()
    changed: tuple[Statement, ...] = ()
    remembered: tuple[tuple[str, int], ...] = ()
    """If something is narrower that preflights grant: browsers, and for how many seconds they may go by old answers."""

    @property
    def is_empty(self) -> bool:
        return not (self.wider or self.narrower or self.changed)


NO_DIFFERENCE = PolicyDifference()


def difference(old: Policy, new: Policy, contains: Contains = covers) -> PolicyDifference:
    """Compare what two policies mean; empty for equal policies only.

    `contains` is asked about pairs of patterns of which one is a regular expression; by default they are told apart by
    their text, and exact origins by the engine. Takes its time with large lists: not
    for the event loop.
    """
    if old == new:
        return NO_DIFFERENCE
    if is_left_to_backend(old) or is_left_to_backend(new):
        return _difference_without_effect(old, new, contains)
    wider = tuple(_gains(old, new, contains))
    narrower = tuple(map(_reversed, _gains(new, old, contains)))
    changed = _unsaid(old, new, (*wider, *narrower))
    if Mode.DISABLED in (old.mode, new.mode):
        # A closed route has no other keys, so their defaults say nothing.
        changed = () if wider or narrower else tuple(one for one in changed if one.key == KEYS["mode"])
    is_granted_on = any(statement.key in _SAID_BY_PREFLIGHTS for statement in narrower)
    return PolicyDifference(wider, narrower, changed, remembered(old) if is_granted_on else ())


def remembered(policy: Policy) -> tuple[tuple[str, int], ...]:
    """For how many seconds each browser may remember a preflight answer of this policy."""
    asked = DEFAULT_MAX_AGE if policy.max_age is None else policy.max_age
    return tuple((browser, min(cap, asked)) for browser, cap in MAX_AGE_CAPS.items())


def is_left_to_backend(policy: Policy) -> bool:
    """Whether answers are as the backend made them."""
    return policy.mode is Mode.PASSTHROUGH or policy.report_only


def _difference_without_effect(old: Policy, new: Policy, contains: Contains) -> PolicyDifference:
    """Where answers are the backend's, a policy admits nothing and refuses nothing; it only decides for the log."""
    field = "mode" if old.mode is not new.mode else "report_only"
    switch = (_value_statement(field, old, new),) if getattr(old, field) != getattr(new, field) else ()
    rest: tuple[Statement, ...] = ()
    if Mode.PASSTHROUGH not in (old.mode, new.mode):
        gains = _gains(old, new, contains)
        losses = map(_reversed, _gains(new, old, contains))
        rest = (*gains, *losses)
        rest += _unsaid(old, new, (*switch, *rest))
    is_given_up = is_left_to_backend(new) and not is_left_to_backend(old)
    return (
        PolicyDifference(wider=switch, changed=rest)
        if is_given_up
        else PolicyDifference(changed=switch + rest)
    )


def _gains(old: Policy, new: Policy, contains: Contains) -> Iterator[Statement]:
    """What the new policy admits and the old one does not."""
    origins = tuple(_gained_origins(old, new, contains))
    if origins:
        yield Statement("allow_origins", gained=origins)
    for key, admitted in _ADMITTED.items():
        had = frozenset(admitted(old))
        names = dict.fromkeys(name for name in admitted(new) if not _is_among(name, had, key))
        if names:
            yield Statement(key, gained=tuple(names))
    own = tuple(origin for origin in new.public_origins if origin not in old.public_origins)
    if own and _refuses_some(old):
        yield Statement("public_origins", gained=own)
    for field in fields(Policy):
        before, after = getattr(old, field.name), getattr(new, field.name)
        is_wider = after and not before if field.name in _WIDENING else before and not after
        if field.name in _WIDENING | _NARROWING and is_wider:
            yield _value_statement(field.name, old, new)
    for name in _RANKED:
        if _rank(name, new) > _rank(name, old) >= 0:
            yield _value_statement(name, old, new)


def _gained_origins(old: Policy, new: Policy, contains: Contains) -> Iterator[str]:
    if old.any_origin:
        return
    if new.any_origin:
        yield "*"
        return
    cover = Cover(old.allow_origins, contains)
    yield from dict.fromkeys(pattern.text for pattern in new.allow_origins if pattern not in cover)
    if new.allow_null_origin and not old.allow_null_origin:
        yield "null"


def _methods(policy: Policy) -> Iterator[str]:
    if policy.mode is Mode.ENFORCE:
        yield from ("*",) if policy.any_method else ()
        yield from SAFELISTED_METHODS
        yield from policy.allow_methods


def _headers(policy: Policy) -> Iterator[str]:
    yield from ("*",) if policy.any_header else ()
    yield from policy.allow_headers
    if policy.any_header and policy.allow_credentials:
        yield NON_WILDCARD_REQUEST_HEADER  # the answer then names what was asked for


def _exposed(policy: Policy) -> Iterator[str]:
    yield from ("*",) if policy.expose_any else ()
    yield from policy.expose_headers


_ADMITTED: dict[str, Callable[[Policy], Iterator[str]]] = {
    "allow_methods": _methods,
    "allow_headers": _headers,
    "expose_headers": _exposed,
}


_LISTS = frozenset({"allow_origins", "public_origins", *_ADMITTED})


def _is_among(name: str, names: frozenset[str], key: str) -> bool:
    is_exempt = key == "allow_headers" and name == NON_WILDCARD_REQUEST_HEADER
    return name in names or ("*" in names and not is_exempt)


def _refuses_some(policy: Policy) -> bool:
    return policy.reject_disallowed_request or policy.websocket_origin_check


def _rank(field: str, policy: Policy) -> int:
    value = getattr(policy, field)
    return _RANKED[field].index(value) if value in _RANKED[field] else -1


def _unsaid(old: Policy, new: Policy, said: Iterable[Statement]) -> tuple[Statement, ...]:
    """A statement about every field that differs and that none of the others is about."""
    keys = {statement.key for statement in said}
    unsaid: dict[str, Statement] = {}
    for field in fields(Policy):
        key = KEYS.get(field.name, field.name)
        if key not in keys and getattr(old, field.name) != getattr(new, field.name):
            unsaid.setdefault(key, _value_statement(field.name, old, new))
    return tuple(unsaid.values())


def _value_statement(field: str, old: Policy, new: Policy) -> Statement:
    key = KEYS.get(field, field)
    before, after = getattr(old, field), getattr(new, field)
    if key in _LISTS:
        return Statement(key)
    if key in _WORDS:
        before, after = _WORDS[key][before], _WORDS[key][after]
    return Statement(key, old=before, new=after)


def _reversed(statement: Statement) -> Statement:
    return Statement(statement.key, lost=statement.gained, old=statement.new, new=statement.old)
