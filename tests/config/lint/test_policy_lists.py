"""Which policies may be asked one after the other: those that list no origin twice."""

from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_gateway.config.lint.policy_lists import Overlaps, lint_policy_list
from cors_gateway.policy.matcher import OriginMatcher
from cors_gateway.policy.pattern import OriginPattern, parse_pattern, regex_pattern
from cors_gateway.policy.policy import Policy
from tests.policy import strategies


def pattern(text: str) -> OriginPattern:
    """An entry; what begins with a tilde is an expression."""
    read = regex_pattern(text[1:]) if text.startswith("~") else parse_pattern(text)
    assert isinstance(read, OriginPattern)
    return read


def policy(*texts: str) -> Policy:
    return Policy(
        allow_origins=tuple(pattern(text) for text in texts if text not in ("*", "null")),
        any_origin="*" in texts,
        allow_null_origin="null" in texts,
    )


@pytest.mark.parametrize(
    ("one", "other", "shared"),
    [
        (["https://a.example"], ["https://b.example"], None),
        (["https://a.example", "https://c.example"], ["https://b.example", "https://c.example"], "https://c.example"),
        (["https://a.example"], ["http://a.example"], None),
        (["https://*.a.example"], ["https://a.example"], None),
        (["https://*.a.example"], ["https://b.c.a.example"], "https://b.c.a.example"),
        (["https://*.a.example"], ["https://*.b.a.example"], "https://x.b.a.example"),
        (["https://*.a.example:*"], ["https://*.a.example:8443"], "https://x.a.example:8443"),
        (["https://*.b.a.example:*"], ["https://*.a.example:8443"], "https://x.b.a.example:8443"),
        (["https://*.a.example:81"], ["https://*.a.example:82"], None),
        (["http://localhost:*"], ["http://localhost:3000"], "http://localhost:3000"),
        (["http://localhost:*"], ["http://127.0.0.1:*"], None),
        ([r"~https://pr-\d\.a\.example"], ["https://pr-7.a.example"], "https://pr-7.a.example"),
        ([r"~https://pr-\d\.a\.example"], ["https://*.a.example"], "https://pr-0.a.example"),
        ([r"~https://pr-\d\.a\.example"], ["https://*.b.example"], None),
        ([r"~https://pr-\d\.a\.example"], [r"~https://pr-[5-9]\.a\.example"], "https://pr-5.a.example"),
        ([r"~https://pr-\d\.a\.example"], [r"~https://pr-[a-z]\.a\.example"], None),
        ([r"~https://[a-z]+\.a\.example(:\d+)?"], [r"~https://z.*:8443"], "https://z.a.example:8443"),
        (["https://a.example"], ["*"], None),
        (["moz-extension://*"], ["moz-extension://abc"], "moz-extension://abc"),
        (["moz-extension://*"], ["moz-extension://*"], "moz-extension://x"),
        (["moz-extension://*"], ["moz-extension://*.a"], "moz-extension://x.a"),
        (["moz-extension://*"], [r"~moz-extension://a[0-9]"], "moz-extension://a0"),
        (["moz-extension://*"], ["chrome-extension://*", "moz-extension://a:81", "file://"], None),
        (["file://"], ["file://"], "file://"),
        (["null"], ["null"], "null"),
        (["null"], ["*"], None),
        (["https://[::1]:*"], ["https://[::1]:81"], "https://[::1]:81"),
    ],
)  # fmt: skip
def test_the_origin_in_both_is_named(one: list[str], other: list[str], shared: str | None) -> None:
    overlaps = Overlaps()

    assert overlaps.between(policy(*one), policy(*other)) == shared
    assert overlaps.between(policy(*other), policy(*one)) == shared


texts = st.lists(
    st.one_of(
        strategies.exact_patterns,
        st.builds(
            "{}://*.{}{}".format, strategies.schemes, strategies.names, strategies.ports | st.just(":*")
        ),
        st.builds("{}://{}:*".format, strategies.schemes, strategies.hosts),
        st.builds(r"~https://[ab]+\.{}".format, st.sampled_from(["a", "b", r"ab\.a", r"[a-z]+"])),
    ).filter(lambda text: text.startswith("~") or isinstance(parse_pattern(text), OriginPattern)),
    min_size=1,
    max_size=4,
)
UNIVERSE = [
    f"{scheme}://{'.'.join(labels)}{port}"
    for scheme in ("http", "https")
    for size in (1, 2, 3)
    for labels in product(("a", "b", "ab"), repeat=size)
    for port in ("", ":81")
]


@given(texts, texts)
def test_an_overlap_is_found_if_there_is_one_and_is_one_if_found(one: list[str], other: list[str]) -> None:
    first, second = policy(*one), policy(*other)
    matchers = [OriginMatcher(each.allow_origins) for each in (first, second)]

    def is_listed_twice(origin: str) -> bool:
        return all(matcher.match(origin.encode()) is not None for matcher in matchers)

    found = Overlaps().between(first, second)

    if found is None:
        assert not any(map(is_listed_twice, UNIVERSE))
    else:
        assert is_listed_twice(found)


@given(st.lists(texts, min_size=2, max_size=4), st.sampled_from(UNIVERSE))
def test_in_lists_without_a_finding_one_policy_at_most_knows_an_origin(
    lists: list[list[str]], origin: str
) -> None:
    policies = [(f"p{number}", policy(*each)) for number, each in enumerate(lists)]
    findings = list(lint_policy_list(policies, Overlaps()))
    knowing = [
        name
        for name, each in policies
        if OriginMatcher(each.allow_origins).match(origin.encode()) is not None
    ]

    assert len(knowing) <= 1 or findings


def test_a_backend_sees_origin_or_it_does_not() -> None:
    own = ("own", policy("https://a.example"))
    partners = ("partners", replace(policy("https://b.example"), strip_origin=True))
    found = list(lint_policy_list([own, partners], Overlaps()))

    assert [(finding.code, finding.path) for finding in found] == [("cors.list", ("cors", 1))]


def test_a_star_stands_last() -> None:
    own, everybody = ("own", policy("https://a.example")), ("everybody", policy("*"))

    assert list(lint_policy_list([own, everybody], Overlaps())) == []
    found = list(lint_policy_list([everybody, own], Overlaps()))
    assert [(finding.code, finding.path, finding.hint) for finding in found] == [
        ("cors.list", ("cors", 0), "put it last")
    ]
