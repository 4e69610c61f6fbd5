"""`compare` of a real nginx and of the gateway with the translation: every difference has a name."""

from pathlib import Path

import pytest

from tests.migrate.case import Case, differences, every_case
from tests.migrate.compared import compared
from tests.migrate.explained import ALWAYS, FOLLOWS_FROM


@pytest.mark.nginx
@every_case()
async def test_nginx_and_its_translation_differ_by_name_only(case: Case, tmp_path: Path) -> None:
    found = await compared(case, tmp_path)

    assert found.unexplained == []


def test_the_names_are_those_of_the_cases() -> None:
    assert ALWAYS | FOLLOWS_FROM.keys() <= differences()
