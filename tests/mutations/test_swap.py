"""What a changed text changes of a module that is imported already."""

import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from tests.mutations.reach import lines_run, statements
from tests.mutations.swap import CannotSwap, functions_of, swap

SOURCE = """\
import functools

LIMIT = 1


def double(number):
    return 2 * number


class Counter:
    step = 1

    def __init__(self):
        self.count = 0

    @property
    def next(self):
        return self.count + 1

    @staticmethod
    def many(count=2):
        return [each + 1 for each in range(count)]


@functools.cache
def adder(number):
    def add(other):
        return number + other

    return add


negate = lambda number: -number
"""

Import = Callable[[str], ModuleType]


@pytest.fixture(name="module")
def _module(tmp_path: Path) -> ModuleType:
    path = tmp_path / "swapped.py"
    path.write_text(SOURCE)
    return imported(path)


def imported(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def change(module: ModuleType, before: str, after: str) -> None:
    assert module.__file__ is not None
    assert SOURCE.count(before) == 1
    path = Path(module.__file__)
    swap(functions_of(path), path, SOURCE.encode(), SOURCE.replace(before, after).encode())


def test_a_function_that_somebody_holds_runs_as_changed(module: ModuleType) -> None:
    double = module.double
    change(module, "2 * number", "3 * number")
    assert (double(5), module.negate(1)) == (15, -1)
    assert double.__code__.co_filename == module.__file__


def test_methods_of_things_that_are_there_run_as_changed(module: ModuleType) -> None:
    counter = module.Counter()
    change(module, "self.count + 1", "self.count +\\\n 7")
    assert (counter.next, module.Counter.many(), module.adder(1)(2)) == (7, [1, 2], 3)


def test_what_stands_in_a_function_is_changed_with_it(module: ModuleType) -> None:
    many = module.Counter.many
    change(module, "[each + 1 for", "[each for")
    assert (many(), module.Counter.many(1)) == ([0, 1], [0])


def test_functions_within_functions_run_as_changed_also_those_that_are_there(module: ModuleType) -> None:
    add = module.adder(1)
    change(module, "number + other", "number - other")
    assert (add(2), module.adder(5)(2)) == (-1, 3)


def test_what_ran_on_import_stays(module: ModuleType) -> None:
    change(module, "LIMIT = 1\n", "LIMIT = 2\nCounter = None\n")
    assert (module.LIMIT, module.Counter.step, module.Counter.many()) == (1, 1, [1, 2])


@pytest.mark.parametrize(
    ("before", "after"), [("number + other", "other"), ("return add\n", "return (\n"), ("-number", "\0")]
)
def test_what_cannot_be_changed_in_place_is_said(module: ModuleType, before: str, after: str) -> None:
    kept = module.adder(1)
    with pytest.raises(CannotSwap):
        change(module, before, after)
    assert kept(2) == 3


def test_lines_that_run_are_seen_in_one_file_alone(module: ModuleType) -> None:
    assert module.__file__ is not None
    with lines_run(Path(module.__file__)) as lines:
        assert module.double(1) == 2
        assert lines == set()
    assert lines == {7}
    with lines_run(Path(module.__file__)) as lines:
        pass
    assert lines == set()


def test_a_line_belongs_to_the_innermost_statement() -> None:
    text = b"""\
# Nothing.
if (a or
        b):
    f(1,
      2)

    def g():
        "Said."
        return 3
else: h()
"""
    assert {line: (span.start, span.stop - 1) for line, span in statements(text).items()} == {
        **dict.fromkeys((2, 3), (2, 3)),
        **dict.fromkeys((4, 5), (4, 5)),
        **{line: (line, line) for line in range(7, 11)},
    }
