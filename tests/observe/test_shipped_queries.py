"""The alerting rules and the dashboard that come with the gateway ask for what `/metrics` has, and for nothing else."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from cors_gateway.observe.metrics import NO_ROUTE
from cors_gateway.observe.prometheus import render
from cors_gateway.observe.remedies import REMEDIES
from cors_gateway.policy.reason import Kind, Outcome
from tests.observe.test_prometheus import GAUGES, counted

DIRECTORY = Path(__file__).parents[2] / "config" / "observability"
RULES: list[dict[str, Any]] = yaml.safe_load((DIRECTORY / "alerts.yaml").read_text())["groups"][0]["rules"]
DASHBOARD: dict[str, Any] = json.loads((DIRECTORY / "grafana-dashboard.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
VARIABLES = [variable for variable in DASHBOARD["templating"]["list"] if variable["type"] == "query"]

OF_SCRAPING = {"instance", "job"}
"""Labels that Prometheus adds."""

FUNCTIONS = {
    "absent",
    "changes",
    "count",
    "histogram_quantile",
    "increase",
    "max",
    "min",
    "rate",
    "sum",
    "time",
    "vector",
}
KEYWORDS = {"and", "or", "unless", "offset"}
LABEL_LISTS = re.compile(r"\b(?:by|on)\s*\(([^)]*)\)")
SELECTOR = re.compile(r"([a-z_]+)\s*\{([^}]*)\}")
MATCHER = re.compile(r'([a-z_]+)\s*[=!]=?~?\s*"([^"]*)"')
WINDOW = re.compile(r"\[[^\]]*\]")
NUMBER = re.compile(r"\b[0-9][0-9.]*[smhd]?\b")
NAME = re.compile(r"[a-z_]+")


def samples() -> dict[str, set[str]]:
    """Labels by the name of every sample that `/metrics` can have."""
    found: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(render(counted(), GAUGES).decode()):
        for sample in family.samples:
            found.setdefault(sample.name, set()).update(sample.labels)
    return found


SAMPLES = samples()

VALUES = {
    "status_class": {f"{digit}xx" for digit in range(1, 6)},
    "kind": {kind.value for kind in Kind},
    "outcome": {outcome.value for outcome in Outcome} | {"ok", "server_error"},
    "cause": set(REMEDIES),
    "route": {NO_ROUTE},
}
"""Labels from closed sets."""


def queries() -> Iterator[tuple[str, str]]:
    for rule in RULES:
        yield rule["alert"], rule["expr"]
    for panel in PANELS:
        for target in panel["targets"]:
            yield panel["title"], target["expr"]
    for annotation in DASHBOARD["annotations"]["list"]:
        yield annotation["name"], annotation["expr"]


each_query = pytest.mark.parametrize("query", [pytest.param(query, id=name) for name, query in queries()])


def faults(query: str) -> list[str]:
    """What is asked for and does not exist."""
    found = []
    metrics = set()
    for name, matchers in SELECTOR.findall(query):
        metrics.add(name)
        for label, value in MATCHER.findall(matchers):
            if label not in SAMPLES.get(name, set()) | OF_SCRAPING:
                found.append(f"{name} has no label {label}")
            if not value.startswith("$"):
                unknown = set(value.split("|")) - VALUES[label]
                found += [f"{label} is never {word}" for word in sorted(unknown)]
    bare = LABEL_LISTS.sub(" ", WINDOW.sub(" ", SELECTOR.sub(" ", query)))
    metrics |= set(NAME.findall(NUMBER.sub(" ", bare))) - FUNCTIONS - KEYWORDS
    found += [f"there is no {name}" for name in sorted(metrics - SAMPLES.keys())]
    known = OF_SCRAPING.union(*(SAMPLES.get(name, set()) for name in metrics))
    for labels in LABEL_LISTS.findall(query):
        found += [f"nothing has a label {label}" for label in NAME.findall(labels) if label not in known]
    return found


@each_query
def test_a_query_asks_for_what_there_is(query: str) -> None:
    assert faults(query) == []


@each_query
def test_a_query_closes_what_it_opens(query: str) -> None:
    assert [query.count(bracket) for bracket in "({["] == [query.count(bracket) for bracket in ")}]"]


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ("rate(cors_gateway_request_total[5m])", "there is no cors_gateway_request_total"),
        ('cors_gateway_requests_total{path="$x"}', "cors_gateway_requests_total has no label path"),
        ('cors_gateway_requests_total{status_class="500"}', "status_class is never 500"),
        ("sum by (origin) (cors_gateway_requests_total)", "nothing has a label origin"),
        ('cors_gateway_cors_decisions_total{outcome="denied"}', "outcome is never denied"),
    ],
)
def test_a_query_that_asks_for_something_else_is_found(query: str, fault: str) -> None:
    assert faults(query) == [fault]


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_an_alert_says_how_bad_it_is_and_what_to_do(rule: dict[str, Any]) -> None:
    known = OF_SCRAPING.union(*SAMPLES.values())
    used = re.findall(r"\$labels\.([a-z_]+)", json.dumps(rule["annotations"]))

    assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
    assert rule["labels"]["severity"] in {"warning", "critical"}
    assert rule["annotations"].keys() == {"summary", "description"}
    assert re.fullmatch(r"[0-9]+[sm]", rule.get("for", "0s"))
    assert set(used) <= known


def test_alerts_have_names_of_their_own() -> None:
    names = [rule["alert"] for rule in RULES]

    assert len(set(names)) == len(names)
    assert all(name.startswith("CorsGateway") for name in names)


def test_the_dashboard_offers_what_its_queries_choose_from() -> None:
    used = {name for _, query in queries() for name in re.findall(r"\$([a-z]+)", query)}

    assert used == {variable["name"] for variable in VARIABLES}
    for variable in VARIABLES:
        metric, label = re.fullmatch(
            r"label_values\(([a-z_]+)[^,]*, ([a-z]+)\)", variable["definition"]
        ).groups()  # type: ignore[union-attr]
        assert label in SAMPLES[metric] | OF_SCRAPING, variable


def test_panels_have_their_own_place() -> None:
    places = [
        (x, y)
        for panel in DASHBOARD["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    identifiers = [panel["id"] for panel in DASHBOARD["panels"]]

    assert len(set(places)) == len(places)
    assert max(x for x, _ in places) < 24
    assert len(set(identifiers)) == len(identifiers)


def test_every_panel_has_a_title_and_legends_of_existing_labels() -> None:
    known = OF_SCRAPING.union(*SAMPLES.values())
    for panel in PANELS:
        assert panel["title"]
        for target in panel["targets"]:
            assert set(re.findall(r"\{\{([a-z_]+)\}\}", target["legendFormat"])) <= known


def test_what_a_legend_names_is_what_the_query_leaves() -> None:
    """A label that was summed away would be shown as nothing."""
    for panel in PANELS:
        for target in panel["targets"]:
            kept = {name for labels in LABEL_LISTS.findall(target["expr"]) for name in NAME.findall(labels)}
            legend = set(re.findall(r"\{\{([a-z_]+)\}\}", target["legendFormat"]))
            assert legend <= kept | OF_SCRAPING, target
