"""`docs/architecture.md` names what there is: every floor, every module, every memory."""

import re
from pathlib import Path

import pytest

from tests.test_architecture import FLOORS, LAYERS, PACKAGE, ROOT

DOCUMENT = ROOT / "docs" / "architecture.md"
TEXT = DOCUMENT.read_text()


def section(title: str) -> str:
    return TEXT.partition(f"## {title}\n")[2].partition("\n## ")[0]


def test_the_packages_stand_in_the_order_that_is_held() -> None:
    named = re.findall(r"^\| `(\w+)(?:/|\.py)` \|", section("Floors"), re.MULTILINE)

    assert named == LAYERS


def test_the_floors_of_the_data_path_are_those_that_are_held() -> None:
    rows = re.findall(r"^\| (\d+) \| (.+) \|$", section("Floors"), re.MULTILINE)
    described = {int(number): set(re.findall(r"`(\w+)`", text)) for number, text in rows}

    assert described == dict(enumerate(FLOORS["proxy"]))


@pytest.mark.parametrize("path", sorted(set(re.findall(r"`((?:\w+/)+\w*(?:\.py)?)`", TEXT))))
def test_a_path_that_is_named_exists(path: str) -> None:
    assert (PACKAGE / path).exists() or (ROOT / path).exists()


@pytest.mark.parametrize("name", re.findall(r"^\| `([\w.]+)`", section("What is remembered"), re.MULTILINE))
def test_a_memory_is_where_the_table_says(name: str) -> None:
    """`module.Class.attribute`, as much of it as is written."""
    module, *names = name.split(".")

    assert len([path for path in PACKAGE.rglob(f"{module}.py") if _holds(path, names)]) == 1


def _holds(path: Path, names: list[str]) -> bool:
    return all(re.search(rf"\b{re.escape(name)}\b", path.read_text()) for name in names)
