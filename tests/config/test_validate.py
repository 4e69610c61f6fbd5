"""One part of a file against its model."""

import pytest
from pydantic import TypeAdapter

from cors_gateway.config.models.validate import check, suggestion
from cors_gateway.config.syntax.interpolation import ReferenceFault, expander
from cors_gateway.config.syntax.source import parse
from cors_gateway.config.syntax.tree import Document

NUMBERS: TypeAdapter[dict[str, int]] = TypeAdapter(dict[str, int])


def document(text: str) -> Document:
    found, _ = parse(
        text, file="f", directory="/", expand=expander({}, lambda name: ReferenceFault(name, ""))
    )
    assert found is not None
    return found


def test_a_part_without_faults_has_a_value() -> None:
    assert check(document("a: {b: 1}\n"), ("a",), NUMBERS).value == {"b": 1}


def test_a_part_that_is_not_there_has_nothing() -> None:
    checked = check(document("a: {b: 1}\n"), ("c",), NUMBERS)

    assert (checked.value, checked.problems) == (None, [])


def test_what_is_broken_already_is_not_reported_again() -> None:
    checked = check(document("a: {b: *x, c: '${UNSET}', d: x}\n"), ("a",), NUMBERS)

    assert checked.value is None
    assert [problem.path for problem in checked.problems] == ["a.d"]
    assert checked.faulty == [("b",), ("c",), ("d",)]


def test_stand_ins_take_the_place_of_what_is_checked_elsewhere() -> None:
    checked = check(document("a: {b: 1, c: x}\n"), ("a",), NUMBERS, {"c": 2})

    assert (checked.value, checked.problems) == ({"b": 1, "c": 2}, [])


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("allow_origin", 'did you mean "allow_origins"?'),
        ("Allow-Origins", 'did you mean "allow_origins"?'),
        ("max_aeg", 'did you mean "max_age"?'),
        ("colour", ""),
        ("", ""),
    ],
)
def test_the_nearest_known_word_is_suggested(word: str, hint: str) -> None:
    assert suggestion(word, ["allow_origins", "allow_methods", "max_age"]) == hint
