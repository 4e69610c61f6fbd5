"""Durations and sizes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_gateway.config.syntax.units import (
    UnitFault,
    format_duration,
    format_size,
    parse_duration,
    parse_size,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("500ms", 0.5),
        ("0s", 0),
        ("10s", 10),
        ("90s", 90),
        ("10m", 600),
        ("1h", 3600),
        ("1d", 86400),
        ("1ms", 0.001),
    ],
)
def test_a_duration_is_a_number_and_a_unit(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("10", 'write "10s"'),
        ("10 s", 'write "10s"'),
        ("10S", 'write "10s"'),
        ("10sec", 'write "10s"'),
        ("2 minutes", 'write "2m"'),
        ("1 Hour", 'write "1h"'),
        ("1.5s", "write a whole number and a unit: ms, s, m, h, d"),
        ("1m30s", "write a whole number and a unit: ms, s, m, h, d"),
        ("-1s", "write a whole number and a unit: ms, s, m, h, d"),
        ("1w", "write a whole number and a unit: ms, s, m, h, d"),
        ("", "write a whole number and a unit: ms, s, m, h, d"),
        ("s", "write a whole number and a unit: ms, s, m, h, d"),
        ("٣s", "write a whole number and a unit: ms, s, m, h, d"),
        ("1s\n", 'write "1s"'),
        ("1" * 30 + "s", "write a whole number and a unit: ms, s, m, h, d"),
    ],
)
def test_anything_else_is_not_a_duration(text: str, hint: str) -> None:
    assert parse_duration(text) == UnitFault("not a duration", hint)


@pytest.mark.parametrize(
    ("text", "size"), [("512B", 512), ("0B", 0), ("32KiB", 32768), ("1MiB", 1048576), ("2GiB", 2147483648)]
)
def test_a_size_is_a_number_and_a_unit(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        ("32", 'write "32KiB"'),
        ("32KB", 'write "32KiB"'),
        ("32k", 'write "32KiB"'),
        ("1 mb", 'write "1MiB"'),
        ("1g", 'write "1GiB"'),
        ("9 bytes", 'write "9B"'),
        ("1TiB", "write a whole number and a unit: B, KiB, MiB, GiB"),
        ("1.5MiB", "write a whole number and a unit: B, KiB, MiB, GiB"),
    ],
)
def test_anything_else_is_not_a_size(text: str, hint: str) -> None:
    assert parse_size(text) == UnitFault("not a size", hint)


@given(st.integers(0, 86_400_000))
def test_a_written_duration_reads_back(milliseconds: int) -> None:
    assert parse_duration(format_duration(milliseconds / 1000)) == milliseconds / 1000


@given(st.integers(0, 2**42))
def test_a_written_size_reads_back(size: int) -> None:
    assert parse_size(format_size(size)) == size


def test_the_largest_unit_that_fits_is_written() -> None:
    assert [format_duration(seconds) for seconds in (0, 0.25, 1, 90, 600, 7200, 86400)] == [
        "0s",
        "250ms",
        "1s",
        "90s",
        "10m",
        "2h",
        "1d",
    ]
    assert [format_size(size) for size in (0, 1000, 1024, 32768, 3 * 2**20, 2**30)] == [
        "0B",
        "1000B",
        "1KiB",
        "32KiB",
        "3MiB",
        "1GiB",
    ]
