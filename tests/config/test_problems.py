"""How problems are shown."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_gateway.config.problems import (
    EXCERPT_WIDTH,
    Problem,
    Severity,
    path_text,
    render_github,
    render_json,
    render_text,
    summary,
)
from cors_gateway.policy.quoting import quoted

ERROR = Problem(
    code="schema.unknown_key",
    message='unknown key "allow_origin"',
    hint='did you mean "allow_origins"?',
    file="config/gateway.yaml",
    line=9,
    column=5,
    width=12,
    path="policies.app.allow_origin",
    excerpt="    allow_origin: [https://app.example.com]",
)
WARNING = Problem(
    severity=Severity.WARNING, code="policy.unused", message="100% unused,\nreally", file="a,b:c.yaml"
)


def test_text_shows_the_line_with_a_caret_and_the_remedy() -> None:
    assert render_text([ERROR, WARNING]) == (
        'config/gateway.yaml:9:5: error schema.unknown_key policies.app.allow_origin: unknown key "allow_origin"\n'
        "  9 |     allow_origin: [https://app.example.com]\n"
        "    |     ^^^^^^^^^^^^\n"
        '    = did you mean "allow_origins"?\n'
        "a,b:c.yaml:1:1: warning policy.unused: 100% unused,\nreally\n"
        "1 error, 1 warning in 2 files\n"
    )


def test_no_problems_are_no_text() -> None:
    assert render_text([]) == ""


def test_a_tab_before_the_place_keeps_the_caret_below_it() -> None:
    problem = Problem(code="c", message="m", file="f", line=1, column=6, excerpt="\ta: \tb", width=1)

    assert render_text([problem]).splitlines()[1:3] == ["  1 | \ta: \tb", "    | \t   \t^"]


@given(st.integers(0, 500), st.integers(0, 500), st.integers(1, 10**6))
def test_a_long_line_is_shown_around_the_place(before: int, after: int, width: int) -> None:
    problem = Problem(
        code="c",
        message="m",
        file="f",
        column=before + 1,
        width=width,
        excerpt="a" * before + "X" + "b" * after,
    )
    source, caret = (line.partition("| ")[2] for line in render_text([problem]).splitlines()[1:3])

    assert len(source) <= EXCERPT_WIDTH
    assert source[caret.index("^")] == "X"
    assert len(caret) <= len(source)


def test_json_has_the_agreed_keys() -> None:
    document = json.loads(render_json([ERROR, WARNING]))

    assert document["ok"] is False
    assert document["problems"][0] == {
        "severity": "error",
        "code": "schema.unknown_key",
        "message": 'unknown key "allow_origin"',
        "hint": 'did you mean "allow_origins"?',
        "file": "config/gateway.yaml",
        "line": 9,
        "column": 5,
        "path": "policies.app.allow_origin",
    }
    assert json.loads(render_json([WARNING]))["ok"] is True
    assert json.loads(render_json([])) == {"ok": True, "problems": []}


def test_annotations_escape_what_would_end_them() -> None:
    assert render_github([ERROR, WARNING]) == (
        "::error file=config/gateway.yaml,line=9,col=5,title=schema.unknown_key::"
        'policies.app.allow_origin: unknown key "allow_origin"; did you mean "allow_origins"?\n'
        "::warning file=a%2Cb%3Ac.yaml,line=1,col=1,title=policy.unused::100%25 unused,%0Areally\n"
    )


@pytest.mark.parametrize(
    ("path", "text"),
    [
        ((), ""),
        (("policies", "app", "allow_origins", 0), "policies.app.allow_origins[0]"),
        (("routes", 2, "cors"), "routes[2].cors"),
        (("policies", "a.b", "x y", ""), 'policies["a.b"]["x y"][""]'),
    ],
)
def test_a_path_reads_like_code(path: tuple[str | int, ...], text: str) -> None:
    assert path_text(path) == text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain", '"plain"'),
        ('say "x"\\', r'"say \"x\"\\"'),
        ("a\r\nb\0", r'"a\r\nb\u0000"'),
        ("\x1b[31m\x7f\u202e", r'"\u001b[31m\u007f\u202e"'),
        ("bücher", '"bücher"'),
        ("x" * 101, '"' + "x" * 99 + '…"'),
        ("\U000e0001", r'"\U000e0001"'),
    ],
)
def test_a_value_in_a_message_stays_on_its_line(text: str, shown: str) -> None:
    assert quoted(text) == shown


def test_totals_are_counted_in_words() -> None:
    assert summary([]) == "0 errors, 0 warnings"
    assert summary([ERROR, ERROR]) == "2 errors, 0 warnings in 1 file"
