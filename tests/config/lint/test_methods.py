"""Rules for `allow_methods`."""

from typing import Any

import pytest

from tests.config.lint.said import hint, said

CASES: list[tuple[str, list[str] | None, set[str]]] = [
    ("the key may be absent", None, set()),
    ("ordinary methods", ["GET", "POST", "PUT", "PATCH", "DELETE"], set()),
    ("an empty list", [], {"error allow_methods.empty at allow_methods"}),
    ("two methods in one entry", ["GET POST"], {"error allow_methods.invalid at allow_methods[0]"}),
    ("an empty name", ["PUT", ""], {"error allow_methods.invalid at allow_methods[1]"}),
    ("not ASCII", ["PÜT"], {"error allow_methods.invalid at allow_methods[0]"}),
    ("a line break", ["PUT\n"], {"error allow_methods.invalid at allow_methods[0]"}),
    ("a forbidden method", ["TRACE"], {"error allow_methods.forbidden at allow_methods[0]"}),
    ("another forbidden method", ["CONNECT"], {"error allow_methods.forbidden at allow_methods[0]"}),
    ("forbidden in any case", ["tRaCk"], {"error allow_methods.forbidden at allow_methods[0]"}),
    ("a method that browsers put in upper case", ["put", "Delete"], set()),
    ("a method that browsers leave as it is", ["patch"], {"warning allow_methods.case at allow_methods[0]"}),
    ("unknown lower case", ["fetch"], {"warning allow_methods.case at allow_methods[0]"}),
    (
        "an unknown method",
        ["FETCH"],
        {"warning allow_methods.unsupported_by_server at allow_methods[0]"},
    ),
    ("a method that caches know", ["PURGE", "PROPFIND"], set()),
    ("OPTIONS", ["GET", "OPTIONS"], {"warning allow_methods.options at allow_methods[1]"}),
    ("OPTIONS as browsers would send it", ["options"], {"warning allow_methods.options at allow_methods[0]"}),
    ("listed twice", ["PUT", "PUT"], {"warning allow_methods.redundant at allow_methods[1]"}),
    ("the same once normalised", ["PUT", "put"], {"warning allow_methods.redundant at allow_methods[1]"}),
    ("not the same to a browser", ["PATCH", "patch"], {"warning allow_methods.case at allow_methods[1]"}),
    ("the star alone", ["*"], set()),
    (
        "the star with others",
        ["PUT", "*", "OPTIONS"],
        {
            "warning allow_methods.redundant at allow_methods[0]",
            "warning allow_methods.redundant at allow_methods[2]",
        },
    ),
    ("the star twice", ["*", "*"], {"warning allow_methods.redundant at allow_methods[1]"}),
    ("safelisted methods may be left out", ["DELETE"], set()),
]


@pytest.mark.parametrize(("methods", "expected"), [pytest.param(m, e, id=i) for i, m, e in CASES])
def test_methods(methods: list[str] | None, expected: set[str]) -> None:
    assert said(allow_methods=methods) == expected


def test_the_star_with_credentials_works_by_echo_only() -> None:
    assert said(allow_methods=["PUT", "*"], allow_credentials=True) == {
        "warning allow_methods.wildcard_credentials at allow_methods[1]",
        "warning allow_methods.redundant at allow_methods[0]",
    }


@pytest.mark.parametrize(
    ("methods", "code", "advice"),
    [
        (["GET POST"], "invalid", "2 entries: GET, POST"),
        (["PUT,DELETE"], "invalid", "2 entries: PUT, DELETE"),
        (["patch"], "case", "PATCH"),
        (["DELTE"], "unsupported_by_server", "DELETE"),
        (["PACTH"], "unsupported_by_server", "PATCH"),
    ],
)
def test_hints_say_what_to_write(methods: Any, code: str, advice: str) -> None:
    assert advice in hint(f"allow_methods.{code}", allow_methods=methods)
