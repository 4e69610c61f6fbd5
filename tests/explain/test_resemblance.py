"""Which listed origin a refused one is most like."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_gateway.explain.resemblance import Likeness, Resemblance, resembling
from tests.policy.strategies import origins
from tests.policy.written import patterns

LISTED = patterns(
    "https://app.example.com",
    "https://*.tenant.example.com",
    "http://localhost:*",
    "https://example.org",
    "https://www.shop.example",
    "https://10.0.0.1",
    "https://ab.io",
    "https://srv1.example.net:8443",
    "http://[::1]:8080",
)


@pytest.mark.parametrize(
    ("origin", "likeness", "meant"),
    [
        ("http://app.example.com", Likeness.OTHER_SCHEME, "https://app.example.com"),
        ("https://app.example.com:8443", Likeness.OTHER_PORT, "https://app.example.com"),
        ("https://srv1.example.net", Likeness.OTHER_PORT, "https://srv1.example.net:8443"),
        ("http://a.tenant.example.com:1", Likeness.OTHER_SCHEME, "https://a.tenant.example.com"),
        ("https://localhost:3000", Likeness.OTHER_SCHEME, "http://localhost:3000"),
        ("https://tenant.example.com", Likeness.APEX, ""),
        ("https://www.app.example.com", Likeness.WWW, "https://app.example.com"),
        ("https://shop.example", Likeness.WWW, "https://www.shop.example"),
        ("https://app.exmaple.com", Likeness.MISTAKABLE, "https://app.example.com"),
        ("https://ap.example.com", Likeness.MISTAKABLE, "https://app.example.com"),
        ("https://app.example.co", Likeness.MISTAKABLE, "https://app.example.com"),
        ("https://app.exampel.com", Likeness.MISTAKABLE, "https://app.example.com"),
        ("https://a.b.tenant.exomple.com", Likeness.MISTAKABLE, "https://a.b.tenant.example.com"),
        ("https://app-example.com", Likeness.MISTAKABLE, "https://app.example.com"),
        ("https://4pp.ex4mple.com", None, ""),
        ("https://app.exarnple.com", Likeness.MISTAKABLE, "https://app.example.com"),
        ("https://xn--pp-6kc.xn--exmple-4nf.com", Likeness.MISTAKABLE, "https://app.example.com"),
        ("https://app.example.com.", Likeness.MISTAKABLE, "https://app.example.com"),
        ("https://app.example.com.evil.example", Likeness.BEGINS_LIKE, ""),
        ("https://x.app.example.com.evil.example", Likeness.BEGINS_LIKE, ""),
        ("https://a.tenant.example.com.evil.example", Likeness.BEGINS_LIKE, ""),
        ("https://notmyexample.org", Likeness.ENDS_LIKE, ""),
        ("https://x.app.example.com", None, ""),
        ("https://srv2.example.net:8443", None, ""),
        ("https://10.0.0.2", None, ""),
        ("https://100.0.1", None, ""),
        ("https://ac.io", None, ""),
        ("http://[::2]:8080", None, ""),
        ("https://other.example", None, ""),
        ("https://xn--app-.example.com", Likeness.MISTAKABLE, "https://app.example.com"),
        ("https://xn--99999999.example.com", None, ""),
        ("null", None, ""),
        ("https://App.example.com", None, ""),
    ],
)
def test_what_an_origin_is_like(origin: str, likeness: Likeness | None, meant: str) -> None:
    found = resembling(origin, LISTED)

    assert (found.likeness if found else None, found.meant if found else "") == (likeness, meant)


def test_the_most_telling_likeness_counts() -> None:
    listed = patterns("https://bpp.example.com", "https://app.example.com:1", "https://app.example.com:2")

    assert resembling("https://app.example.com", listed) == Resemblance(
        Likeness.OTHER_PORT, 1, "https://app.example.com:1"
    )


def test_expressions_are_not_compared() -> None:
    assert resembling("https://app.exmaple.com", patterns({"regex": r"https://app\.example\.com"})) is None


@given(st.text() | origins)
def test_nothing_raises(origin: str) -> None:
    resembling(origin, LISTED)
