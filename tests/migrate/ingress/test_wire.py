"""The translation in a running gateway: who may read, where requests go, and what is closed."""

import re
from pathlib import Path
from typing import Any

from tests.migrate.answer import ask
from tests.migrate.backend import backends
from tests.migrate.ingress.asking import differences, is_allowed
from tests.migrate.ingress.case import IngressCase, every_case
from tests.migrate.ingress.test_cases import imported
from tests.migrate.running import running_translation

_SERVER = re.compile(r"http://([a-z0-9.-]+:[0-9]+)")


@every_case()
async def test_the_gateway_answers_as_expected(case: IngressCase, tmp_path: Path) -> None:
    text = imported(case)["configuration"]
    upstreams = str(case.expect["configuration"]["upstreams"])
    wrong = []
    async with (
        backends({address: address for address in _SERVER.findall(upstreams)}, tmp_path) as places,
        running_translation(text, places, tmp_path) as address,
    ):
        wrong += [
            f"not so: {decision}"
            for decision in case.expect["decisions"]
            if await is_allowed(address, decision, "gateway") != (decision["expect"] == "allow")
        ]
        for asked, destination in case.expect["served"].items():
            if destination.startswith("https://"):
                continue  # the backend of the test has no certificate
            method, host, path = asked.split(" ")
            request = {"method": method, "host": host, "path": path, "headers": {}}
            answer = await ask(address, request, "gateway")
            wrong += differences(asked, destination, answer)
            wrong += _own_answer(asked, destination, answer)

    assert wrong == []


def _own_answer(asked: str, destination: str, answer: dict[str, Any]) -> list[str]:
    """Complaints about a refusal or a redirect, where `destination` is one."""
    first, _, second = destination.partition(" ")
    if first == "closed":
        found = f"closed {answer['status']}"
    elif first.isdecimal():
        found = f"{answer['status']} {answer.get('location')}"
    else:
        return []
    return [] if found == f"{first} {second}" else [f"{asked}: {found}"]
