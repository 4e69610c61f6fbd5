"""Whether one entry of `allow_origins` covers another, where at least one of them is an expression."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_gateway.config.lint.regex.containment import contains
from cors_gateway.policy.matcher import OriginMatcher
from cors_gateway.policy.pattern import OriginPattern
from tests.policy.strategies import origins, pattern_texts
from tests.policy.written import patterns

Entry = str | dict[str, str]


def _entry(text: str) -> OriginPattern:
    """A pattern, or an expression in slashes."""
    entry: Entry = {"regex": text[1:-1]} if text.startswith("/") else text
    (pattern,) = patterns(entry)
    return pattern


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        (r"https://*.example.com", r"/https://pr-\d+\.example\.com/"),
        (r"https://*.example.com", r"/https://([a-z]+\.)+example\.com/"),
        (r"https://*.example.com:*", r"/https://a\.example\.com:[1-9]\d{3}/"),
        (r"/https://[^/]+\.example\.com/", "https://*.example.com"),
        (r"/^https://[a-z0-9-]+\.example\.com$/", r"/https://pr-\d+\.example\.com/"),
        (r"/https?://a\.example\.com/", r"/http://a\.example\.com/"),
        (r"/https://(a|b)\.example\.com/", r"/https://[ab]\.example\.com/"),
        (r"/https://.*/", r"/https://\w+\.example\.com/"),
        ("moz-extension://*", r"/moz-extension://[0-9a-f-]{36}/"),
    ],
)
def test_what_is_covered(wide: str, narrow: str) -> None:
    assert contains(_entry(wide), _entry(narrow))


@pytest.mark.parametrize(
    ("wide", "narrow"),
    [
        ("https://*.example.com", r"/https://.*example\.com/"),
        ("moz-extension://*", r"/(moz|chrome)-extension://[0-9a-f-]{36}/"),
        (r"/moz-extension://[0-9a-z-]+/", "moz-extension://*"),
        ("https://*.example.com", r"/https?://a\.example\.com/"),
        ("https://a.example.com", r"/https://a.example\.com/"),
        (r"/https://[a-z]+\.example\.com/", "https://*.example.com"),
        (r"/https://pr-\d{1,3}\.example\.com/", r"/https://pr-\d+\.example\.com/"),
    ],
)
def test_what_is_not_covered(wide: str, narrow: str) -> None:
    assert not contains(_entry(wide), _entry(narrow))


@pytest.mark.parametrize(
    "wide",
    [r"/https://\ba\.example\.com/", r"/(?i)https://a\.example\.com/", r"/https://a\.example\.com\B/"],
)
def test_what_is_not_certain_counts_as_not_covered(wide: str) -> None:
    assert not contains(_entry(wide), _entry("https://a.example.com"))


expressions = st.lists(
    st.sampled_from([r"[a-z]+", r"\d?", "a", "b?", r"\.", "(a|-b)*", ".", r"\w", "example", r"(?:com)?"]),
    min_size=1,
    max_size=5,
).map(lambda parts: f"/https?://{''.join(parts)}/")
entries = (expressions | pattern_texts).map(_entry)


@given(entries, entries, st.lists(origins, max_size=20))
def test_a_covered_entry_matches_nothing_more(
    wide: OriginPattern, narrow: OriginPattern, tried: list[str]
) -> None:
    matchers = [OriginMatcher((pattern,)) for pattern in (wide, narrow)]
    is_covered = contains(wide, narrow)

    for origin in tried:
        by_wide, by_narrow = (matcher.match(origin.encode()) is not None for matcher in matchers)
        assert not (is_covered and by_narrow and not by_wide)


@given(entries)
def test_an_entry_covers_itself(pattern: OriginPattern) -> None:
    assert contains(pattern, pattern)
