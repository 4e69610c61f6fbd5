"""What libyaml says when it cannot read a file, in words that help the person who wrote it."""

_EXPLANATIONS: tuple[tuple[str, str, str], ...] = (
    ("alphabetic or numeric character", "* and & have a meaning in YAML", 'put the value in quotes: "*"'),
    ("undefined alias", "* and & have a meaning in YAML", 'put the value in quotes: "*"'),
    (
        "expected ',' or ']'",
        "the list in [...] is not closed, or a value in it has a bracket or brace of its own",
        "put that value in quotes, or write one item a line with a dash",
    ),
    (
        "expected ',' or '}'",
        "the mapping in {...} is not closed, or a value in it has a bracket or brace of its own",
        "put that value in quotes, or write one key a line",
    ),
    ("expected node content", "a value is missing, or a bracket is not closed", ""),
    (
        "mapping values are not allowed",
        'a second ": " on the line',
        "put the value in quotes if the colon is part of it",
    ),
    (
        "cannot start any token",
        "a value cannot start like this",
        "indent with spaces; put a value that starts with @, ` or % in quotes",
    ),
    ("unexpected end of stream", "the quotes are not closed", ""),
    ("could not find expected ':'", "a key without its colon", 'write "key: value"'),
    (
        "did not find expected key",
        "the line is not indented like its neighbours, or the quotes end too early",
        "",
    ),
    ("did not find expected '-' indicator", "the line is not indented like its neighbours", ""),
)
"""What libyaml says, what that means here, and what to do."""


def explain(problem: str) -> tuple[str, str]:
    """Message and hint."""
    for fragment, meaning, hint in _EXPLANATIONS:
        if fragment in problem:
            return f"{meaning} ({problem})", hint
    return problem, ""
