"""Names under which strangers can register."""

import pytest

from cors_gateway.config.lint.public_suffix import is_given_to_anybody, is_open_to_registration


@pytest.mark.parametrize(
    "base", ["com", "co.uk", "github.io", "vercel.app", "ck", "kawasaki.jp", "com.", "xn--p1ai"]
)
def test_open(base: str) -> None:
    assert is_open_to_registration(base)


@pytest.mark.parametrize(
    "base",
    [
        "example.com",
        "example.co.uk",
        "me.github.io",
        "localhost",
        "internal",
        "corp.example",
        "127.0.0.1",
        "",
    ],
)
def test_not_open(base: str) -> None:
    assert not is_open_to_registration(base)


@pytest.mark.parametrize("host", ["me.github.io", "shop.vercel.app", "a.me.github.io", "me.github.io."])
def test_names_of_hosting_services_are_given_to_anybody(host: str) -> None:
    assert is_given_to_anybody(host)


@pytest.mark.parametrize(
    "host", ["example.com", "app.example.co.uk", "localhost", "127.0.0.1", "[::1]", "app"]
)
def test_names_of_ones_own_are_not(host: str) -> None:
    assert not is_given_to_anybody(host)
