"""Several policies on one route: the first that lists an origin decides."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_gateway.policy.compiled import CompiledPolicy
from cors_gateway.policy.pattern import OriginPattern, parse_pattern
from cors_gateway.policy.policy import Policy
from cors_gateway.policy.reason import Reason
from cors_gateway.policy.several import CompiledPolicies
from tests.policy import strategies


def policy(*texts: str, **keys: object) -> Policy:
    patterns = tuple(pattern for text in texts if isinstance(pattern := parse_pattern(text), OriginPattern))
    return replace(Policy(allow_origins=patterns, any_origin="*" in texts), **keys)  # type: ignore[arg-type]


OWN = policy("https://app.example", allow_credentials=True, allow_methods=("PUT",), max_age=600)
PARTNERS = policy("https://*.partner.example", expose_headers=("x-total",))
EVERYBODY = policy("*", allow_headers=("x-a",))
ROUTE = CompiledPolicies([OWN, PARTNERS, EVERYBODY])
CLOSED = CompiledPolicies([OWN, PARTNERS])


@pytest.mark.parametrize(
    ("policies", "origin", "reason", "lines", "vary"),
    [
        (ROUTE, b"https://app.example", Reason.ALLOWED, b"Access-Control-Allow-Origin: https://app.example\r\nAccess-Control-Allow-Credentials: true\r\n", b"Vary: Origin\r\n"),
        (ROUTE, b"https://a.partner.example", Reason.ALLOWED, b"Access-Control-Allow-Origin: https://a.partner.example\r\nAccess-Control-Expose-Headers: x-total\r\n", b"Vary: Origin\r\n"),
        (ROUTE, b"https://stranger.example", Reason.ALLOWED, b"Access-Control-Allow-Origin: *\r\n", b"Vary: Origin\r\n"),
        (ROUTE, b"null", Reason.ALLOWED, b"Access-Control-Allow-Origin: *\r\n", b"Vary: Origin\r\n"),
        (CLOSED, b"https://stranger.example", Reason.ORIGIN_NOT_ALLOWED, b"", b"Vary: Origin\r\n"),
        (CLOSED, b"https://app.example/", Reason.ORIGIN_MALFORMED, b"", b"Vary: Origin\r\n"),
    ],
)  # fmt: skip
def test_the_policy_that_lists_an_origin_answers_it(
    policies: CompiledPolicies, origin: bytes, reason: Reason, lines: bytes, vary: bytes
) -> None:
    decision = policies.actual((origin,))

    assert decision.reason is reason
    assert decision.grant.lines == lines
    assert decision.grant.vary_line == vary


@pytest.mark.parametrize("policies", [ROUTE, CLOSED])
def test_an_answer_to_nobody_in_particular_varies_as_well(policies: CompiledPolicies) -> None:
    """A cache must not give it to an origin that gets another one."""
    decision = policies.actual(())

    assert decision.reason is Reason.NOT_CORS
    assert (decision.grant.lines, decision.grant.vary) == (b"", (b"Origin",))


def test_a_preflight_is_answered_by_the_same_policy() -> None:
    own = ROUTE.preflight((b"https://app.example",), (b"PUT",), (), ())
    stranger = ROUTE.preflight((b"https://stranger.example",), (b"PUT",), (), ())
    allowed = ROUTE.preflight((b"https://stranger.example",), (b"GET",), (b"x-a",), ())

    assert (own.reason, stranger.reason, allowed.reason) == (
        Reason.ALLOWED,
        Reason.METHOD_NOT_ALLOWED,
        Reason.ALLOWED,
    )
    assert b"Max-Age: 600" in own.lines
    assert all(b"Vary: Origin, " in each.lines for each in (own, stranger, allowed))


def test_strangers_are_refused_as_the_first_policy_says() -> None:
    strict = policy("https://app.example", reject_disallowed_request=True, websocket_origin_check=True)
    policies = CompiledPolicies([strict, PARTNERS])

    assert policies.actual((b"https://stranger.example",)).rejected
    assert not policies.actual((b"https://a.partner.example",)).rejected
    assert policies.websocket((b"https://stranger.example",)).rejected
    assert not policies.websocket((b"https://a.partner.example",)).rejected
    assert not CompiledPolicies([PARTNERS, strict]).actual((b"https://stranger.example",)).rejected


origins = st.lists(strategies.origins, max_size=3, unique=True)
requests = st.lists(strategies.almost_origins, max_size=2)


@given(st.lists(origins, min_size=1, max_size=4), st.booleans(), requests, st.sampled_from([b"GET", b"PUT"]))
def test_a_list_is_what_asking_one_after_the_other_is(
    lists: list[list[str]], is_open: bool, received: list[bytes], method: bytes
) -> None:
    """The model asks each policy alone, and remembers nothing."""
    policies = [
        policy(*texts, max_age=number, allow_methods=("PUT",) * (number % 2))
        for number, texts in enumerate(lists)
    ]
    compiled = CompiledPolicies(policies + [policy("*")] * is_open)
    alone = [CompiledPolicy(each, is_one_of_several=True) for each in policies + [policy("*")] * is_open]
    expected = next(
        (each for each in alone if len(received) == 1 and each.actual(received).reason is Reason.ALLOWED),
        alone[0],
    )

    for _ in range(2):
        assert compiled.deciding(received).policy == expected.policy
        assert compiled.actual(received) == expected.actual(received)
        assert compiled.websocket(received) == expected.websocket(received)
        asked = (received, (method,), (), ())
        assert compiled.preflight(*asked) == expected.preflight(*asked)
