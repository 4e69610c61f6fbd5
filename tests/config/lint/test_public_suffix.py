"""Names under which strangers can register."""

import pytest

from cors_gateway.config.lint.public_suffix import is_open_to_registration


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
