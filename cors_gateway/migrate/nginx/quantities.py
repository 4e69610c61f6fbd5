"""Times and sizes as nginx writes them, in the spelling of this gateway."""

import re

from cors_gateway.config.syntax.units import format_duration, format_size

_TIME = re.compile(r"([0-9]+)(ms|s|m|h|d|w|M|y)?")
_SECONDS = {
    "ms": 0.001,
    "s": 1,
    "m": 60,
    "h": 3600,
    "d": 86_400,
    "w": 604_800,
    "M": 2_592_000,
    "y": 31_536_000,
}
_SIZE = re.compile(r"([0-9]+)([kKmMgG]?)")
_BYTES = {"": 1, "k": 1024, "m": 1024**2, "g": 1024**3}
_LONGEST = 86_400.0
_LARGEST = 1024**4


def duration(text: str) -> str | None:
    """`1h 30m`, `75` (seconds) or `500ms`; None for what is no time, or none that can be waited. A day at most."""
    parts = _TIME.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text.replace(" ", ""):
        return None
    seconds = sum(int(number) * _SECONDS[unit or "s"] for number, unit in parts)
    return format_duration(min(seconds, _LONGEST)) if seconds > 0 else None


def size(text: str) -> str | None:
    """`20m` or `512k`; "0" is no limit."""
    found = _SIZE.fullmatch(text)
    if found is None:
        return None
    value = int(found[1]) * _BYTES[found[2].lower()]
    return "0" if value == 0 else format_size(min(value, _LARGEST))
