"""Every set of manifests: what is found, what is left out, what is written, and what the translation decides."""

import json
from pathlib import Path
from typing import Any

import yaml
from click.testing import CliRunner

from cors_gateway.cli import main
from cors_gateway.config.load import load
from cors_gateway.explain.policy_tests import run_tests
from cors_gateway.http1.location import redirect_location
from cors_gateway.http1.prefix import PrefixMap
from cors_gateway.routing import RouteTable
from cors_gateway.snapshot import Redirect, Route, Snapshot
from tests.migrate.ingress.case import IngressCase, every_case

IMPORTED: dict[str, dict[str, Any]] = {}


def imported(case: IngressCase) -> dict[str, Any]:
    """What the verb prints for a case."""
    if case.name not in IMPORTED:
        result = CliRunner().invoke(main, ["import-ingress", "--format", "json", *map(str, case.files)])
        assert result.exit_code == 0, result.output
        IMPORTED[case.name] = json.loads(result.stdout)
    return IMPORTED[case.name]


@every_case()
def test_everything_is_said_at_its_place(case: IngressCase) -> None:
    document = imported(case)

    assert _said(document["findings"], "code") == case.expect["findings"]
    assert _said(document["untranslated"], "directive") == case.expect["untranslated"]
    assert _said(document["notes"], "directive") == case.expect["notes"]


@every_case()
def test_the_configuration_is_as_written_down(case: IngressCase) -> None:
    document = yaml.load(imported(case)["configuration"], yaml.CSafeLoader)

    assert document == {"version": 1, **case.expect["configuration"]}


@every_case()
def test_it_is_accepted_and_decides_as_it_should(case: IngressCase, tmp_path: Path) -> None:
    snapshot = loaded(case, tmp_path)

    assert [one.failure for one in run_tests(snapshot) if not one.passed] == []


@every_case()
def test_requests_go_where_they_should(case: IngressCase, tmp_path: Path) -> None:
    snapshot = loaded(case, tmp_path)
    table = RouteTable.of(snapshot.routes, lambda route: route)

    found = {asked: destination(snapshot, table, *asked.split(" ")) for asked in case.expect["served"]}

    assert found == case.expect["served"]


def loaded(case: IngressCase, directory: Path) -> Snapshot:
    """The translation, with the tests of the case."""
    document = yaml.load(imported(case)["configuration"], yaml.CSafeLoader)
    path = directory / "gateway.yaml"
    path.write_text(yaml.safe_dump(document | {"tests": case.expect["decisions"]}))
    result = load(path, {})
    assert result.snapshot is not None, result.problems
    return result.snapshot


def destination(snapshot: Snapshot, table: RouteTable[Route], method: str, host: str, path: str) -> str:
    """Where a request goes, in the words of `served`."""
    route = table.for_host(host.encode()).select(path.encode(), method.encode())
    if route is None:
        return "nothing"
    if isinstance(route.answer, Redirect):
        location = redirect_location(route.answer.to.encode(), path.encode()).decode()
        return f"{route.answer.status} {location}"
    if route.answer is not None:
        return f"closed {route.answer.status}"
    servers = snapshot.upstreams[route.upstream].servers
    target = path
    if route.replace_prefix is not None:
        prefixes = PrefixMap(route.path.encode(), route.replace_prefix.encode(), is_exact=route.is_exact)
        target = prefixes.forward(path.encode()).decode()
    shares = [f" {one.weight}" if len(servers) > 1 else "" for one in servers]
    return ", ".join(f"{one}{target}{share}" for one, share in zip(servers, shares, strict=True))


def _said(items: list[dict[str, Any]], key: str) -> list[str]:
    return [f"{one[key]} {one['file']}:{one['line']}" for one in items]
