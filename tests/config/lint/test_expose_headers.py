"""Rules for `expose_headers`."""

import pytest

from tests.config.lint.said import said

CASES: list[tuple[str, list[str] | None, set[str]]] = [
    ("the key may be absent", None, set()),
    ("nothing is the default", [], set()),
    ("ordinary headers", ["X-Total-Count", "ETag"], set()),
    ("empty", [""], {"error expose_headers.invalid at expose_headers[0]"}),
    ("a space", ["ETag", "X Y"], {"error expose_headers.invalid at expose_headers[1]"}),
    ("cookies", ["Set-Cookie"], {"error expose_headers.forbidden at expose_headers[0]"}),
    ("old cookies", ["set-cookie2"], {"error expose_headers.forbidden at expose_headers[0]"}),
    ("a request header", ["Origin"], {"error expose_headers.prohibited at expose_headers[0]"}),
    (
        "a header of preflights",
        ["access-control-request-method"],
        {"error expose_headers.prohibited at expose_headers[0]"},
    ),
    (
        "readable anyway",
        ["Content-Type", "pragma"],
        {
            "warning expose_headers.safelisted at expose_headers[0]",
            "warning expose_headers.safelisted at expose_headers[1]",
        },
    ),
    ("the same name in another case", ["ETag", "etag"], set()),
    ("the same name twice", ["ETag", "ETag"], {"warning expose_headers.redundant at expose_headers[1]"}),
    ("the star alone", ["*"], set()),
    ("the star does not cover Authorization", ["*", "Authorization"], set()),
    ("the star covers all others", ["ETag", "*"], {"warning expose_headers.redundant at expose_headers[0]"}),
]


@pytest.mark.parametrize(("names", "expected"), [pytest.param(n, e, id=i) for i, n, e in CASES])
def test_expose_headers(names: list[str] | None, expected: set[str]) -> None:
    assert said(expose_headers=names) == expected


def test_the_star_exposes_nothing_with_credentials() -> None:
    assert said(expose_headers=["ETag", "*"], allow_credentials=True) == {
        "error expose_headers.wildcard_credentials at expose_headers[1]"
    }
