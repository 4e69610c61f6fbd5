"""Paths under one prefix made into paths under another, and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_gateway.http1.cause import Cause
from cors_gateway.http1.fault import ProtocolFault
from cors_gateway.http1.prefix import PrefixMap


@pytest.mark.parametrize(
    ("prefix", "replacement", "target", "expected"),
    [
        (b"/api", b"/v1", b"/api/users", b"/v1/users"),
        (b"/api/", b"/v1/", b"/api/users?a=/api/", b"/v1/users?a=/api/"),
        (b"/api", b"/v1", b"/api", b"/v1"),
        (b"/api", b"/v1", b"/api/", b"/v1/"),
        (b"/api", b"/v1", b"/api?x", b"/v1?x"),
        (b"/api", b"/v1/deep", b"/api//x", b"/v1/deep//x"),
        (b"/api", b"/v1", b"/%61pi/%7ex", b"/v1/%7ex"),
        (b"/a%2Fb", b"/", b"/a%2fb/c", b"/c"),
        (b"/api", b"/", b"/api/users", b"/users"),
        (b"/api", b"/", b"/api", b"/"),
        (b"/api", b"/", b"/api/", b"/"),
        (b"/api", b"/", b"/api?x", b"/?x"),
        (b"/api", b"/", b"/api//evil.example", b"/evil.example"),
        (b"/api", b"/", b"/api///evil.example", b"/evil.example"),
        (b"/", b"/v1", b"/users", b"/v1/users"),
        (b"/", b"/v1", b"/", b"/v1/"),
        (b"/", b"/v1", b"*", b"*"),
        (b"/a/b", b"/", b"/a/b?", b"/?"),
        (b"/api", b"/", b"/api/users?q=%zz", b"/users?q=%zz"),
        (b"/api", b"/", b"/%61pi/a%20b/", b"/a%20b/"),
        (b"/api", b"/", b"/api/a//b", b"/a//b"),
    ],
)
def test_a_target_goes_on_under_the_other_prefix(
    prefix: bytes, replacement: bytes, target: bytes, expected: bytes
) -> None:
    assert PrefixMap(prefix, replacement).forward(target) == expected


@pytest.mark.parametrize(
    ("prefix", "replacement", "path", "expected"),
    [
        (b"/api", b"/v1", b"/v1/users", b"/api/users"),
        (b"/api", b"/v1", b"/v1", b"/api"),
        (b"/api", b"/v1", b"/v1/", b"/api/"),
        (b"/api", b"/v1", b"/v10", b"/v10"),
        (b"/api", b"/v1", b"/login", b"/login"),
        (b"/api", b"/v1", b"/api/login", b"/api/login"),
        (b"/api", b"/api/v1", b"/api/v1/x", b"/api/x"),
        (b"/api", b"/", b"/login", b"/api/login"),
        (b"/api", b"/", b"/", b"/api/"),
        (b"/api", b"/", b"/api/login", b"/api/login"),
        (b"/api", b"/", b"/api", b"/api"),
        (b"/api", b"/", b"/apis", b"/api/apis"),
        (b"/", b"/v1", b"/v1/x", b"/x"),
        (b"/", b"/v1", b"/v1", b"/"),
        (b"/", b"/v1", b"/v1//evil.example", b"/evil.example"),
    ],
)
def test_a_path_of_the_backend_comes_back_under_the_own_prefix(
    prefix: bytes, replacement: bytes, path: bytes, expected: bytes
) -> None:
    assert PrefixMap(prefix, replacement).back(path) == expected


@pytest.mark.parametrize(
    "rest", [b"%2fx/admin", b"/%2fx", b"%5cx/admin", b";/x/admin", b"%252fx", b"%c0%afx"]
)
def test_what_is_left_of_a_path_never_begins_with_an_authority(rest: bytes) -> None:
    with pytest.raises(ProtocolFault) as caught:
        PrefixMap(b"/api", b"/").forward(b"/api/" + rest)
    assert caught.value.cause is Cause.PATH_AMBIGUOUS
    assert PrefixMap(b"/api", b"/v1").forward(b"/api/" + rest) == b"/v1/" + rest


def test_an_exact_path_is_replaced_as_a_whole() -> None:
    exact = PrefixMap(b"/old", b"/new/", is_exact=True)

    assert exact.forward(b"/old?x=1") == b"/new/?x=1"
    assert exact.back(b"/new/") == b"/old"
    assert exact.back(b"/new") == b"/new"


segments = st.sampled_from([b"a", b"api", b"v1", b"%C3%A9", b""])
prefixes = st.lists(segments.filter(bool), max_size=3).map(lambda parts: b"/" + b"/".join(parts))
rests = st.lists(segments, max_size=3).map(lambda parts: b"".join(b"/" + part for part in parts))


@given(prefixes, prefixes, rests, st.sampled_from([b"", b"?", b"?a=//b"]))
def test_no_path_that_comes_out_begins_with_two_slashes(
    prefix: bytes, replacement: bytes, rest: bytes, query: bytes
) -> None:
    paths = PrefixMap(prefix, replacement)
    target = (prefix.rstrip(b"/") + rest or b"/") + query

    forward, back = paths.forward(target), paths.back(replacement.rstrip(b"/") + rest or b"/")

    assert forward.startswith(b"/")
    assert not forward.startswith(b"//")
    assert not back.startswith(b"//") or replacement == prefix == b"/"


@given(prefixes, prefixes, rests.filter(lambda rest: not rest.startswith(b"//")))
def test_there_and_back_is_where_it_began(prefix: bytes, replacement: bytes, rest: bytes) -> None:
    """Unless the backend is one that writes the prefix itself: below no prefix the two cannot be told apart."""
    paths = PrefixMap(prefix, replacement)
    path = prefix.rstrip(b"/") + rest or b"/"
    inner = paths.forward(path)

    if replacement != b"/" or not (inner + b"/").startswith(prefix.rstrip(b"/") + b"/"):
        assert paths.back(inner).rstrip(b"/") == path.rstrip(b"/")
