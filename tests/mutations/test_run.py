"""Mutations are judged by the tests of the module, in a copy: the tree stays as it is."""

from typing import TYPE_CHECKING

import pytest

from tests.mutations.edits import Mutation, Name, mutations
from tests.mutations.modules import Subject
from tests.mutations.run import ROOT, BaselineFails, run

if TYPE_CHECKING:
    from tests.mutations.collected import Verdict

MEMO = "cors_gateway/http1/memo.py"


def test_what_a_test_notices_is_told_from_what_none_does() -> None:
    source = (ROOT / MEMO).read_bytes()
    noticed = next(each for each in mutations(source) if each.name.change == "if not self.wants(key) → True")
    remark = Mutation(Name("", "", "a remark"), len(source), len(source), b"# A remark.\n")
    broken = Mutation(Name("", "", "no Python"), 0, 0, b"(")
    verdicts: dict[Mutation, Verdict] = {}

    run(Subject(MEMO, ("tests/http1/test_memo.py",)), [noticed, remark, broken], 1, verdicts.__setitem__)

    assert [verdicts[each].outcome for each in (noticed, remark, broken)] == ["killed", "survived", "killed"]
    assert verdicts[noticed].by.startswith("tests/http1/test_memo.py::")
    assert (ROOT / MEMO).read_bytes() == source


def test_tests_that_fail_on_the_module_as_it_is_judge_nothing() -> None:
    verdicts: dict[Mutation, Verdict] = {}
    found = mutations((ROOT / MEMO).read_bytes())

    with pytest.raises(BaselineFails, match="fails without any mutation"):
        run(Subject(MEMO, ("tests/http1/absent.py",)), found, 1, verdicts.__setitem__)

    assert verdicts == {}
