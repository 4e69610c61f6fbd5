"""`cors-gateway test`: run the `tests:` of a configuration; nothing is sent anywhere.

`--format json` prints one object; keys are only ever added:

    ok      whether all passed
    passed  how many did
    failed  how many did not
    tests   [{file, line, column, request: {origin, method, host, path, headers, credentials}, expect: "allow" | "deny",
              expect_reason, passed, failure: text, verdict, reason}]; verdict and reason as in `explain`, null for a test
            that describes nothing that could be sent
"""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from cors_gateway.cli.colour import ERROR, FINE
from cors_gateway.cli.load_or_exit import snapshot_or_exit
from cors_gateway.cli.options import config_option
from cors_gateway.exit_codes import TESTS_FAILED

if TYPE_CHECKING:
    from cors_gateway.explain.policy_tests import Outcome
    from cors_gateway.snapshot import PolicyTest


@click.command()
@config_option
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def command(path: Path, form: str) -> None:
    """Run the tests of the configuration; exit code 4 if any fails."""
    import json

    from cors_gateway.explain.policy_tests import run_tests

    outcomes = list(run_tests(snapshot_or_exit(path, form)))
    if form == "json":
        click.echo(json.dumps(_document(outcomes), indent=2, ensure_ascii=False))
    elif outcomes:
        click.echo("".join(f"{_line(outcome)}\n" for outcome in outcomes) + _summary(outcomes))
    else:
        click.echo(f"{path}: there are no tests; write some under tests:")
    if not all(outcome.passed for outcome in outcomes):
        sys.exit(TESTS_FAILED)


def _summary(outcomes: Sequence["Outcome"]) -> str:
    passed = sum(outcome.passed for outcome in outcomes)
    return f"{passed} passed, {len(outcomes) - passed} failed"


def _line(outcome: "Outcome") -> str:
    test = outcome.test
    place = "" if test.location is None else f"{test.location.file}:{test.location.line}: "
    word = click.style("pass", fg=FINE) if outcome.passed else click.style("FAIL", fg=ERROR)
    line = f"{word}  {place}{_request(test)}: {_expectation(test)}"
    return line if outcome.passed else f"{line}\n      {outcome.failure}"


def _request(test: "PolicyTest") -> str:
    headers = f" with {', '.join(test.headers)}" if test.headers else ""
    cookies = " with credentials" if test.credentials else ""
    page = f" from {test.origin}" if test.origin is not None else ""
    return f"{test.method} {test.host or ''}{test.path}{headers}{cookies}{page}"


def _expectation(test: "PolicyTest") -> str:
    return "allow" if test.allow else "deny" if test.reason is None else f"deny, {test.reason}"


def _document(outcomes: Sequence["Outcome"]) -> dict[str, object]:
    passed = sum(outcome.passed for outcome in outcomes)
    return {
        "ok": passed == len(outcomes),
        "passed": passed,
        "failed": len(outcomes) - passed,
        "tests": [_entry(outcome) for outcome in outcomes],
    }


def _entry(outcome: "Outcome") -> dict[str, object]:
    test, explanation, location = outcome.test, outcome.explanation, outcome.test.location
    reason = None if explanation is None or explanation.reason is None else explanation.reason.value
    return {
        "file": None if location is None else location.file,
        "line": None if location is None else location.line,
        "column": None if location is None else location.column,
        "request": {
            "origin": test.origin,
            "method": test.method,
            "host": test.host,
            "path": test.path,
            "headers": list(test.headers),
            "credentials": test.credentials,
        },
        "expect": "allow" if test.allow else "deny",
        "expect_reason": test.reason,
        "passed": outcome.passed,
        "failure": outcome.failure,
        "verdict": None if explanation is None else explanation.verdict.value,
        "reason": reason,
    }
