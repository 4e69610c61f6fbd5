"""Durations and sizes: `90s`, `500ms`, `32KiB`. One number, one unit, no spaces, no fractions."""

import re
from dataclasses import dataclass

DURATION_UNITS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
"""In milliseconds."""
SIZE_UNITS = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3}

_QUANTITY = re.compile(r"([0-9]{1,15})([A-Za-z]+)")


@dataclass(frozen=True, slots=True)
class UnitFault:
    message: str
    hint: str


def parse_duration(text: str) -> float | UnitFault:
    """Seconds."""
    match = _QUANTITY.fullmatch(text)
    if match is None or match[2] not in DURATION_UNITS:
        return UnitFault("not a duration", _suggest(text, "s", DURATION_UNITS))
    return int(match[1]) * DURATION_UNITS[match[2]] / 1000


def format_duration(seconds: float) -> str:
    """The shortest spelling that `parse_duration` reads as the same value; whole milliseconds."""
    return _format(round(seconds * 1000), DURATION_UNITS, zero="0s")


def parse_size(text: str) -> int | UnitFault:
    """Bytes."""
    match = _QUANTITY.fullmatch(text)
    if match is None or match[2] not in SIZE_UNITS:
        return UnitFault("not a size", _suggest(text, "KiB", SIZE_UNITS))
    return int(match[1]) * SIZE_UNITS[match[2]]


def format_size(size: int) -> str:
    """The shortest spelling that `parse_size` reads as the same value."""
    return _format(size, SIZE_UNITS, zero="0B")


def _format(value: int, units: dict[str, int], *, zero: str) -> str:
    if value == 0:
        return zero
    name, factor = next((name, factor) for name, factor in reversed(units.items()) if value % factor == 0)
    return f"{value // factor}{name}"


def _suggest(text: str, default: str, units: dict[str, int]) -> str:
    """The corrected spelling where it can be guessed, otherwise the rule."""
    match = re.fullmatch(r"\s*([0-9]{1,15})\s*([A-Za-z]*)\s*", text)
    if match:
        name = match[2].lower()
        unit = default if not name else next((unit for unit in units if _is_like(name, unit)), None)
        if unit:
            return f'write "{match[1]}{unit}"'
    return f"write a whole number and a unit: {', '.join(units)}"


def _is_like(name: str, unit: str) -> bool:
    """`SEC`, `seconds`, `kb` mean `s` and `KiB`."""
    known = {
        "sec": "s",
        "second": "s",
        "minute": "m",
        "min": "m",
        "hour": "h",
        "day": "d",
        "millisecond": "ms",
    }
    known |= {"k": "KiB", "kb": "KiB", "m": "MiB", "mb": "MiB", "g": "GiB", "gb": "GiB", "byte": "B"}
    return name == unit.lower() or known.get(name.removesuffix("s")) == unit
