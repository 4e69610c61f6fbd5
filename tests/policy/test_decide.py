"""Reading what a preflight asks, and whether a policy covers it."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_gateway.policy.decide import (
    MAX_EMPTY_ELEMENTS,
    MAX_HEADER_LIST,
    asked_headers,
    asked_method,
    first_uncovered_header,
    is_method_covered,
)
from cors_gateway.policy.policy import Policy
from tests.policy.strategies import tokens


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([b"PUT"], b"PUT"),
        ([b"patch"], b"patch"),
        ([b"M-SEARCH"], b"M-SEARCH"),
        ([b"A" * 32], b"A" * 32),
        ([b"A" * 33], None),
        ([], None),
        ([b""], None),
        ([b"GET", b"GET"], None),
        ([b"GET, PUT"], None),
        ([b"GET PUT"], None),
        ([b"P@T"], None),
        ([b"PUT\n"], None),
        ([b"P\xc3\x9cT"], None),
    ],
)
def test_the_asked_method_is_one_token_on_one_line(lines: list[bytes], expected: bytes | None) -> None:
    assert asked_method(lines) == expected


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([], ()),
        ([b""], ()),
        ([b"content-type"], (b"content-type",)),
        ([b"Content-Type,X-Request-Id"], (b"content-type", b"x-request-id")),
        ([b"x-b,x-a,x-b"], (b"x-b", b"x-a")),
        ([b"a , b\t,\tc"], (b"a", b"b", b"c")),
        ([b"a", b"b,c"], (b"a", b"b", b"c")),
        ([b",a,,b,"], (b"a", b"b")),
        ([b","] * 8, ()),
        ([b","] * 8 + [b""], None),
        ([b"a;q=1"], None),
        ([b"a b"], None),
        ([b"a:b"], None),
        ([b"\xc3\xa4"], None),
        ([b"a\x0bb"], None),
        ([b"\x0ba"], None),
        ([b"a" * MAX_HEADER_LIST], (b"a" * MAX_HEADER_LIST,)),
        ([b"a" * MAX_HEADER_LIST, b"b"], None),
        ([b"," * 7900], None),
    ],
)
def test_asked_headers_are_a_bounded_list_of_tokens(
    lines: list[bytes], expected: tuple[bytes, ...] | None
) -> None:
    assert asked_headers(lines) == expected


def naive_asked_headers(lines: list[bytes]) -> list[bytes] | None:
    elements = re.split(rb"[ \t]*,[ \t]*", b",".join(line.strip(b" \t") for line in lines)) if lines else []
    named = [element.lower() for element in elements if element]
    is_small = sum(map(len, lines)) <= MAX_HEADER_LIST and len(elements) - len(named) <= MAX_EMPTY_ELEMENTS
    if not is_small or not all(re.fullmatch(rb"[-!#$%&'*+.^_`|~0-9a-z]+", name) for name in named):
        return None
    return sorted(set(named), key=named.index)


separators = st.sampled_from([b",", b", ", b" ,", b"\t,\t", b",,", b";", b" "])
almost_lists = st.lists(st.one_of(tokens, separators, st.binary(max_size=3)), max_size=12).map(b"".join)


@given(st.lists(st.one_of(almost_lists, st.just(b"," * 9)), max_size=4))
def test_list_parsing_agrees_with_the_naive_one(lines: list[bytes]) -> None:
    """Nothing raises, whatever the bytes."""
    names = asked_headers(lines)
    assert (None if names is None else list(names)) == naive_asked_headers(lines)


@pytest.mark.parametrize(
    ("policy", "method", "expected"),
    [
        (Policy(allow_methods=("PUT",)), b"PUT", True),
        (Policy(allow_methods=("PUT",)), b"put", False),
        (Policy(allow_methods=("PUT",)), b"GET", True),
        (Policy(allow_methods=("PUT",)), b"HEAD", True),
        (Policy(allow_methods=("PUT",)), b"POST", True),
        (Policy(allow_methods=("PUT",)), b"get", False),
        (Policy(allow_methods=("PUT",)), b"OPTIONS", False),
        (Policy(), b"DELETE", False),
        (Policy(any_method=True), b"PURGE", True),
        (Policy(any_method=True), b"TRACE", False),
        (Policy(any_method=True), b"cOnNeCt", False),
        (Policy(any_method=True, allow_credentials=True), b"track", False),
    ],
)
def test_a_method_must_be_safelisted_listed_or_starred(policy: Policy, method: bytes, expected: bool) -> None:
    listed = tuple(name.encode() for name in policy.allow_methods)
    assert is_method_covered(policy, method, listed) is expected


@pytest.mark.parametrize(
    ("policy", "names", "refused"),
    [
        (Policy(allow_headers=("a", "b")), [b"b", b"a"], None),
        (Policy(allow_headers=("a",)), [b"a", b"c", b"b"], b"c"),
        (Policy(), [b"content-type"], b"content-type"),
        (Policy(), [], None),
        (Policy(any_header=True), [b"anything"], None),
        (Policy(any_header=True), [b"a", b"authorization"], b"authorization"),
        (Policy(any_header=True, allow_headers=("authorization",)), [b"authorization"], None),
        (Policy(any_header=True, allow_credentials=True), [b"authorization"], None),
    ],
)
def test_all_asked_headers_must_be_covered(policy: Policy, names: list[bytes], refused: bytes | None) -> None:
    listed = tuple(name.encode() for name in policy.allow_headers)
    assert first_uncovered_header(policy, names, listed) == refused
