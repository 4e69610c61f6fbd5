"""Merging what the backend and the policy say in the same field."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_gateway.policy.vary import merge_expose, merge_vary
from tests.policy.strategies import tokens

lists = st.lists(
    st.one_of(tokens, st.sampled_from([b"Origin", b"origin", b"Accept-Encoding", b"", b"*"])), max_size=4
)
lines = st.lists(lists.map(b" ,\t".join), max_size=3)


@pytest.mark.parametrize(
    ("backend", "own", "expected"),
    [
        ([], [b"Origin"], b"Origin"),
        ([b"Accept-Encoding"], [b"Origin"], b"Accept-Encoding, Origin"),
        ([b"Accept-Encoding", b"Accept-Language"], [b"Origin"], b"Accept-Encoding, Accept-Language, Origin"),
        ([b"origin"], [b"Origin"], b"origin"),
        ([b"ORIGIN, Cookie, origin"], [b"Origin"], b"ORIGIN, Cookie"),
        ([b"Accept , ,\tCookie,"], [b"Origin"], b"Accept, Cookie, Origin"),
        ([b"*"], [b"Origin"], b"*"),
        ([b"Accept, *", b"Cookie"], [b"Origin"], b"*"),
        ([b""], [b"Origin", b"Sec-Fetch-Site"], b"Origin, Sec-Fetch-Site"),
        ([b"Cookie"], [], b"Cookie"),
        ([], [], b""),
    ],
)
def test_vary_keeps_what_the_backend_said(backend: list[bytes], own: list[bytes], expected: bytes) -> None:
    assert merge_vary(backend, own) == expected


def naive_elements(values: list[bytes]) -> list[bytes]:
    return [element.strip(b" \t") for element in b",".join(values).split(b",") if element.strip(b" \t")]


@given(lines, st.lists(st.sampled_from([b"Origin", b"Sec-Fetch-Site"]), unique=True))
def test_no_token_is_lost_or_repeated(backend: list[bytes], own: list[bytes]) -> None:
    merged = merge_vary(backend, own)
    said = naive_elements(backend)
    if b"*" in said:
        assert merged == b"*"
        return
    result = naive_elements([merged])
    folded = [token.lower() for token in result]
    assert len(set(folded)) == len(folded)
    assert set(folded) == {token.lower() for token in [*said, *own]}
    kept = [token for token in result if token in said]
    assert kept == sorted(kept, key=said.index)


@given(lines)
def test_merging_again_changes_nothing(backend: list[bytes]) -> None:
    once = merge_vary(backend, [b"Origin"])
    assert merge_vary([once], [b"Origin"]) == once


@pytest.mark.parametrize(
    ("own", "backend", "expected"),
    [
        ([b"x-total-count"], [], b"x-total-count"),
        ([b"x-total-count"], [b"X-Trace, x-total-count"], b"x-total-count,x-trace"),
        ([], [b"A", b"B,a"], b"a,b"),
        ([b"etag"], [b"bad name, ok, b\xffd, c:d"], b"etag,ok"),
        ([], [b"*"], b"*"),
        ([], [], b""),
    ],
)
def test_exposed_names_are_added_once(own: list[bytes], backend: list[bytes], expected: bytes) -> None:
    assert merge_expose(own, backend) == expected
