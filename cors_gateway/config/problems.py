"""What is wrong with a configuration, and how it is shown: as text with a caret, as JSON, as annotations in CI.

Finding problems is the business of the modules around this one; nothing here reads files or decides anything.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from cors_gateway.policy.quoting import quoted

EXCERPT_WIDTH = 100
"""A longer source line is shown as a window of this many characters around the place."""


class Severity(StrEnum):
    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One mistake (nothing is served from this configuration) or one thing that is probably not meant."""

    severity: Severity = Severity.ERROR
    code: str
    """Stable and fit for searching: `schema.unknown_key`."""
    message: str
    hint: str = ""
    """What to write instead; may be empty."""
    file: str
    """As the user would name it: below the path given on the command line."""
    line: int = 1
    column: int = 1
    """Lines and columns count from 1; columns are characters."""
    width: int = 1
    """Characters to underline."""
    path: str = ""
    """`policies.app.allow_origins[0]`; empty where the whole file is meant."""
    excerpt: str = ""
    """The source line, for the caret; empty if there is none to show."""

    @property
    def is_error(self) -> bool:
        return self.severity is Severity.ERROR

    def as_dict(self) -> dict[str, str | int]:
        """The form of `check --format json` and of the admin interface."""
        return {
            "severity": self.severity.value,
            "code": self.code,
            "message": self.message,
            "hint": self.hint,
            "file": self.file,
            "line": self.line,
            "column": self.column,
            "path": self.path,
        }


def path_text(path: Iterable[str | int]) -> str:
    """Write a path the way people do: `policies.app.allow_origins[0]`, names with odd characters in quotes."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif step and all(char.isalnum() or char in "_-" for char in step):
            text += f".{step}"
        else:
            text += f"[{quoted(step)}]"
    return text.removeprefix(".")


def render_text(problems: Sequence[Problem]) -> str:
    """Every problem with its source line and a caret, then one line of totals (empty text if there are none)."""
    if not problems:
        return ""
    blocks = [_block(problem) for problem in problems]
    return "\n".join([*blocks, summary(problems), ""])


def render_json(problems: Sequence[Problem]) -> str:
    """The document of `check --format json`."""
    document = {
        "ok": not any(problem.is_error for problem in problems),
        "problems": [problem.as_dict() for problem in problems],
    }
    return json.dumps(document, indent=2, ensure_ascii=False) + "\n"


def render_github(problems: Sequence[Problem]) -> str:
    """Workflow commands that GitHub turns into annotations beside the lines of the file."""
    return "".join(
        f"::{problem.severity.value} file={_property(problem.file)},line={problem.line},col={problem.column}"
        f",title={_property(problem.code)}::{_data(_sentence(problem))}\n"
        for problem in problems
    )


def summary(problems: Sequence[Problem]) -> str:
    """`2 errors, 1 warning in 1 file`."""
    errors = sum(problem.is_error for problem in problems)
    files = len({problem.file for problem in problems})
    place = f" in {_count(files, 'file')}" if files else ""
    return f"{_count(errors, 'error')}, {_count(len(problems) - errors, 'warning')}{place}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _block(problem: Problem) -> str:
    place = f" {problem.path}" if problem.path else ""
    start = f"{problem.file}:{problem.line}:{problem.column}: {problem.severity.value} {problem.code}"
    lines = [f"{start}{place}: {problem.message}"]
    margin = " " * (len(str(problem.line)) + 2)
    if problem.excerpt:
        window, pad, width = _window(problem)
        lines += [f"  {problem.line} | {window}", f"{margin} | {pad}{'^' * width}"]
    if problem.hint:
        lines.append(f"{margin} = {problem.hint}")
    return "\n".join(lines)


def _window(problem: Problem) -> tuple[str, str, int]:
    """The part of the source line to show, the space before the caret and the length of the caret."""
    start = problem.column - 1
    first = 0
    if len(problem.excerpt) > EXCERPT_WIDTH:
        first = max(0, min(start - EXCERPT_WIDTH // 2, len(problem.excerpt) - EXCERPT_WIDTH))
    shown = problem.excerpt[first : first + EXCERPT_WIDTH]
    before = shown[: start - first]
    # a tab keeps its width only under a tab
    pad = "".join(char if char == "\t" else " " for char in before)
    width = max(1, min(problem.width, len(shown) - len(before)))
    return "".join(char if char.isprintable() or char == "\t" else "�" for char in shown), pad, width


def _sentence(problem: Problem) -> str:
    text = f"{problem.path}: {problem.message}" if problem.path else problem.message
    return f"{text}; {problem.hint}" if problem.hint else text


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
