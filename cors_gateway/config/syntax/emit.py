"""Writing plain values as YAML that this package's own reader reads back as the same values.

PyYAML's writer follows YAML 1.1, where `0o17` needs no quotes and `off` does.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from cors_gateway.config.syntax.interpolation import escape
from cors_gateway.config.syntax.scalars import is_yaml11_number, resolve, yaml11_boolean

_INDENT = "  "
_PLAIN = re.compile(r"[A-Za-z0-9/.][A-Za-z0-9/._+-]*|https?://[A-Za-z0-9._-]+(?::[0-9]+)?")
_UNPRINTABLE = re.compile("[\x7f-\x9f\u2028\u2029\ufeff\ud800-\udfff\ufffe\uffff]")


class Raw(str):
    """A text with `${...}` references that are meant as such."""

    __slots__ = ()


def to_yaml(value: dict[str, Any]) -> str:
    """A document in block style: mappings, texts, integers, booleans, and lists of anything but lists."""
    return "\n".join(_lines(value, "")) + "\n"


def scalar(value: object) -> str:
    """One text, integer or boolean, quoted where it has to be; safe in flow style as well."""
    return _scalar(value)


def _lines(value: dict[str, Any] | list[Any], indent: str) -> Iterator[str]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _entry(f"{indent}{_key(key)}:", item, indent)
    else:
        for item in value:
            yield from _item(item, indent)


def _entry(start: str, item: object, indent: str) -> Iterator[str]:
    if isinstance(item, dict | list) and item:
        yield start
        yield from _lines(item, indent + _INDENT)
    else:
        yield f"{start} {_scalar(item)}"


def _item(item: object, indent: str) -> Iterator[str]:
    """A mapping in a list begins on the line of its dash."""
    if isinstance(item, dict) and item:
        first, *rest = _lines(item, indent + _INDENT)
        yield f"{indent}- {first.lstrip()}"
        yield from rest
    else:
        yield f"{indent}- {_scalar(item)}"


def _key(text: str) -> str:
    """References are not looked for in keys."""
    return _scalar(Raw(text))


def _scalar(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, dict | list):
        return "{}" if isinstance(value, dict) else "[]"
    text = str(value)
    if _PLAIN.fullmatch(text) and isinstance(resolve(text), str) and not _is_tempting(text):
        return text
    return _quoted(text if isinstance(value, Raw) else escape(text))


def _is_tempting(text: str) -> bool:
    """True for words that other readers take for booleans or numbers. `off` is a word of this format."""
    return (yaml11_boolean(text) is not None and text != "off") or is_yaml11_number(text)


def _quoted(text: str) -> str:
    # a JSON string is a YAML double-quoted scalar, but YAML has fewer printable characters
    return _UNPRINTABLE.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False))
