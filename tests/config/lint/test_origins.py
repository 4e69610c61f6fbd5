"""Rules for `allow_origins` as a list; expressions are in `test_origin_regex.py`."""

from typing import Any

import pytest

from tests.config.lint.said import APP, hint, regex, said

OTHER = "https://other.example.com"


def at(index: int, code: str, severity: str = "error") -> str:
    return f"{severity} allow_origins.{code} at allow_origins[{index}]"


def warned(index: int, code: str) -> str:
    return at(index, code, "warning")


ANONYMOUS: list[tuple[str, list[Any], set[str]]] = [
    ("exact", [APP, OTHER, "https://app.example.com:8443"], set()),
    ("wildcards", ["https://*.example.com:*", "http://localhost:*"], set()),
    ("app schemes", ["capacitor://localhost", "chrome-extension://aapbdbdomjkkjkaonfhkkikfgjllcleb"], set()),
    ("star alone", ["*"], set()),
    # What is not an origin; the grammar itself is tested beside `policy.pattern`.
    ("trailing slash", [APP, "https://other.example.com/"], {at(1, "invalid")}),
    ("line break", ["https://app.example.com\n"], {at(0, "invalid")}),
    ("default port", ["https://app.example.com:443"], {at(0, "default_port")}),
    ("file", ["file://localhost"], {at(0, "prohibited")}),
    ("null", ["null", APP], {at(0, "null")}),
    ("null twice", ["null", "null"], {at(0, "null"), at(1, "null"), warned(1, "duplicate")}),
    (
        "all of them at once",
        ["*.com", "null", "https://a:80:80"],
        {at(0, "invalid"), at(1, "null"), at(2, "invalid")},
    ),
    # Plain http: a warning where https is plainly possible.
    ("http", ["http://app.example.com"], {warned(0, "insecure")}),
    ("http below a name", ["http://*.example.com"], {warned(0, "insecure")}),
    ("http on another port", ["http://app.example.com:8080", "http://b.example.com:*"], set()),
    ("http at an address", ["http://192.168.1.10", "http://[2001:db8::1]"], set()),
    ("http in a local network", ["http://intranet", "http://my_host.example.com"], set()),
    ("http on this machine", ["http://localhost", "http://app.localhost", "http://127.0.0.1"], set()),
    # Names that anyone can register.
    ("top level", ["https://*.com"], {warned(0, "public_suffix")}),
    ("second level", ["https://*.co.uk:*"], {warned(0, "public_suffix")}),
    ("hosting", ["https://*.github.io"], {warned(0, "public_suffix")}),
    ("a suffix below a wildcard rule", ["https://*.ck"], {warned(0, "public_suffix")}),
    ("own domain", ["https://*.example.co.uk", "https://*.me.github.io"], set()),
    ("own network", ["https://*.internal", "https://*.localhost", "https://*.corp.example"], set()),
    ("exact below a suffix", ["https://me.github.io"], set()),
    # Spelling.
    ("trailing dot", ["https://app.example.com."], {warned(0, "trailing_dot")}),
    ("trailing dot under a star", ["https://*.example.com.:8443"], {warned(0, "trailing_dot")}),
    # Neighbours.
    ("twice", [APP, OTHER, APP], {warned(2, "duplicate")}),
    ("thrice", [APP, APP, APP], {warned(1, "duplicate"), warned(2, "duplicate")}),
    ("the star twice", ["*", "*"], {warned(1, "duplicate")}),
    ("the star and others", [APP, "*"], {warned(0, "redundant")}),
    ("covered by a wildcard", [APP, "https://*.example.com"], {warned(0, "redundant")}),
    ("covered from afar", ["https://a.b.c.example.com", "https://*.example.com"], {warned(0, "redundant")}),
    ("the base is not covered", ["https://example.com", "https://*.example.com"], set()),
    ("a longer name is not covered", ["https://notexample.com", "https://*.example.com"], set()),
    ("another scheme", ["capacitor://app.example.com", "https://*.example.com"], set()),
    ("another port", ["https://app.example.com:8443", "https://*.example.com"], set()),
    (
        "the same port",
        ["https://app.example.com:8443", "https://*.example.com:8443"],
        {warned(0, "redundant")},
    ),
    ("any port", ["https://app.example.com:8443", "https://*.example.com:*"], {warned(0, "redundant")}),
    ("any port of the host", [APP, "https://app.example.com:*"], {warned(0, "redundant")}),
    ("any port is wider", ["https://app.example.com:*", "https://*.example.com"], set()),
    (
        "wildcards cover wildcards",
        ["https://*.a.example.com", "https://*.example.com:*", "https://*.example.com"],
        {warned(0, "redundant"), warned(2, "redundant")},
    ),
    ("expressions are not compared", [APP, regex(r"https://[a-z]+\.example\.com")], set()),
    ("the same expression", [regex(r"https://a\d\.example\.com")] * 2, {warned(1, "duplicate")}),
]

CREDENTIALED: list[tuple[str, list[Any], set[str]]] = [
    ("exact", [APP], set()),
    ("the star", ["*"], {at(0, "wildcard_credentials")}),
    ("the star among others", [APP, "*"], {at(1, "wildcard_credentials")}),
    ("null", [APP, "null"], {at(1, "null"), at(1, "null_credentials")}),
    ("http", ["http://app.example.com"], {at(0, "insecure_credentials")}),
    ("http below a name", ["http://*.example.com:*"], {at(0, "insecure_credentials")}),
    ("http on another port", ["http://app.example.com:8080"], {at(0, "insecure_credentials")}),
    ("http at a private address", ["http://192.168.1.10"], {at(0, "insecure_credentials")}),
    ("http in a local network", ["http://intranet"], {at(0, "insecure_credentials")}),
    ("http at localhost", ["http://localhost:*", "http://app.localhost:3000", "http://*.localhost"], set()),
    ("http at a loopback address", ["http://127.0.0.1:3000", "http://127.9.9.9", "http://[::1]:3000"], set()),
    ("not quite loopback", ["http://128.0.0.1"], {at(0, "insecure_credentials")}),
    ("not quite localhost", ["http://localhost.example.com"], {at(0, "insecure_credentials")}),
    ("top level", ["https://*.com"], {at(0, "public_suffix")}),
    ("hosting", ["https://*.github.io"], {at(0, "public_suffix")}),
    ("own domain", ["https://*.example.co.uk"], set()),
    ("twice", [APP, APP], {warned(1, "duplicate")}),
]


@pytest.mark.parametrize(("entries", "expected"), [pytest.param(o, e, id=i) for i, o, e in ANONYMOUS])
def test_without_credentials(entries: list[Any], expected: set[str]) -> None:
    assert said(allow_origins=entries) == expected


@pytest.mark.parametrize(("entries", "expected"), [pytest.param(o, e, id=i) for i, o, e in CREDENTIALED])
def test_with_credentials(entries: list[Any], expected: set[str]) -> None:
    assert said(allow_origins=entries, allow_credentials=True) == expected


@pytest.mark.parametrize("entries", [None, []])
def test_a_policy_allows_somebody(entries: list[str] | None) -> None:
    assert said(allow_origins=entries) == {"error allow_origins.missing at allow_origins"}


def test_the_flag_alone_allows_null() -> None:
    assert said(allow_origins=["null"], dangerously_allow_null_origin=True) == {
        "warning allow_origins.null at dangerously_allow_null_origin"
    }


def test_the_flag_does_not_allow_null_with_credentials() -> None:
    assert said(allow_origins=[APP, "null"], dangerously_allow_null_origin=True, allow_credentials=True) == {
        "error allow_origins.null_credentials at dangerously_allow_null_origin",
        "error allow_origins.null_credentials at allow_origins[1]",
    }


def test_hints_repair_the_spelling() -> None:
    assert '"https://app.example.com"' in hint(
        "allow_origins.invalid", allow_origins=["https://app.example.com/x"]
    )
    assert '"https://app.example.com"' in hint(
        "allow_origins.insecure", allow_origins=["http://app.example.com"]
    )


def test_ten_thousand_mistakes_are_each_reported() -> None:
    entries = [f"http://{number}.example.com/" for number in range(10_000)]
    assert len(said(allow_origins=entries)) == 10_000
