"""Nobody gets through the gateway what the original did not give: asked of a real nginx with what each Ingress becomes."""

from pathlib import Path

import pytest

from tests.migrate.answer import ask
from tests.migrate.backend import backends
from tests.migrate.ingress.asking import differences, is_allowed
from tests.migrate.ingress.case import IngressCase, cases
from tests.migrate.ingress.nginx import addresses_in, directives_of, running

pytestmark = pytest.mark.nginx


@pytest.mark.parametrize(
    "case", [pytest.param(case, id=case.name) for case in cases() if case.name.startswith("i")]
)
async def test_what_the_gateway_gives_nginx_gave(case: IngressCase, tmp_path: Path) -> None:
    http = directives_of(case)
    wrong = []
    async with backends({address: address for address in addresses_in(http)}, tmp_path) as places:
        with running(http, places, tmp_path) as address:
            wrong += [
                f"nginx refused {decision}"
                for decision in case.expect["decisions"]
                if decision["expect"] == "allow" and not await is_allowed(address, decision, "nginx")
            ]
            for asked, destination in case.expect["served"].items():
                method, host, path = asked.split(" ")
                request = {"method": method, "host": host, "path": path, "headers": {}}
                answer = await ask(address, request, "nginx")
                wrong += differences(asked, destination, answer)

    assert wrong == []
