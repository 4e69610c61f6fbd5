"""Entries of `allow_origins`: what they are read as, and what is said about those that cannot be read."""

import re
import sys

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cors_gateway.policy.matcher import OriginMatcher
from cors_gateway.policy.pattern import (
    OriginPattern,
    PatternKind,
    covers,
    is_insecure,
    is_pattern,
    parse_pattern,
    regex_pattern,
)
from cors_gateway.policy.pattern_fault import PatternFault
from cors_gateway.policy.spelling import is_punycode_sound
from tests.policy.strategies import almost_origins, origins, pattern_texts
from tests.policy.written import patterns

EXACT, WILDCARD = PatternKind.EXACT, PatternKind.WILDCARD

ACCEPTED = [
    ("https://app.example.com", OriginPattern("", EXACT, "https", "app.example.com")),
    ("http://app.example.com:443", OriginPattern("", EXACT, "http", "app.example.com", 443)),
    ("http://[2001:db8::1]:9090", OriginPattern("", EXACT, "http", "[2001:db8::1]", 9090)),
    ("https://192.0.2.1", OriginPattern("", EXACT, "https", "192.0.2.1")),
    ("https://app.example.com.", OriginPattern("", EXACT, "https", "app.example.com.")),
    ("http://my_host.example.com", OriginPattern("", EXACT, "http", "my_host.example.com")),
    ("capacitor://localhost", OriginPattern("", EXACT, "capacitor", "localhost")),
    ("https://xn--bcher-kva.example", OriginPattern("", EXACT, "https", "xn--bcher-kva.example")),
    ("https://*.example.com", OriginPattern("", WILDCARD, "https", "example.com", subdomains=True)),
    ("https://*.com", OriginPattern("", WILDCARD, "https", "com", subdomains=True)),
    (
        "https://*.example.com:8443",
        OriginPattern("", WILDCARD, "https", "example.com", 8443, subdomains=True),
    ),
    ("http://localhost:*", OriginPattern("", WILDCARD, "http", "localhost", any_port=True)),
    ("http://[::1]:*", OriginPattern("", WILDCARD, "http", "[::1]", any_port=True)),
    (
        "https://*.example.com:*",
        OriginPattern("", WILDCARD, "https", "example.com", subdomains=True, any_port=True),
    ),
]

FAULTS = [
    # text, code, part of the message, part of the hint
    ("null", "null", "sandboxed", "dangerously_allow_null_origin"),
    ("", "invalid", "empty", "https://app.example.com"),
    ("*", "invalid", "every origin", 'allow_origins: ["*"]'),
    ("https://app.example.com/", "invalid", "trailing slash", 'write "https://app.example.com"'),
    ("https://app.example.com/page", "invalid", "path", 'write "https://app.example.com"'),
    ("https://app.example.com?x=1", "invalid", "query", 'write "https://app.example.com"'),
    ("https://app.example.com#prod", "invalid", "fragment", 'write "https://app.example.com"'),
    ("https://user@app.example.com", "invalid", "user name", 'write "https://app.example.com"'),
    ("https://app.example.com\\x", "invalid", "backslash", 'write "https://app.example.com"'),
    (" https://app.example.com", "invalid", "blank", 'write "https://app.example.com"'),
    ("https://app.example.com\n", "invalid", '\\n" begins or ends', 'write "https://app.example.com"'),
    ("https://app.\x01example.com", "invalid", "control character", "https://app.example.com"),
    ("'https://app.example.com'", "invalid", "quotes", 'write "https://app.example.com"'),
    (
        "https://a.example.com,https://b.example.com/",
        "invalid",
        "several origins",
        'split it into 2 entries: "https://a.example.com", "https://b.example.com"',
    ),
    (
        "https://a.example https://b.example https://c.example",
        "invalid",
        "several",
        '3 entries: "https://a.example", "https://b.example", "https://c.example"',
    ),
    ("app.example.com", "invalid", "no scheme", 'write "https://app.example.com"'),
    ("//app.example.com", "invalid", "no scheme", 'write "https://app.example.com"'),
    ("localhost:3000", "invalid", "no scheme", 'write "http://localhost:3000"'),
    ("javascript:alert(1)", "invalid", "no scheme", "https://app.example.com"),
    ("http*://app.example.com", "invalid", "star in the scheme", '"https://app.example.com"'),
    ("*://app.example.com", "invalid", "star in the scheme", '"http://app.example.com"'),
    ("://x", "invalid", "malformed scheme", "https://app.example.com"),
    ("https://https://example.com", "invalid", "second scheme", 'write "https://example.com"'),
    ("https://", "invalid", "no host", "https://app.example.com"),
    ("HTTPS://app.example.com", "invalid", "upper-case", 'write "https://app.example.com"'),
    ("https://App.example.com", "invalid", "upper-case", 'write "https://app.example.com"'),
    ("https://App.example.com:443/x?y", "invalid", "path", 'write "https://app.example.com"'),
    ("https://bücher.example", "invalid", "punycode", 'write "https://xn--bcher-kva.example"'),
    ("https://Bücher.example:8443", "invalid", "punycode", 'write "https://xn--bcher-kva.example:8443"'),
    ("https://*.straße.example", "invalid", "punycode", 'write "https://*.xn--strae-oqa.example"'),
    ("https://xn--a.example", "invalid", "does not decode", "punycode"),
    ("https://xn--.example", "invalid", "does not decode", "punycode"),
    ("https://*.xn--a.example", "invalid", "does not decode", "punycode"),
    ("https://app%2eexample.com", "invalid", "percent", "https://app.example.com"),
    ("https://a..example.com", "invalid", "empty label", "https://app.example.com"),
    ("https://a~b.example.com", "invalid", '"a~b"', "https://app.example.com"),
    (f"https://{'a' * 64}.com", "invalid", "label of over 63", "DNS"),
    (f"https://{'a.' * 130}com", "invalid", "host of over 253", "DNS"),
    (f"https://*.{'a.' * 125}com", "invalid", "host of over 253", "DNS"),
    ("https://*", "invalid", "every host", "list the hosts"),
    ("https://*:8443", "invalid", "every host", "list the hosts"),
    ("https://*example.com", "invalid", "leftmost label", 'write "https://*.example.com"'),
    ("https://*example.com:8443", "invalid", "leftmost label", 'write "https://*.example.com:8443"'),
    ("https://*.*.example.com", "invalid", "more than one star", 'write "https://*.example.com"'),
    ("https://**.example.com", "invalid", "more than one star", 'write "https://*.example.com"'),
    ("https://example.*", "invalid", "top-level", "one entry for each host"),
    ("https://a.*.example.com", "invalid", "middle", "one entry for each host"),
    ("https://a*.example.com", "invalid", "middle", "one entry for each host"),
    ("https://app.example.com:", "invalid", "without a port", 'write "https://app.example.com"'),
    ("https://app.example.com:x", "invalid", "not a number", "https://app.example.com"),
    ("https://app.example.com:٣", "invalid", "not a number", "https://app.example.com"),
    ("https://app.example.com:0", "invalid", "outside 1 to 65535", ":*"),
    ("https://app.example.com:65536", "invalid", "outside 1 to 65535", ":*"),
    ("https://app.example.com:08443", "invalid", "leading zero", 'write "https://app.example.com:8443"'),
    ("https://app.example.com:80*", "invalid", "star as part of a port", ":*"),
    ("https://app.example.com:80:*", "invalid", "star as part of a port", ":*"),
    (
        "https://app.example.com:443",
        "default_port",
        "default port of https",
        'write "https://app.example.com"',
    ),
    ("http://app.example.com:80", "default_port", "default port of http", 'write "http://app.example.com"'),
    ("https://*.example.com:443", "default_port", "default port", 'write "https://*.example.com"'),
    ("http://127.1", "invalid", "IPv4", 'write "http://127.0.0.1"'),
    ("http://0x7f000001:81", "invalid", "IPv4", 'write "http://127.0.0.1:81"'),
    ("http://192.0.2.256", "invalid", "IPv4", "https://app.example.com"),
    ("http://1.2.3.4.", "invalid", "IPv4", 'write "http://1.2.3.4"'),
    ("http://*.127.0.0.1", "invalid", "no subdomains", "without the star"),
    ("http://*.1", "invalid", "no subdomains", "without the star"),
    ("http://*.[::1]", "invalid", "no subdomains", "without the star"),
    ("http://::1:8080", "invalid", "without brackets", "http://[::1]:8080"),
    ("http://[::1", "invalid", "bracket", 'write "http://[::1]"'),
    ("http://[::1]x", "invalid", "after the bracket", "https://app.example.com"),
    ("http://[example]", "invalid", "not an IPv6 address", "https://app.example.com"),
    ("http://[fe80::1%eth0]", "invalid", "zone", 'write "http://[fe80::1]"'),
    ("http://[2001:DB8::1]", "invalid", "upper-case", 'write "http://[2001:db8::1]"'),
    ("http://[0:0:0:0:0:0:0:1]:81", "prohibited", "compressed", 'write "http://[::1]:81"'),
    ("http://[::ffff:1.2.3.4]", "prohibited", "maps an IPv4", '"1.2.3.4"'),
    ("file://localhost", "prohibited", "never sent", "localhost"),
    ("file:///tmp/x.html", "prohibited", "never sent", "localhost"),
    ("file://*", "prohibited", "never sent", "localhost"),
    ("https://.", "invalid", "empty label", "https://app.example.com"),
    ("app://*", "invalid", "every host", "list the hosts"),
    ("moz-extension://*:*", "invalid", "every host", "list the hosts"),
    ("moz-extension://*.x*", "invalid", "star", "one entry for each host"),
    ("$APP_ORIGIN", "invalid", "without braces", '"${APP_ORIGIN}"'),
    ("https://$HOST:81", "invalid", "without braces", '"https://${HOST}:81"'),
    (
        "a.example.com, b.example.com",
        "invalid",
        "several",
        '"https://a.example.com", "https://b.example.com"',
    ),
    ("http://localhost:80*", "invalid", "star as part of a port", 'write "http://localhost:*" for any port'),
    ("http*://*", "invalid", "star in the scheme", "https://app.example.com"),
]


@pytest.mark.parametrize(("text", "pattern"), ACCEPTED)
def test_a_pattern_is_read(text: str, pattern: OriginPattern) -> None:
    read = parse_pattern(text)
    assert read == pattern
    assert isinstance(read, OriginPattern)
    assert read.text == text


@pytest.mark.parametrize(("text", "code", "message", "hint"), FAULTS)
def test_a_fault_says_what_is_wrong_and_what_to_write(text: str, code: str, message: str, hint: str) -> None:
    fault = parse_pattern(text)
    assert isinstance(fault, PatternFault)
    assert fault.code == code
    assert message in fault.message
    assert hint in fault.hint


@example("https://\0.0")  # a number to browsers, a ValueError to inet_aton
@given(
    st.one_of(st.text(max_size=40), almost_origins.map(lambda value: value.decode("latin-1")), pattern_texts)
)
def test_every_text_is_a_pattern_or_has_a_fault_with_a_usable_hint(text: str) -> None:
    read = parse_pattern(text)
    if isinstance(read, OriginPattern):
        return
    assert read.code in {"invalid", "default_port", "prohibited", "null"}
    assert read.message
    suggested = re.match(r'write "([^"]*)"', read.hint)
    assert read.hint
    assert suggested is None or is_pattern(suggested[1]), read
    assert "\n" not in read.message + read.hint


@given(pattern_texts)
def test_generated_patterns_are_accepted_whole(text: str) -> None:
    assert is_pattern(text)


@pytest.mark.parametrize(
    ("label", "is_sound"),
    [
        ("xn--bcher-kva", True),
        ("xn--strae-oqa", True),
        ("xn--ls8h", True),
        ("xn--e1afmkfd", True),
        ("xn--a", False),
        ("xn--tda", True),
        ("xn---tda", False),
        ("xn--", False),
        ("xn--abc-", False),
        ("xn--99999999999", False),
        ("xn--Bcher-kva", False),
        ("plain", True),
    ],
)
def test_punycode_is_sound_if_a_browser_would_write_it(label: str, is_sound: bool) -> None:
    assert is_punycode_sound(f"{label}.example") is is_sound


def test_an_expression_is_kept_as_written() -> None:
    pattern = regex_pattern(r"https://pr-\d+\.example\.com")
    assert pattern == OriginPattern("", PatternKind.REGEX, regex=r"https://pr-\d+\.example\.com")


@pytest.mark.parametrize("expression", ["https://(a", "https://(?=a)a", r"(a)\1", "(a{1000}){1000}", "a**"])
def test_an_expression_that_re2_refuses_is_a_fault(expression: str) -> None:
    fault = regex_pattern(expression)
    assert isinstance(fault, PatternFault)
    assert fault.code == "regex_invalid"
    assert "RE2" in fault.hint


def test_without_the_engine_the_hint_says_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "re2", None)
    fault = regex_pattern("https://a")
    assert isinstance(fault, PatternFault)
    assert fault.code == "regex_unavailable"
    assert fault.hint == "pip install 'cors-gateway[regex]'"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://app.example.com", True),
        ("http://192.168.1.10", True),
        ("http://*.example.com", True),
        ("http://[2001:db8::1]", True),
        ("http://localhost.example.com", True),
        ("https://app.example.com", False),
        ("app://obsidian.md", False),
        ("http://localhost:*", False),
        ("http://localhost.", False),
        ("http://app.localhost", False),
        ("http://*.localhost:*", False),
        ("http://127.0.0.1:3000", False),
        ("http://127.9.9.9", False),
        ("http://[::1]", False),
    ],
)
def test_plain_http_is_insecure_unless_it_stays_on_the_machine(text: str, expected: bool) -> None:
    (pattern,) = patterns(text)
    assert is_insecure(pattern) is expected


@pytest.mark.parametrize(
    ("wide", "narrow", "expected"),
    [
        ("https://*.example.com", "https://a.example.com", True),
        ("https://*.example.com", "https://*.a.example.com", True),
        ("https://*.example.com", "https://*.example.com", True),
        ("https://*.example.com", "https://example.com", False),
        ("https://*.example.com", "https://a.example.com:8443", False),
        ("https://*.example.com", "http://a.example.com", False),
        ("https://*.a.example.com", "https://*.example.com", False),
        ("https://*.example.com:*", "https://*.example.com", True),
        ("https://*.example.com", "https://*.example.com:*", False),
        ("http://localhost:*", "http://localhost:3000", True),
        ("http://localhost:*", "http://localhost", True),
        ("http://localhost", "http://localhost:*", False),
        ("moz-extension://*", "moz-extension://a", True),
        ("moz-extension://*", "moz-extension://*.a", True),
        ("moz-extension://*", "moz-extension://*", True),
        ("moz-extension://*", "moz-extension://a:81", False),
        ("moz-extension://*", "moz-extension://a:*", False),
        ("moz-extension://*", "chrome-extension://a", False),
        ("moz-extension://a", "moz-extension://*", False),
        ("moz-extension://*.a", "moz-extension://*", False),
        ("file://", "file://", True),
        ("file://", "app://.", False),
    ],
)
def test_a_pattern_covers_those_it_makes_redundant(wide: str, narrow: str, expected: bool) -> None:
    assert covers(*patterns(wide, narrow)) is expected


@given(pattern_texts, pattern_texts, origins)
def test_what_a_covered_pattern_matches_its_cover_matches(wide: str, narrow: str, origin: str) -> None:
    value = origin.encode()
    is_match = OriginMatcher(patterns(narrow)).match(value) is not None
    if is_match and covers(*patterns(wide, narrow)):
        assert OriginMatcher(patterns(wide)).match(value) is not None
