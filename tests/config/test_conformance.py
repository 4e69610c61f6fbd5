"""Every whole file of the conformance set gets its verdict and its codes."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from cors_gateway.config.syntax.secrets import redacted_line
from tests.config.written import load_text

CASES = yaml.safe_load((Path(__file__).parent.parent / "conformance" / "config.yaml").read_text())["cases"]


@pytest.mark.parametrize("case", CASES, ids=[f"{case['id']} {case['title']}" for case in CASES])
def test_a_file_gets_its_verdict_and_its_codes(case: dict[str, Any], tmp_path: Path) -> None:
    loaded = load_text(tmp_path, case["yaml"])
    verdict = "reject" if loaded.snapshot is None else "warn" if loaded.problems else "accept"
    expected = set(case.get("codes", [case["code"]] if "code" in case else []))

    assert verdict in {case["verdict"], *case.get("accept_also", [])}, loaded.problems
    if verdict != "accept":
        assert expected <= {problem.code for problem in loaded.problems}


@pytest.mark.parametrize(
    "case", [case for case in CASES if case["verdict"] == "reject"], ids=lambda case: case["id"]
)
def test_every_problem_names_a_place_and_most_a_remedy(case: dict[str, Any], tmp_path: Path) -> None:
    for problem in load_text(tmp_path, case["yaml"]).problems:
        assert problem.file.endswith("gateway.yaml")
        assert problem.line > 1
        assert problem.excerpt == redacted_line(case["yaml"].splitlines()[problem.line - 1])
        assert problem.message
