"""Rules for `public_origins`."""

import pytest

from tests.config.lint.said import hint, said


@pytest.mark.parametrize("origin", ["https://api.example.com", "http://localhost:8080", "http://[::1]:8080"])
def test_an_own_origin_is_exact(origin: str) -> None:
    assert said(public_origins=[origin], on_disallowed_request="reject") == set()


@pytest.mark.parametrize(
    "entry",
    [
        "https://*.example.com",
        "http://localhost:*",
        "*",
        "null",
        "api.example.com",
        "https://api.example.com/",
        "",
    ],
)
def test_nothing_else_is(entry: str) -> None:
    assert said(public_origins=["https://api.example.com", entry]) == {
        "error public_origins.invalid at public_origins[1]"
    }


def test_the_hint_repairs_the_spelling() -> None:
    assert '"https://api.example.com"' in hint(
        "public_origins.invalid", public_origins=["https://api.example.com/"]
    )


def test_the_hint_does_not_offer_what_belongs_elsewhere() -> None:
    assert "dangerously" not in hint("public_origins.invalid", public_origins=["null"])


@pytest.mark.parametrize("listed", [None, []])
def test_reject_needs_them(listed: list[str] | None) -> None:
    assert said(public_origins=listed, on_disallowed_request="reject") == {
        "warning public_origins.missing at on_disallowed_request"
    }


def test_forward_does_not() -> None:
    assert said(on_disallowed_request="forward") == set()
