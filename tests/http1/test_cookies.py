"""Attributes of cookies changed on their way."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_gateway.http1.cookies import CookieChanges

CROSS_SITE = CookieChanges(same_site=b"None", secure=True)


@pytest.mark.parametrize(
    ("changes", "value", "expected"),
    [
        (CookieChanges(), b"a=b; Path=/; ;;Secure", b"a=b; Path=/; ;;Secure"),
        (CROSS_SITE, b"a=b", b"a=b; SameSite=None; Secure"),
        (CROSS_SITE, b"a=b; SameSite=Lax; HttpOnly", b"a=b; HttpOnly; SameSite=None; Secure"),
        (CROSS_SITE, b"a=b; samesite = strict;SECURE", b"a=b;SECURE; SameSite=None"),
        (CROSS_SITE, b"a=b;SameSite;SameSite=Lax", b"a=b; SameSite=None; Secure"),
        (CROSS_SITE, b'a="x; SameSite=Lax"; Path=/', b'a="x; Path=/; SameSite=None; Secure'),
        (CookieChanges(secure=False), b"a=b; Secure; HttpOnly;secure=1", b"a=b; HttpOnly"),
        (CookieChanges(domain=b""), b"a=b; Domain=.backend; Path=/", b"a=b; Path=/"),
        (CookieChanges(domain=b"example.com"), b"a=b; domain=backend", b"a=b; Domain=example.com"),
        (CookieChanges(path=b"/api"), b"a=b; path=/v1; Path=/", b"a=b; Path=/api"),
        (CookieChanges(path=b""), b"a=b; Path=/v1", b"a=b"),
        (CookieChanges(path=b"/api"), b"path=/v1", b"path=/v1; Path=/api"),
        (CookieChanges(path=b"/api"), b"", b"; Path=/api"),
        (CookieChanges(b"Lax", False, b"example.com", b"/api"), b"__Host-a=b; Secure; Path=/", b"__Host-a=b; Secure; Path=/; SameSite=Lax"),
        (CookieChanges(secure=False), b"__SECURE-a=b; Secure", b"__SECURE-a=b; Secure"),
        (CookieChanges(secure=False), b"__Http-a=b; Secure; HttpOnly", b"__Http-a=b; Secure; HttpOnly"),
        (CookieChanges(domain=b"example.com"), b"__Secure-a=b; Secure", b"__Secure-a=b; Secure; Domain=example.com"),
        (CROSS_SITE, b"\xc3\xa9=\xff; Expires=Thu, 01 Jan 1970 00:00:00 GMT", b"\xc3\xa9=\xff; Expires=Thu, 01 Jan 1970 00:00:00 GMT; SameSite=None; Secure"),
    ],
)  # fmt: skip
def test_only_what_is_to_change_changes(changes: CookieChanges, value: bytes, expected: bytes) -> None:
    assert changes.apply(value) == expected


def _read(value: bytes) -> tuple[bytes, dict[bytes, bytes]]:
    """A cookie as browsers read it: of an attribute that comes twice the last counts (RFC 6265bis, section 5.7)."""
    pair, *attributes = value.split(b";")
    read = {}
    for attribute in attributes:
        name, _, text = attribute.partition(b"=")
        read[name.strip(b" \t").lower()] = text.strip(b" \t")
    return pair, read


names = st.sampled_from(
    [b"Secure", b"SameSite", b"samesite ", b" PATH", b"Domain", b"HttpOnly", b"Max-Age", b""]
)
values = st.sampled_from([b"", b"=", b"=/x", b"=Lax", b" = a b", b'="q"', b"=\xe9"])
cookies = st.builds(
    lambda pair, rest: b";".join((pair, *(name + value for name, value in rest))),
    st.sampled_from([b"a=b", b"__Host-a=b", b"__secure-a=b", b"a", b"=b", b""]),
    st.lists(st.tuples(names, values), max_size=5),
)
optional = st.none() | st.just(b"")
changes = st.builds(
    CookieChanges,
    st.none() | st.sampled_from([b"None", b"Lax"]),
    st.none() | st.booleans(),
    optional | st.just(b"example.com"),
    optional | st.just(b"/api"),
)


@given(cookies, changes)
def test_a_browser_reads_what_was_meant_and_everything_else_as_before(
    value: bytes, change: CookieChanges
) -> None:
    pair, before = _read(value)
    changed_pair, after = _read(change.apply(value))
    is_host_bound = pair.lower().startswith(b"__host-")
    promises_secure = is_host_bound or pair.lower().startswith(b"__secure-")

    expected = dict(before)
    wanted = {b"samesite": change.same_site}
    if not is_host_bound:
        wanted |= {b"domain": change.domain, b"path": change.path}
    for name, text in wanted.items():
        if text is not None:
            expected.pop(name, None)
            expected |= {name: text} if text else {}
    if change.secure:
        expected.setdefault(b"secure", b"")
    elif change.secure is False and not promises_secure:
        expected.pop(b"secure", None)
    assert changed_pair == pair
    assert after == expected


@given(cookies, changes)
def test_changing_twice_is_changing_once(value: bytes, change: CookieChanges) -> None:
    once = change.apply(value)

    assert _read(change.apply(once)) == _read(once)
