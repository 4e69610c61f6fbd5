"""How two policies differ: what is wider, what is narrower, what else changed, and what browsers still remember."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_gateway.policy.compiled import CompiledPolicy
from cors_gateway.policy.difference import NO_DIFFERENCE, PolicyDifference, Statement, difference
from cors_gateway.policy.pattern import OriginPattern, PatternKind, parse_pattern
from cors_gateway.policy.policy import DISABLED, PASSTHROUGH, Policy
from tests.policy.strategies import origins, pattern_texts
from tests.policy.written import patterns

A, B, SUB = "https://a.example", "https://b.a.example", "https://*.a.example"


def _policy(*entries: str | dict[str, str], **values: Any) -> Policy:
    return Policy(allow_origins=patterns(*entries), **values)


APP = _policy(A)

WIDER = [
    (APP, _policy(A, B), Statement("allow_origins", gained=(B,))),
    (APP, Policy(any_origin=True), Statement("allow_origins", gained=("*",))),
    (APP, _policy(A, SUB, allow_null_origin=True), Statement("allow_origins", gained=(SUB, "null"))),
    (APP, _policy(A, "moz-extension://*"), Statement("allow_origins", gained=("moz-extension://*",))),
    (
        _policy(A, "moz-extension://b"),
        _policy(A, "moz-extension://*"),
        Statement("allow_origins", gained=("moz-extension://*",)),
    ),
    (APP, replace(APP, allow_methods=("GET", "PUT")), Statement("allow_methods", gained=("PUT",))),
    (
        replace(APP, any_header=True),
        replace(APP, any_header=True, allow_headers=("x-a", "authorization")),
        Statement("allow_headers", gained=("authorization",)),
    ),
    (APP, replace(APP, expose_any=True), Statement("expose_headers", gained=("*",))),
    (APP, replace(APP, upstream_expose="merge"), Statement("upstream_expose", old="drop", new="merge")),
    (
        replace(APP, upstream_expose="merge"),
        replace(APP, upstream_expose="all"),
        Statement("upstream_expose", old="merge", new="all"),
    ),
    (APP, replace(APP, allow_credentials=True), Statement("allow_credentials", old=False, new=True)),
    (
        APP,
        replace(APP, timing_allow_origin=True),
        Statement("timing_allow_origin", old=None, new="same-as-origins"),
    ),
    (
        replace(APP, reject_disallowed_request=True),
        replace(APP, reject_disallowed_request=True, public_origins=(B,)),
        Statement("public_origins", gained=(B,)),
    ),
    (
        replace(APP, reject_disallowed_request=True),
        APP,
        Statement("on_disallowed_request", old="reject", new="forward"),
    ),
    (
        replace(APP, websocket_origin_check=True),
        APP,
        Statement("websocket_origin_check", old=True, new=False),
    ),
    (
        replace(APP, cross_origin_resource_policy="same-origin"),
        replace(APP, cross_origin_resource_policy="same-site"),
        Statement("cross_origin_resource_policy", old="same-origin", new="same-site"),
    ),
]

CHANGED = [
    (replace(APP, preflight_status=200), Statement("preflight_status", old=204, new=200)),
    (replace(APP, max_age=0), Statement("max_age", old=None, new=0)),
    (
        replace(APP, diagnose_preflight_failure=True),
        Statement("preflight_failure", old="strict", new="diagnose"),
    ),
    (replace(APP, strip_origin=True), Statement("forward_origin", old="keep", new="strip")),
    (replace(APP, public_origins=(B,)), Statement("public_origins")),
    (
        replace(APP, cross_origin_resource_policy="same-origin"),
        Statement("cross_origin_resource_policy", old=None, new="same-origin"),
    ),
    (
        replace(APP, allow_insecure_origins=True),
        Statement("dangerously_allow_insecure_origins", old=False, new=True),
    ),
]


def _reversed(statement: Statement) -> Statement:
    return Statement(statement.key, lost=statement.gained, old=statement.new, new=statement.old)


@pytest.mark.parametrize(("old", "new", "statement"), WIDER, ids=lambda value: getattr(value, "key", ""))
def test_what_widens_narrows_the_other_way_round(old: Policy, new: Policy, statement: Statement) -> None:
    assert difference(old, new).wider == (statement,)
    assert difference(new, old).narrower == (_reversed(statement),)


@pytest.mark.parametrize(("new", "statement"), CHANGED, ids=lambda value: getattr(value, "key", ""))
def test_what_is_about_no_access_is_neither(new: Policy, statement: Statement) -> None:
    assert difference(APP, new) == PolicyDifference(changed=(statement,))
    assert difference(new, APP) == PolicyDifference(changed=(_reversed(statement),))


def test_credentials_let_a_star_cover_authorization() -> None:
    star = replace(APP, any_header=True)

    assert (
        Statement("allow_headers", gained=("authorization",))
        in difference(star, replace(star, allow_credentials=True)).wider
    )


def test_a_closed_route_says_nothing_but_that() -> None:
    opened = difference(DISABLED, replace(APP, max_age=60, preflight_status=200))

    assert [one.key for one in opened.wider] == ["allow_origins", "allow_methods"]
    assert opened.changed == ()


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (APP, PASSTHROUGH, PolicyDifference(wider=(Statement("cors", old="enforce", new="passthrough"),))),
        (PASSTHROUGH, APP, PolicyDifference(changed=(Statement("cors", old="passthrough", new="enforce"),))),
        (
            replace(APP, report_only=True),
            replace(_policy(A, B), report_only=True, max_age=1),
            PolicyDifference(
                changed=(Statement("allow_origins", gained=(B,)), Statement("max_age", old=None, new=1))
            ),
        ),
    ],
    ids=["given up", "taken back", "reported only"],
)
def test_what_takes_no_effect_gives_and_takes_nothing(
    old: Policy, new: Policy, expected: PolicyDifference
) -> None:
    assert difference(old, new) == expected


@pytest.mark.parametrize(
    ("new", "seconds"),
    [
        (replace(APP, max_age=60), (60, 60, 60)),
        (replace(APP, max_age=900, allow_methods=("GET",)), (900, 900, 600)),
    ],
)
def test_browsers_remember_what_preflights_granted(new: Policy, seconds: tuple[int, ...]) -> None:
    found = difference(replace(new, allow_origins=patterns(A, B)), new)

    assert found.remembered == tuple(zip(("Firefox", "Chromium", "Safari"), seconds, strict=True))


@pytest.mark.parametrize(
    "old",
    [
        replace(APP, expose_headers=("etag",)),
        replace(APP, timing_allow_origin=True),
        replace(APP, cross_origin_resource_policy="cross-origin"),
    ],
)
def test_browsers_do_not_remember_what_every_answer_says(old: Policy) -> None:
    new = replace(APP, cross_origin_resource_policy="same-site" if old.cross_origin_resource_policy else None)

    assert difference(old, new).narrower
    assert difference(old, new).remembered == ()


def test_a_check_of_web_sockets_concerns_no_preflight() -> None:
    found = difference(APP, replace(APP, websocket_origin_check=True))

    assert found.narrower == (Statement("websocket_origin_check", old=False, new=True),)
    assert found.remembered == ()


def test_an_expression_covers_the_origins_that_it_matches() -> None:
    expression = _policy({"regex": r"https://[a-z]\.a\.example"})

    assert difference(expression, _policy(B)).wider == ()
    assert difference(_policy(B), expression).wider == (
        Statement("allow_origins", gained=(r"https://[a-z]\.a\.example",)),
    )


def test_languages_are_compared_by_whoever_can() -> None:
    asked: list[tuple[str, str]] = []

    def contains(wide: OriginPattern, narrow: OriginPattern) -> bool:
        asked.append((wide.text, narrow.text))
        return True

    expression = _policy({"regex": r"https://x\.a\.example"})

    assert difference(_policy(SUB, A), expression, contains).wider == ()
    assert (SUB, r"https://x\.a\.example") in asked
    assert difference(expression, _policy(SUB), contains).wider == ()


lists = st.lists(pattern_texts, max_size=4, unique=True).map(
    lambda texts: tuple(found for text in texts if isinstance(found := parse_pattern(text), OriginPattern))
)
policies = st.builds(
    Policy,
    allow_origins=lists,
    allow_null_origin=st.booleans(),
    allow_methods=st.lists(st.sampled_from(["GET", "PUT", "patch"]), unique=True).map(tuple),
    any_header=st.booleans(),
    allow_headers=st.lists(st.sampled_from(["x-a", "authorization"]), unique=True).map(tuple),
    max_age=st.sampled_from([None, 0, 60]),
    public_origins=st.sampled_from([(), (A,)]),
    cross_origin_resource_policy=st.sampled_from([None, "same-site", "cross-origin"]),
    **{
        name: st.booleans()
        for name in ("allow_credentials", "reject_disallowed_request", "report_only", "strip_origin")
    },
) | st.sampled_from([DISABLED, PASSTHROUGH])


@given(policies, policies)
def test_only_equal_policies_do_not_differ(old: Policy, new: Policy) -> None:
    found = difference(old, new)

    assert (found == NO_DIFFERENCE) == found.is_empty == (old == new)


@given(lists, lists, origins)
def test_an_origin_is_gained_or_lost_only_with_an_entry(
    before: tuple[OriginPattern, ...], after: tuple[OriginPattern, ...], origin: str
) -> None:
    old, new = Policy(allow_origins=before), Policy(allow_origins=after)
    was, is_now = (
        CompiledPolicy(policy).actual([origin.encode()]).entry is not None for policy in (old, new)
    )
    found = difference(old, new)
    gained = patterns(*(entry for one in found.wider for entry in one.gained))
    reached = CompiledPolicy(Policy(allow_origins=gained)).actual([origin.encode()]).entry is not None

    assert is_now <= (was or reached)
    assert all(pattern.kind is not PatternKind.REGEX for pattern in gained)
