"""Redirects that lead back to themselves."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.config.written import load_text

FILE = """\
version: 1
routes:
  - {name: backend, path: /served, upstream: http://b, cors: disabled}
"""


@pytest.mark.parametrize(
    ("routes", "found"),
    [
        (["path: /, redirect: {to: /}"], [1]),
        (["path: /, redirect: {to: /new}"], [1]),
        (["path: /, redirect: {to: /served}"], []),
        (["path: /old, redirect: {to: /}"], [1]),
        (["path: /old, redirect: {to: /}, strip_prefix: true"], []),
        (["path: /old, redirect: {to: /old}, strip_prefix: true"], [1]),
        (["path: /old, redirect: {to: /old/v2}, replace_prefix: /"], [1]),
        (["path: /old, redirect: {to: /}, replace_prefix: /older"], []),
        (["path: /, redirect: {to: https://www.example.com}"], []),
        (["path: /old, match: exact, redirect: {to: /}"], [1]),
        (["path: /old, match: exact, redirect: {to: /old}"], []),
        (["path: /, extensions: [js], redirect: {to: /new}"], [1]),
        (["path: /, methods: [POST], redirect: {to: /new}"], []),
        (["path: /, host: '*.a.example', redirect: {to: /new}"], [1]),
        (
            [
                "path: /, host: a.example, redirect: {to: /new}",
                "path: /new, host: a.example, refuse: 404",
            ],
            [],
        ),
        (
            [
                "path: /a, redirect: {to: /b}, strip_prefix: true",
                "path: /b, redirect: {to: /a}, strip_prefix: true",
                "path: /c, redirect: {to: /a}",
            ],
            [1, 2],
        ),
    ],
)
def test_a_redirect_that_never_ends_is_warned_of(
    routes: Sequence[str], found: list[int], tmp_path: Path
) -> None:
    rows = "".join(f"  - {{name: r{at}, {route}, cors: disabled}}\n" for at, route in enumerate(routes))

    problems = load_text(tmp_path, FILE + rows).problems

    assert [(each.code, each.path, each.is_error) for each in problems] == [
        ("redirect.loop", f"routes[{at}].redirect.to", False) for at in found
    ]
