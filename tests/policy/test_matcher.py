"""Which entry covers an origin: tables for what matters most, a naive model for the rest."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_gateway.policy.matcher import OriginMatcher
from cors_gateway.policy.origin import parse_origin
from tests.policy.strategies import almost_origins, origins, pattern_texts
from tests.policy.written import patterns


def naive_match(text: str, value: bytes) -> bool:
    """A pattern as a regular expression over a well-formed origin."""
    if parse_origin(value) is None:
        return False
    expression = re.escape(text)
    expression = expression.replace(r"://\*\.", r"://(?:[a-z0-9_-]{1,63}\.)+")
    if expression.endswith(r":\*"):
        expression = expression.removesuffix(r":\*") + r"(?::[0-9]+)?"
    return re.fullmatch(expression, value.decode()) is not None


@given(st.lists(pattern_texts, max_size=5), st.one_of(origins.map(str.encode), almost_origins))
def test_the_matcher_agrees_with_the_naive_one(texts: list[str], value: bytes) -> None:
    index = OriginMatcher(patterns(*texts)).match(value)
    matching = [i for i, text in enumerate(texts) if naive_match(text, value)]
    assert (index is None) == (not matching)
    assert index is None or index in matching


@given(st.permutations(["https://a.com", "https://*.a.com", "http://a.com:*", "https://b.a.com"]), origins)
def test_the_order_of_entries_does_not_matter(texts: list[str], origin: str) -> None:
    index = OriginMatcher(patterns(*texts)).match(origin.encode())
    ordered = sorted(texts)
    expected = OriginMatcher(patterns(*ordered)).match(origin.encode())
    assert (None if index is None else texts[index]) == (None if expected is None else ordered[expected])


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("https://a.b.example.com", "https://a.b.example.com"),
        ("https://c.b.example.com", "https://*.b.example.com"),
        ("https://c.example.com", "https://*.example.com"),
        ("https://c.example.com:8443", "https://*.example.com:8443"),
        ("https://c.example.com:9443", "https://*.example.com:*"),
        ("https://example.com:9443", "https://example.com:*"),
        ("https://example.com", "https://example.com:*"),
        ("https://x7.example.org", "https://x[0-9]\\.example\\.org"),
        ("https://example.org", None),
    ],
)
def test_the_most_specific_of_several_entries_is_named(origin: str, expected: str | None) -> None:
    entries = patterns(
        {"regex": "https://x[0-9]\\.example\\.org"},
        "https://*.example.com:*",
        "https://*.example.com",
        "https://*.example.com:8443",
        "https://*.b.example.com",
        "https://example.com:*",
        "https://a.b.example.com",
    )
    index = OriginMatcher(entries).match(origin.encode())
    assert (None if index is None else entries[index].text) == expected


def test_of_equal_entries_the_first_is_named() -> None:
    entries = patterns("https://a.com", "https://a.com", "https://*.a.com", "https://*.a.com")
    matcher = OriginMatcher(entries)
    assert matcher.match(b"https://a.com") == 0
    assert matcher.match(b"https://b.a.com") == 2


@pytest.mark.parametrize(
    ("expression", "value", "expected"),
    [
        (r"https://.*", b"https://a.example.com", True),
        (r"https://.*", b"https://evil.com/x", False),
        (r"https://.*", b"https://evil.com@a", False),
        (r"https://.*", b"https://evil.com\n", False),
        (r"https://.*", b"https://a.example.com:443", False),
        (r"(?s).*", b"null", False),
        (r"https://a\.com|https://b\.com", b"https://b.com", True),
        (r"https://a\.com|https://b\.com", b"https://b.com.evil.com", False),
        (r"^https://a\.com$", b"https://a.com", True),
        (r"https://\w+\.com", b"https://abc.com", True),
        (r"https://([a-z]+)*\.example", b"https://" + b"a" * 60 + b"0", False),
    ],
)
def test_an_expression_sees_whole_well_formed_values_only(
    expression: str, value: bytes, expected: bool
) -> None:
    matcher = OriginMatcher(patterns({"regex": expression}))
    assert (matcher.match(value) is not None) is expected


APPS = patterns("app://.", "file://", "moz-extension://*", "vscode-webview://*", "chrome-extension://abc")


@pytest.mark.parametrize(
    ("origin", "index"),
    [
        ("app://.", 0),
        ("app://x", None),
        ("app://.:81", None),
        ("file://", 1),
        ("file:///", None),
        ("file://localhost", None),
        ("moz-extension://0f7c6b2a-1f4e-4f5e-9d3c-2b8f6f1a7c11", 2),
        ("moz-extension://x:81", None),
        ("moz-extension://", None),
        ("moz-extension://*", None),
        ("moz-extension://a/b", None),
        ("MOZ-EXTENSION://x", None),
        ("moz-extensions://x", None),
        ("vscode-webview://1k2l3m", 3),
        ("chrome-extension://abc", 4),
        ("chrome-extension://abd", None),
    ],
)
def test_apps_extensions_and_local_files(origin: str, index: int | None) -> None:
    assert OriginMatcher(APPS).match(origin.encode()) == index


def test_the_identifier_of_an_extension_may_be_in_upper_case() -> None:
    value = b"safari-web-extension://E7FE1A4D-0000-4000-8000-1234567890AB"

    assert OriginMatcher(patterns("safari-web-extension://*")).match(value) == 0
    assert OriginMatcher(patterns(value.decode())).match(value) == 0


def test_local_files_are_only_meant_literally() -> None:
    assert OriginMatcher(patterns({"regex": ".*"}, {"regex": "file://"})).match(b"file://") is None


def test_one_extension_is_more_specific_than_all_of_them() -> None:
    entries = patterns({"regex": "moz-extension://.*"}, "moz-extension://*", "moz-extension://a")

    assert [OriginMatcher(entries).match(b"moz-extension://" + host) for host in (b"a", b"b")] == [2, 1]
