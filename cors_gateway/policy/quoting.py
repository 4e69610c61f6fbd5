"""How a message shows what somebody wrote: on one line, not longer than a line, nothing invisible, no password."""

import json
import re

LONGEST = 100
"""Characters; the rest is an ellipsis."""

REDACTED = "*" * 8
"""Written in place of a secret, whatever its length."""

_USERINFO = re.compile(
    r"""(?<=://)[^\s"']*(?=@)"""
    r"""|(?<![^\s"'\[{,(])[^\s"'/@:,\[{]+:[^\s"'/]+(?=@[\w\[])"""
)
"""RFC 3986 section 3.2.1, also where the scheme was forgotten. All before the last `@` counts: passwords hold anything."""


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


def without_userinfo(text: str, *, is_aligned: bool = False) -> str:
    """The text with asterisks for what may be a password in a URL; as many as characters if `is_aligned`."""
    return _USERINFO.sub(lambda found: "*" * len(found[0]) if is_aligned else REDACTED, text)


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def _escaped(char: str) -> str:
    if char.isprintable():
        return char
    return f"\\u{ord(char):04x}" if char <= "\uffff" else f"\\U{ord(char):08x}"
