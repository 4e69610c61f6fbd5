"""What is said of address spaces, mixed content and cookies, which no policy has a say in."""

import pytest

from cors_gateway.explain.beyond_cors import AddressSpace, address_space, is_same_site, notes_beyond_cors
from cors_gateway.explain.described_request import describe
from cors_gateway.policy.engines import Browser
from cors_gateway.policy.origin import Origin, parse_origin

PUBLIC_PAGE = "https://app.example.com"


def _notes(origin: str | None, url: str, *, credentials: bool = False, browser: Browser | None = None) -> str:
    request = describe(url, origin=origin, credentials=credentials, browser=browser)
    return " | ".join(notes_beyond_cors(request))


@pytest.mark.parametrize(
    ("host", "space"),
    [
        ("localhost", AddressSpace.LOOPBACK),
        ("a.localhost", AddressSpace.LOOPBACK),
        ("127.8.9.1", AddressSpace.LOOPBACK),
        ("[::1]", AddressSpace.LOOPBACK),
        ("10.1.2.3", AddressSpace.LOCAL),
        ("172.16.0.1", AddressSpace.LOCAL),
        ("192.168.1.1", AddressSpace.LOCAL),
        ("169.254.1.1", AddressSpace.LOCAL),
        ("100.64.0.1", AddressSpace.LOCAL),
        ("[fd00::1]", AddressSpace.LOCAL),
        ("[fe80::1]", AddressSpace.LOCAL),
        ("printer.local", AddressSpace.LOCAL),
        ("8.8.8.8", AddressSpace.PUBLIC),
        ("[2606:4700::1]", AddressSpace.PUBLIC),
        ("app.example.com", None),
        ("local", None),
    ],
)
def test_where_an_address_leads(host: str, space: AddressSpace | None) -> None:
    assert address_space(host) is space


@pytest.mark.parametrize(
    ("page", "url", "said"),
    [
        (
            PUBLIC_PAGE,
            "http://localhost:8080/x",
            "is asked for permission first, if the page itself comes from",
        ),
        ("https://8.8.8.8", "https://127.0.0.1/x", "to access the `loopback` address space"),
        ("https://8.8.8.8", "https://192.168.1.1/x", "to access the `local` address space"),
        ("https://192.168.1.1", "https://127.0.0.1/x", "is asked for permission first. Without it"),
        ("http://8.8.8.8", "http://127.0.0.1/x", "a page over http may not at all"),
        ("null", "http://127.0.0.1/x", "if the page itself comes from a more public one"),
    ],
)
def test_a_call_into_a_more_private_space_needs_permission(page: str, url: str, said: str) -> None:
    assert said in _notes(page, url)


@pytest.mark.parametrize(
    ("page", "url"),
    [
        ("http://localhost:3000", "http://127.0.0.1:8080/x"),
        ("http://192.168.1.2", "http://192.168.1.1/x"),
        ("http://127.0.0.1", "http://192.168.1.1/x"),
        (PUBLIC_PAGE, "https://8.8.8.8/x"),
        (PUBLIC_PAGE, "https://api.example.com/x"),
    ],
)
def test_any_other_call_does_not(page: str, url: str) -> None:
    assert "address space" not in _notes(page, url)


@pytest.mark.parametrize(
    ("page", "url", "said"),
    [
        (PUBLIC_PAGE, "http://api.example.com/x", "may not call http (mixed content), whatever"),
        (PUBLIC_PAGE, "http://192.168.1.1/x", "in Chromium only, from version 142 on"),
        (PUBLIC_PAGE, "http://localhost/x", None),
        (PUBLIC_PAGE, "https://api.example.com/x", None),
        ("http://app.example.com", "http://api.example.com/x", None),
    ],
)
def test_mixed_content(page: str, url: str, said: str | None) -> None:
    notes = _notes(page, url)

    assert said in notes if said is not None else "call http" not in notes


@pytest.mark.parametrize(
    ("page", "target", "same"),
    [
        ("https://app.example.com", "https://api.example.com", True),
        ("https://app.example.com", "https://example.com:8443", True),
        ("https://app.example.com", "http://app.example.com", False),
        ("https://one.github.io", "https://two.github.io", False),
        ("https://one.example.co.uk", "https://two.example.co.uk", True),
        ("https://a.co.uk", "https://b.co.uk", False),
        ("http://127.0.0.1:1", "http://127.0.0.1:2", True),
        ("http://127.0.0.1", "http://localhost", False),
        ("https://app.internal", "https://api.internal", False),
    ],
)
def test_what_is_one_site(page: str, target: str, same: bool) -> None:
    assert is_same_site(_origin(page), _origin(target)) is same


def _origin(text: str) -> Origin:
    origin = parse_origin(text.encode())
    assert origin is not None
    return origin


@pytest.mark.parametrize(
    ("page", "url", "browser", "said"),
    [
        (PUBLIC_PAGE, "https://api.example.com/x", None, "are one site"),
        (PUBLIC_PAGE, "https://api.example.org/x", None, "only with SameSite=None; Secure"),
        (PUBLIC_PAGE, "https://api.example.org/x", Browser.WEBKIT, "Safari sends none"),
        ("http://a.example", "http://b.example/x", None, "none go along"),
        ("null", "https://api.example.com/x", None, "is another site"),
    ],
)
def test_which_cookies_go_along(page: str, url: str, browser: Browser | None, said: str) -> None:
    notes = _notes(page, url, credentials=True, browser=browser)

    assert said in notes
    assert ("Total Cookie Protection" in notes) is (browser is None and "only with" in said)


def test_of_an_address_that_is_not_known_nothing_is_said() -> None:
    assert _notes(PUBLIC_PAGE, "/x", credentials=True) == ""
