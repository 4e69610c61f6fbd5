"""References in values: what they yield, what is refused, and where they are looked for."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_gateway.config.syntax.interpolation import (
    Expanded,
    ReferenceFault,
    absolute_reference,
    escape,
    expander,
)
from tests.config.written import codes, load_text

ENVIRON = {"NAME": "value", "EMPTY": "", "_x1": "low", "DOLLAR": "${NAME}$$"}
FILES = {"/run/secrets/token": "s3cret", "/empty": ""}


def read_file(name: str) -> str | ReferenceFault:
    return FILES[name] if name in FILES else ReferenceFault(f"no file {name}", "")


expand = expander(ENVIRON, read_file)


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("plain", "plain"),
        ("${NAME}", "value"),
        ("a-${NAME}-b", "a-value-b"),
        ("${NAME}${_x1}", "valuelow"),
        ("${NAME:-other}", "value"),
        ("${EMPTY:-other}", "other"),
        ("${UNSET:-other}", "other"),
        ("${UNSET:-a:b-?c d}", "a:b-?c d"),
        ("x${UNSET:-}y", "xy"),
        ("${NAME:?is needed}", "value"),
        ("${file:/run/secrets/token}", "s3cret"),
        ("$$", "$"),
        ("$${NAME}", "${NAME}"),
        ("$$$NAME", "$$NAME"),
        ("^https://app$", "^https://app$"),
        ("$NAME", "$NAME"),
        ("${DOLLAR}", "${NAME}$$"),
    ],
)
def test_a_reference_is_replaced_once(text: str, result: str) -> None:
    expanded = expand(text)

    assert isinstance(expanded, Expanded)
    assert expanded.text == result


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("${UNSET}", 'environment variable "UNSET" is not set'),
        ("${EMPTY}", 'environment variable "EMPTY" is empty'),
        ("${UNSET:?set the origin}", 'environment variable "UNSET" is not set: set the origin'),
        ("${EMPTY:?}", 'environment variable "EMPTY" is empty'),
        ("${UNSET:-}", "the value is empty once its references are replaced"),
        ("${", '"${" without its "}"'),
        ("${NAME", '"${" without its "}"'),
        ("${}", '"${}" does not name a variable'),
        ("${1X}", '"${1X}" does not name a variable'),
        ("${NAME-x}", '"${NAME-…}" is not a reference'),
        ("${NAME:=x}", '"${NAME:=…}" is not a reference'),
        ("${NAME:+x}", '"${NAME:+…}" is not a reference'),
        ("${NA ME}", '"${NA …}" is not a reference'),
        ("${UNSET:-${NAME}}", '"${UNSET:-…}" puts one reference inside another'),
        ("${file:}", '"${file:}" names no file'),
        ("${file:/nowhere}", "no file /nowhere"),
        ("${file:/empty}", 'the file "/empty" is empty'),
    ],
)
def test_what_cannot_be_replaced_is_a_fault(text: str, message: str) -> None:
    fault = expand(text)

    assert isinstance(fault, ReferenceFault)
    assert fault.message == message


@given(st.text(max_size=40))
def test_escaped_text_comes_through_as_it_was(text: str) -> None:
    assert expand(escape(text)) == Expanded(text, is_whole=False, has_reference=False)


@given(st.text(alphabet="${}:-?fileNAME/ x", max_size=30))
def test_nothing_makes_it_raise(text: str) -> None:
    assert isinstance(expand(text), Expanded | ReferenceFault)


@pytest.mark.parametrize(
    ("reference", "absolute"),
    [
        ("${file:token}", "${file:/etc/gw/token}"),
        ("${file:/run/token}", "${file:/run/token}"),
        ("a${file:x}b${NAME}", "a${file:/etc/gw/x}b${NAME}"),
    ],
)
def test_references_can_be_moved_to_another_directory(reference: str, absolute: str) -> None:
    assert absolute_reference(reference, "/etc/gw") == absolute


ROUTES = "routes:\n  - {name: r, path: /, upstream: http://127.0.0.1:9, cors: disabled}\n"


@pytest.mark.parametrize(
    ("workers", "environ", "outcome"),
    [
        ("${N}", {"N": "4"}, 4),
        ("${N:-8}", {}, 8),
        ("${N}", {"N": "auto"}, 0),
        ('"${N}"', {"N": "4"}, "schema.type"),
        ("1${N}", {"N": "4"}, "schema.type"),
        ("${N}", {"N": "4 # four"}, "schema.type"),
        ("${N}", {"N": "~"}, "schema.type"),
    ],
)
def test_only_a_value_that_is_one_reference_becomes_a_number(
    workers: str, environ: dict[str, str], outcome: int | str, tmp_path: Path
) -> None:
    loaded = load_text(tmp_path, f"version: 1\nserver:\n  workers: {workers}\n{ROUTES}", environ)

    assert (loaded.snapshot.server.workers if loaded.snapshot else codes(loaded)[0]) == outcome


def test_a_value_cannot_change_the_structure(tmp_path: Path) -> None:
    """What looks like YAML in a variable is text."""
    text = f"version: 1\nserver:\n  listen: ${{L}}\n{ROUTES}"
    loaded = load_text(tmp_path, text, {"L": "[0.0.0.0:1, 0.0.0.0:2]"})

    assert codes(loaded) == ["schema.type"]


def test_keys_are_not_expanded(tmp_path: Path) -> None:
    loaded = load_text(tmp_path, f"version: 1\n${{K}}: 1\n{ROUTES}", {"K": "server"})

    assert codes(loaded) == ["schema.unknown_key"]


def test_a_file_is_read_relative_to_the_configuration_and_loses_one_line_break(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("0123456789abcdef\n")
    loaded = load_text(tmp_path, f"version: 1\nadmin:\n  token: ${{file:token}}\n{ROUTES}")

    assert loaded.snapshot is not None
    assert loaded.snapshot.admin is not None
    assert loaded.snapshot.admin.token == "0123456789abcdef"
    assert str(tmp_path / "token") in loaded.files


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"\xff\xfe", "is not UTF-8 text"),
        (b"x" * 70_000, "larger than 64 KiB"),
        (b"\n", "is empty"),
        (None, "no such file"),
    ],
)
def test_a_file_that_cannot_be_used_is_a_problem(content: bytes | None, message: str, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "secret").write_bytes(content)
    loaded = load_text(tmp_path, f"version: 1\nadmin:\n  token: ${{file:secret}}\n{ROUTES}")

    assert codes(loaded) == ["schema.interpolation"]
    assert message in loaded.problems[0].message
