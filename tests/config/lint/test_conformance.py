"""The sample configurations, judged by the rules alone: whole files are loaded in `tests/config/test_conformance.py`."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from cors_gateway.config.lint.finding import Finding
from tests.config.lint.said import findings, routes

CASES = yaml.safe_load((Path(__file__).parents[2] / "conformance" / "config.yaml").read_text())["cases"]
UNREADABLE = {"CF-SC-14"}
"""Not YAML, and meant not to be."""
OF_THE_LOADER = {"CF-SC-19", "CF-XH-02"}
"""About the YAML text, or about keys that no policy has."""


def codes(case: dict[str, Any]) -> set[str]:
    return set(case.get("codes", [case["code"]] if "code" in case else []))


def is_for_rules(case: dict[str, Any]) -> bool:
    about_types = any(
        code.endswith(".type") or (code.startswith("schema.") and code != "schema.conflict")
        for code in codes(case)
    )
    return not about_types and case["id"] not in UNREADABLE | OF_THE_LOADER


def check(text: str) -> list[Finding]:
    document = yaml.safe_load(text)
    policies = document.get("policies") or {}
    found = [
        finding for policy in policies.values() for finding in findings(**{"allow_origins": None, **policy})
    ]
    return found + routes(*document["routes"], policies=tuple(policies))


RULED = [pytest.param(case, id=f"{case['id']} {case['title']}") for case in CASES if is_for_rules(case)]


@pytest.mark.parametrize("case", RULED)
def test_case(case: dict[str, Any]) -> None:
    found = check(case["yaml"])
    severities = {finding.severity for finding in found}
    verdict = "reject" if "error" in severities else "warn" if severities else "accept"
    assert verdict in {case["verdict"], *case.get("accept_also", [])}, found
    assert codes(case) <= {finding.code for finding in found}


def test_most_cases_are_for_the_rules() -> None:
    assert len(RULED) > 110
