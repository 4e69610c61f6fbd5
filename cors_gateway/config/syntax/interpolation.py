"""References in values: `${NAME}`, `${NAME:-default}`, `${NAME:?message}`, `${file:/path}`, and `$$` for a dollar sign.

Only the braced forms are references: a lone `$` is text, as at the end of a regular expression. What a reference
yields is not looked at again. Which scalars are expanded is the business of `source.py`.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

CODE = "schema.interpolation"

_TOKEN = re.compile(r"\$\$|\$\{([^}]*)\}|\$\{")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_FILE = re.compile(r"\$\{file:([^}]*)\}")
_WHOLE = re.compile(r"\$\{[^}]*\}")


@dataclass(frozen=True, slots=True)
class Expanded:
    text: str
    is_whole: bool
    """The text was one reference and nothing else, so its value may be a number or a boolean."""
    has_reference: bool


@dataclass(frozen=True, slots=True)
class ReferenceFault:
    message: str
    hint: str


EMPTY = ReferenceFault("the value is empty once its references are replaced", "give a default: ${NAME:-text}")
"""The fault of a value of which nothing is left, for keys that may be empty to tell."""

ReadFile = Callable[[str], "str | ReferenceFault"]
Expand = Callable[[str], Expanded | ReferenceFault]


def expander(environ: Mapping[str, str], read_file: ReadFile) -> Expand:
    """Make the function that expands one value. `read_file` returns the content of a `${file:...}`."""

    def expand(text: str) -> Expanded | ReferenceFault:
        pieces: list[str] = []
        references = 0
        end = 0
        for match in _TOKEN.finditer(text):
            pieces.append(text[end : match.start()])
            end = match.end()
            if match[0] == "$$":
                pieces.append("$")
                continue
            references += 1
            value = _reference(match[1], environ, read_file)
            if isinstance(value, ReferenceFault):
                return value
            pieces.append(value)
        pieces.append(text[end:])
        result = "".join(pieces)
        if references and not result:
            return EMPTY
        return Expanded(result, _WHOLE.fullmatch(text) is not None, references > 0)

    return expand


def escape(text: str) -> str:
    """The spelling that expands to `text`."""
    return text.replace("$", "$$")


def absolute_reference(text: str, directory: str) -> str:
    """The same references, with files named so that they mean the same in a file of another directory."""
    return _FILE.sub(lambda found: f"${{file:{os.path.join(directory, found[1])}}}", text)  # noqa: PTH118


def _reference(body: str | None, environ: Mapping[str, str], read_file: ReadFile) -> str | ReferenceFault:
    if body is None:
        return ReferenceFault(
            '"${" without its "}"', "double the dollar sign if the characters are meant: $${"
        )
    if body.startswith("file:"):
        return _file(body.removeprefix("file:"), read_file)
    name = _NAME.match(body)
    if name is None:
        return ReferenceFault(f'"${{{body}}}" does not name a variable', "write ${NAME} or ${file:/path}")
    return _variable(name[0], body[name.end() :], environ)


def _variable(name: str, rest: str, environ: Mapping[str, str]) -> str | ReferenceFault:
    value = environ.get(name, "")
    operator, argument = rest[:2], rest[2:]
    # Never what follows the operator: the default of a secret is one.
    shape = f'"${{{name}{operator if rest[:1] == ":" else rest[:1]}…}}"'
    if "${" in argument:
        return ReferenceFault(f"{shape} puts one reference inside another", "use plain text as the default")
    if rest and operator not in (":-", ":?"):
        return ReferenceFault(
            f"{shape} is not a reference", "write ${NAME}, ${NAME:-default} or ${NAME:?message}"
        )
    if value:
        return value
    if operator == ":-":
        return argument
    state = "is empty" if name in environ else "is not set"
    if operator == ":?" and argument:
        return ReferenceFault(f'environment variable "{name}" {state}: {argument}', f"set {name}")
    return ReferenceFault(
        f'environment variable "{name}" {state}', f"set it, or give a default: ${{{name}:-text}}"
    )


def _file(path: str, read_file: ReadFile) -> str | ReferenceFault:
    if not path:
        return ReferenceFault('"${file:}" names no file', "write ${file:/path}")
    value = read_file(path)
    if isinstance(value, str) and not value:
        return ReferenceFault(f'the file "{path}" is empty', "")
    return value
