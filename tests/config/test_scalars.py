"""What a plain scalar is: YAML 1.2, and nothing of YAML 1.1."""

import math

import pytest

from cors_gateway.config.syntax.scalars import Value, is_yaml11_number, resolve, yaml11_boolean


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None), ("~", None), ("null", None), ("Null", None), ("NULL", None), ("nULL", "nULL"),
        ("true", True), ("True", True), ("FALSE", False), ("tRUE", "tRUE"),
        ("yes", "yes"), ("on", "on"), ("off", "off"), ("No", "No"), ("y", "y"),
        ("0", 0), ("42", 42), ("-7", -7), ("+7", 7), ("0o17", 15), ("0x1F", 31),
        ("010", "010"), ("00", "00"), ("1_000", "1_000"), ("0b11", "0b11"), ("10:00", "10:00"), ("12:30:45", "12:30:45"),
        ("600.0", 600.0), (".5", 0.5), ("-1.5", -1.5), ("1e3", 1000.0), ("1.5e-1", 0.15), ("2.", 2.0), ("007.5", "007.5"),
        (".inf", math.inf), ("-.Inf", -math.inf),
        ("1.2.3.4", "1.2.3.4"), ("+", "+"), ("-", "-"), (".", "."), ("2026-01-01", "2026-01-01"), ("=", "="),
        ("9" * 41, int("9" * 41)), ("9" * 5000, "9" * 5000), ("٣", "٣"),
    ],
)  # fmt: skip
def test_a_plain_scalar_has_one_value(text: str, value: Value) -> None:
    assert (resolve(text), type(resolve(text))) == (value, type(value))


def test_not_a_number_is_a_float() -> None:
    assert math.isnan(resolve(".nan"))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("text", "meant"),
    [("yes", True), ("ON", True), ("y", True), ("no", False), ("Off", False), ("true", None), ("offf", None)],
)
def test_the_booleans_of_yaml_1_1_are_known(text: str, meant: bool | None) -> None:
    assert yaml11_boolean(text) is meant


@pytest.mark.parametrize(
    ("text", "is_one"),
    [
        ("010", True),
        ("10:00", True),
        ("1_000", True),
        ("0b1", True),
        ("12:30:45", True),
        ("600", False),
        ("0x1F", False),
        ("10m", False),
        ("", False),
        ("1.5", False),
    ],
)
def test_the_numbers_of_yaml_1_1_are_known(text: str, is_one: bool) -> None:
    assert is_yaml11_number(text) is is_one
