"""How a message shows what somebody wrote: on one line, not longer than a line, nothing invisible."""

import json

LONGEST = 100
"""Characters; the rest is an ellipsis."""


def quoted(text: str) -> str:
    """The text in double quotes, escaped so that it can be pasted into YAML or JSON."""
    return "".join(map(_escaped, json.dumps(_cut(text), ensure_ascii=False)))


def shown(text: str) -> str:
    """The text in double quotes as it was typed: the backslashes of an expression stay single."""
    return f'"{visible(text)}"'


def visible(text: str) -> str:
    """The text as it was typed, without quotes."""
    return "".join(
        char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in _cut(text)
    )


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _escaped(char: str) -> str:
    if char.isprintable():
        return char
    return f"\\u{ord(char):04x}" if char <= "\uffff" else f"\\U{ord(char):08x}"
