"""What an operator reads when a file is wrong, word for word."""

from pathlib import Path

import pytest

from tests.config.golden import BAD, problems, report

FILES = sorted(BAD.glob("*.yaml"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_the_report_is_the_one_that_was_reviewed(file: Path) -> None:
    assert report(file) == file.with_suffix(".txt").read_text()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_no_problem_is_reported_twice(file: Path) -> None:
    seen = [(problem.line, problem.column, problem.code) for problem in problems(file)]

    assert len(seen) == len(set(seen))


def test_no_report_has_lost_its_file() -> None:
    assert {file.stem for file in BAD.glob("*.txt")} == {file.stem for file in FILES}
