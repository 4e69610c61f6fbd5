"""The YAML 1.2 core schema: which plain scalars are null, booleans and numbers, and which only YAML 1.1 thinks are.

PyYAML's own resolver follows YAML 1.1, where `no` is false, `010` is 8 and `12:30` is 750.
"""

import re

Value = str | int | float | bool | None

_NULL = frozenset({"", "~", "null", "Null", "NULL"})
_BOOLEAN = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_YAML11_BOOLEAN = {
    **dict.fromkeys(("yes", "on", "y"), True),
    **dict.fromkeys(("no", "off", "n"), False),
}
_INTEGER = re.compile(r"[-+]?(?:0|[1-9][0-9]{0,40})|0o[0-7]{1,40}|0x[0-9a-fA-F]{1,40}")
_FLOAT = re.compile(
    r"[-+]?(?:0|[1-9][0-9]{0,40})?\.[0-9]{1,40}(?:[eE][-+]?[0-9]{1,3})?"
    r"|[-+]?(?:0|[1-9][0-9]{0,40})(?:\.|\.?[eE][-+]?[0-9]{1,3})"
    r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)"
)
_YAML11_NUMBER = re.compile(
    r"[-+]?(?:0b[01_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*(?:\.[0-9_]*)?|[0-9][0-9_]*(?::[0-5]?[0-9])+(?:\.[0-9_]*)?)"
)


def resolve(text: str) -> Value:
    """The value of a plain scalar.

    A number with a leading zero stays text, although YAML 1.2 reads `010` as 10: YAML 1.1 reads 8, and a value two
    parsers read differently must not decide anything.
    """
    if text in _NULL:
        return None
    if text in _BOOLEAN:
        return _BOOLEAN[text]
    if text[0] not in "0123456789+-.":
        return text
    if _INTEGER.fullmatch(text):
        return int(text, 0)
    if _FLOAT.fullmatch(text):
        return float(text.lower().replace(".inf", "inf").replace(".nan", "nan"))
    return text


def yaml11_boolean(text: str) -> bool | None:
    """What YAML 1.1 reads a word as, if it is one of its additional booleans (`yes`, `off`, ...)."""
    return _YAML11_BOOLEAN.get(text.lower())


def is_yaml11_number(text: str) -> bool:
    """True for text that YAML 1.1 reads as a number and this loader does not: `010`, `10:00`, `1_000`, `0b1`."""
    return isinstance(resolve(text), str) and _YAML11_NUMBER.fullmatch(text) is not None
