"""What expressions mean: the entries they become, and what is wrong with them."""

import pytest

from cors_gateway.migrate.nginx.origins import read_expression, read_value
from cors_gateway.migrate.nginx.paths import PathPattern, expression_patterns

NONE: list[str] = []


@pytest.mark.parametrize(
    ("expression", "entries", "faults"),
    [
        (r"^https://(www|m)\.a\.example$", ["https://www.a.example", "https://m.a.example"], NONE),
        (r"^https://(.*\.)?a\.example$", ["https://a.example", "https://*.a.example"], NONE),
        (r"^https://([a-z0-9-]+\.)*a\.example$", ["https://a.example", "https://*.a.example"], NONE),
        (r"^https://[^/]+\.a\.example$", ["https://*.a.example"], NONE),
        (r"^https://[a-z0-9-]+\.a\.example$", [r"https://[a-z0-9-]+\.a\.example"], NONE),
        (r"^https://pr-\d+\.a\.example$", [r"https://pr-[0-9]+\.a\.example"], NONE),
        (r"^http://localhost(:[0-9]+)?$", ["http://localhost:*"], NONE),
        (r"^http://localhost:[0-9]+$", ["http://localhost:[0-9]+"], NONE),
        (r"^https://a\.example:80[0-9]{2}$", [r"https://a\.example:80[0-9]{2}"], NONE),
        (r"^https:\/\/a\.example(\/)?$", ["https://a.example"], NONE),
        (r"^HTTPS://A\.example$", ["https://a.example"], NONE),
        (r"https://a\.example", ["https://a.example"], ["unanchored_regex"]),
        (r"^https://a\.example.*$", ["https://a.example"], ["unanchored_regex"]),
        (r"\.a\.example$", ["https://*.a.example"], ["unanchored_regex"]),
        (r"a\.example$", ["https://a.example", "https://*.a.example"], ["unanchored_regex"]),
        (r"^https?://localhost", ["http://localhost:*", "https://localhost:*"], ["unanchored_regex"]),
        (r"^https://www.a\.example$", ["https://www.a.example"], ["unescaped_dot"]),
        (r"^https://.*a\.example$", ["https://a.example", "https://*.a.example"], ["no_label_boundary"]),
        (r"^https://[a-z]+a\.example$", NONE, ["no_label_boundary"]),
        (r"^https://.*-x\.a\.example$", [r"https://[a-z0-9.-]*-x\.a\.example"], NONE),
        (r"^https://.*\.vercel\.app$", ["https://*.vercel.app"], ["public_suffix_origin"]),
        (r"^https://my-.*\.github\.io$", [r"https://my-[a-z0-9.-]*\.github\.io"], ["public_suffix_origin"]),
        (r"^a\.example$", ["https://a.example"], ["invalid_allow_origin"]),
        (r"^(null|https://a\.example)$", ["https://a.example"], ["null_origin_allowed"]),
        (r"^https?://.+$", NONE, NONE),
    ],
)
def test_an_expression_becomes_the_narrowest_entries_that_are_meant(
    expression: str, entries: list[str], faults: list[str]
) -> None:
    reading = read_expression(expression, ignore_case=True)

    assert [entry.text for entry in reading.entries] == entries
    assert sorted(reading.faults) == faults


def test_what_is_not_understood_becomes_nothing() -> None:
    reading = read_expression(r"^https://(?!evil).*\.a\.example$", ignore_case=False)

    assert (reading.entries, reading.is_understood) == ((), False)


def test_an_expression_for_everybody_is_told_apart() -> None:
    assert read_expression("^https?://.+$", ignore_case=False).is_everybody


@pytest.mark.parametrize(
    ("value", "entries", "faults"),
    [
        ("https://a.example", ["https://a.example"], NONE),
        ("capacitor://localhost", ["capacitor://localhost"], NONE),
        ("https://a.example/", ["https://a.example"], ["invalid_allow_origin"]),
        ("a.example", ["https://a.example"], ["invalid_allow_origin"]),
        ("*.a.example", ["https://*.a.example"], ["invalid_allow_origin"]),
        ("https://a.example:443", ["https://a.example"], ["invalid_allow_origin"]),
        ("Origin", NONE, ["invalid_allow_origin"]),
        ("null", NONE, ["null_origin_allowed"]),
    ],
)
def test_a_value_becomes_what_was_probably_meant(value: str, entries: list[str], faults: list[str]) -> None:
    reading = read_value(value)

    assert [entry.text for entry in reading.entries] == entries
    assert sorted(reading.faults) == faults


@pytest.mark.parametrize(
    ("expression", "patterns"),
    [
        ("^/x/", [PathPattern("/x/")]),
        ("^/(a|b)/", [PathPattern("/a/"), PathPattern("/b/")]),
        ("^/api/v[12]/(.*)$", [PathPattern("/api/v1/"), PathPattern("/api/v2/")]),
        ("^/api(/.*)?$", [PathPattern("/api/")]),
        ("^/x$", [PathPattern("/x", is_exact=True)]),
        (r"\.(woff2?|ttf)$", [PathPattern("/", extensions=("woff", "woff2", "ttf"))]),
        (r"^/s/.+\.(css|js)$", [PathPattern("/s/", extensions=("css", "js"))]),
        (r"^/u/[0-9]+$", None),
        (r"/\.git", None),
        (r"^/(?!api)", None),
    ],
)
def test_locations_by_expression_become_prefixes_and_extensions(
    expression: str, patterns: list[PathPattern] | None
) -> None:
    found = expression_patterns(expression, ignore_case=False)

    assert found == (None if patterns is None else tuple(patterns))
