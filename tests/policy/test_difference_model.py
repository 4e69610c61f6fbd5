"""How two policies differ, against a model that asks both about every request of a small world."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from cors_gateway.policy.compiled import CompiledPolicy
from cors_gateway.policy.difference import difference
from cors_gateway.policy.pattern import OriginPattern, parse_pattern
from cors_gateway.policy.policy import DISABLED, Policy

ENTRIES = (
    "https://a.test",
    "https://x.a.test",
    "https://*.a.test",
    "https://a.test:*",
    "http://a.test",
    "app://x",
)
ORIGINS = (
    *("https://a.test", "https://x.a.test", "https://y.x.a.test", "https://a.test:81", "http://a.test"),
    *("app://x", "https://b.test", "null"),
)
METHODS = ("GET", "POST", "PUT", "DELETE", "patch")
HEADERS = ("x-a", "x-b", "authorization")

names = st.lists(st.sampled_from(HEADERS), max_size=2, unique=True).map(tuple)


def _patterns(texts: list[str]) -> tuple[OriginPattern, ...]:
    return tuple(found for found in map(parse_pattern, texts) if isinstance(found, OriginPattern))


policies = st.one_of(
    st.just(DISABLED),
    st.builds(
        Policy,
        any_origin=st.just(True),
        allow_methods=st.lists(st.sampled_from(METHODS), max_size=3, unique=True).map(tuple),
        any_method=st.booleans(),
        allow_headers=names,
        any_header=st.booleans(),
    ),
    st.builds(
        Policy,
        allow_origins=st.lists(st.sampled_from(ENTRIES), min_size=1, max_size=3, unique=True).map(_patterns),
        allow_null_origin=st.booleans(),
        allow_methods=st.lists(st.sampled_from(METHODS), max_size=3, unique=True).map(tuple),
        allow_headers=names,
        allow_credentials=st.booleans(),
    ),
)

Admitted = frozenset[tuple[str, str, str, bool]]


def admitted(policy: Policy) -> Admitted:
    """Origin, method, header and whether with credentials: all that a browser would let a script do."""
    compiled = CompiledPolicy(policy)
    found = set()
    for origin, method, header in itertools.product(ORIGINS, METHODS, HEADERS):
        decision = compiled.preflight((origin.encode(),), (method.encode(),), (header.encode(),), ())
        if 200 <= decision.status < 300 and b"Access-Control-Allow-Origin" in decision.lines:
            found.add((origin, method, header, False))
            if b"Access-Control-Allow-Credentials: true" in decision.lines:
                found.add((origin, method, header, True))
    return frozenset(found)


@given(policies, policies)
def test_whatever_the_new_policy_admits_beyond_the_old_one_is_told(old: Policy, new: Policy) -> None:
    found = difference(old, new)

    assert bool(found.wider) >= bool(admitted(new) - admitted(old))
    assert bool(found.narrower) >= bool(admitted(old) - admitted(new))


@given(policies, policies)
def test_the_origins_that_are_told_are_those_that_come_and_go(old: Policy, new: Policy) -> None:
    gained = {
        entry for each in difference(old, new).wider if each.key == "allow_origins" for entry in each.gained
    }
    before, after = ({origin for origin, *_ in admitted(policy)} for policy in (old, new))
    # A preflight may fail for its method or header: then the model sees no origin at all.
    if before and after:
        assert bool(gained) is bool(after - before)
