"""Expressions as automata: they agree with RE2 about every origin."""

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cors_gateway.config.lint.regex.language import Automaton, automaton_of, common_value, open_ends
from cors_gateway.config.lint.regex.parser import parse_regex
from cors_gateway.config.lint.regex.tree import ALPHABET
from cors_gateway.policy.regex import RegexInvalidError, compile_regex

ATOMS = [
    *"ab0-:/",
    r"\.",
    ".",
    r"\d",
    r"\w",
    r"\S",
    r"\W",
    "[ab]",
    "[^a]",
    "[a-c0]",
    "[]a]",
    r"[^\d.]",
    "[[:alpha:]]",
    "[[:^digit:]]",
    r"[\x61-\x{63}-]",
    r"\x62",
    r"\141",
    r"\Qa.\E",
    "(?i)A",
    "[A-B]",
    "(?i)[A-B]",
    "é",
    "\n",
]
REPEATS = ["", "", "", "*", "+", "?", "{2}", "{1,}", "{0,2}", "{2,3}", "*?", "+?", "{1,2}?"]

expressions = st.recursive(
    st.builds("{}{}".format, st.sampled_from(ATOMS), st.sampled_from(REPEATS)),
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map("".join),
        st.lists(inner, min_size=1, max_size=3).map("|".join),
        st.builds("({}){}".format, inner, st.sampled_from(REPEATS)),
        st.builds("(?:{}){}".format, inner, st.sampled_from(REPEATS)),
        st.builds("(?i:{})".format, inner),
        st.builds("(?P<name>{})".format, inner),
    ),
    max_leaves=6,
)
values = st.text(alphabet="ab0-.:/", max_size=6)


def automaton(expression: str) -> Automaton:
    built = automaton_of(parse_regex(expression))
    assert built is not None
    return built


@given(expressions, values)
@example("(a|)+b", "b")
@example("(?:a{2,3}){2}", "aaaaa")
@example("(?i:A)a|b", "aa")
def test_an_automaton_matches_what_re2_matches(expression: str, value: str) -> None:
    try:
        matches = compile_regex(expression)
    except RegexInvalidError:
        return
    built = automaton_of(parse_regex(expression))
    assert built is not None
    common = common_value(built, automaton(re.escape(value)))
    assert (common == value) == matches(value.encode())


@given(expressions, expressions)
def test_a_common_value_is_matched_by_both(one: str, other: str) -> None:
    try:
        matchers = compile_regex(one), compile_regex(other)
    except RegexInvalidError:
        return
    common = common_value(automaton(one), automaton(other))
    assert common is None or all(matches(common.encode()) for matches in matchers)


@given(st.text() | expressions | st.text(alphabet=r"ab[](){}?*+|\^$.,:-0128QExpPdD<i>"))
def test_parsing_never_raises(text: str) -> None:
    automaton_of(parse_regex(text))


@pytest.mark.parametrize(
    "text",
    [
        r"\pL",
        r"[\PN\d]",
        r"\p{Greek}",
        r"\bab\B",
        "(?<name>a)",
        "(?s-i:a)(?U)b",
        r"\C",
        r"\A\z",
        "a{,2}",
        "{",
        "a{2",
        "a]",
    ],
)
def test_everything_that_re2_knows_is_understood(text: str) -> None:
    compile_regex(text)
    assert parse_regex(text) is not None


@pytest.mark.parametrize("text", ["(" * 60 + ")" * 60, "(a", "a)", "[a", "\\", r"\x{FFFFFFFF}", "(?=a)"])
def test_the_rest_is_declined(text: str) -> None:
    assert parse_regex(text) is None


def test_large_counts_are_taken_as_unbounded() -> None:
    assert common_value(automaton("a{2,1000}"), automaton("a{900}a*")) is not None


def test_a_huge_expression_has_no_automaton() -> None:
    assert automaton_of(parse_regex("(?:a{60}){60}")) is None


def test_the_shortest_common_value_is_found() -> None:
    assert common_value(automaton("a*b|ab{3}"), automaton("a+b+")) == "ab"
    assert common_value(automaton("a+"), automaton("b+")) is None
    assert common_value(automaton(""), automaton("a*")) == ""


def test_what_has_to_be_spelt_out_is_not_matched_by_classes() -> None:
    assert common_value(automaton("a:[0-9]"), automaton("a:4"), literal_from=1) is None
    assert common_value(automaton("[a-z]:4"), automaton("a:4"), literal_from=1) == "a:4"


@pytest.mark.parametrize(
    ("expression", "ends"),
    [
        (r"https://app\.example\.com", set()),
        (r"https://(a|b)\.example\.com(:\d+)?", set()),
        (r"https://.*\.example\.com", {".example.com"}),
        (r"https://(.*\.)?example\.com", {".example.com"}),
        (r"https://.*example\.com(:\d+)?", {"example.com"}),
        (r"https://a[0-9]\.example\.com", {".example.com"}),
        (r"https://a[01]\.example\.com", set()),
        (r"https://a[01]+\.example\.com", {".example.com"}),
        (r"https://.*\.(com|org)", {".com", ".org"}),
        (r"https://.*\.(?:a\.|b\.)?com\.?", {".com", ".a.com", ".b.com"}),
        (r"https://a.*", {""}),
        (r"https://.*", {""}),
        (r"https://a.example\.com", set()),
        (r"https://127\.0\.0\.\d+", set()),
    ],
)
def test_open_ends(expression: str, ends: set[str]) -> None:
    assert open_ends(automaton(expression)) == ends


def test_open_ends_of_many_alternatives_are_found_in_bounded_time() -> None:
    assert isinstance(open_ends(automaton("https://.*" + "(a|b)" * 40 + r"\.com")), set)


@pytest.mark.parametrize(
    ("expression", "is_ambiguous"),
    [
        ("(a+)+", True),
        ("(a*b*)*", True),
        ("(a+b?)+", True),
        ("(?:(a|b+)*c?)*", True),
        ("(a+b)+", False),
        ("(a+b+)+", False),
        ("(a{1,5}b)*a+", False),
        ("a+a+", False),
        ("(a|b)*", False),
    ],
)
def test_ambiguous_repeats(expression: str, *, is_ambiguous: bool) -> None:
    assert automaton(expression).is_ambiguous == is_ambiguous


def test_the_alphabet_holds_what_origins_are_made_of() -> None:
    assert set("https://a-b_c.example:80[::1]+z9") <= set(ALPHABET)
