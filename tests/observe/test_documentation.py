"""`docs/observability.md` lists what there is: every metric with its labels, every field of the log, events that exist."""

import ast
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from cors_gateway.http1.cause import Cause
from cors_gateway.http2.cause import ConnectionCause
from cors_gateway.observe.log_format import JsonFormat
from cors_gateway.observe.remedies import REMEDIES
from cors_gateway.observe.trouble import Notice, Trouble
from cors_gateway.proxy.failure import UpstreamFailure
from tests import causes_page
from tests.observe.test_access_log import NOON, asked, record
from tests.observe.test_prometheus import CONTRACT

ROOT = Path(__file__).parents[2]
SECTIONS = dict(
    section.split("\n", 1) for section in (ROOT / "docs" / "observability.md").read_text().split("\n## ")[1:]
)
CODE = re.compile(r"`([^`]+)`")


def rows(section: str) -> Iterator[list[str]]:
    """Cells of the table in a section, its head left out."""
    for line in SECTIONS[section].splitlines():
        if line.startswith("| `"):
            yield [cell.strip() for cell in line.strip("|").split("|")]


def emitted() -> set[str]:
    """Names of all events in the program."""
    found = set()
    for path in (ROOT / "cors_gateway").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Name)
                and node.func.id in {"emit", "Trouble"}
                and node.args
            ):
                found |= {
                    one.value
                    for one in ast.walk(node.args[0])
                    if isinstance(one, ast.Constant) and isinstance(one.value, str)
                }
    return found


def test_every_metric_is_documented_with_its_type_and_labels() -> None:
    documented = {
        CODE.findall(name)[0].removeprefix("cors_gateway_").removesuffix("_total"): (
            kind,
            set(re.findall(r"[a-z_]+", labels)),
        )
        for name, kind, labels, _ in rows("Metrics")
    }
    totals = {
        CODE.findall(name)[0].endswith("_total") for name, kind, *_ in rows("Metrics") if kind == "counter"
    }

    assert documented == CONTRACT
    assert totals == {True}


def test_every_failure_of_an_upstream_is_documented() -> None:
    words = set(CODE.findall(SECTIONS["Metrics"]))
    assert {word for word in words if word.startswith(("upstream_", "gateway_"))} == set(UpstreamFailure)


def test_there_is_something_to_do_about_every_cause_and_about_nothing_else() -> None:
    words = [*Cause, *ConnectionCause, *UpstreamFailure, *Notice]

    assert len(set(map(str, words))) == len(words)
    assert set(REMEDIES) == set(map(str, words))


def test_the_page_of_causes_is_current() -> None:
    assert causes_page.DOCUMENT.read_text(encoding="utf-8") == causes_page.causes()


def test_every_field_of_the_access_log_is_documented() -> None:
    trouble = Trouble("upstream_failed", Cause.FOLDED_LINE, "line 3", "upstream_invalid_response")
    failed = replace(record(), trouble=trouble, asked=asked(b"PUT"))
    documented = [name for names, _ in rows("Access log") for name in CODE.findall(names)]

    assert len(set(documented)) == len(documented)
    assert set(documented) == set(json.loads(JsonFormat().line(failed, NOON)))


def test_documented_events_exist() -> None:
    documented = {name for names, _ in rows("Events") for name in CODE.findall(names)}

    assert documented - emitted() == set()
