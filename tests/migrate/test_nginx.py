"""The recorded answers of nginx are those of a real one: what the gateway is compared with is measured, not thought."""

from pathlib import Path

import pytest

from tests.migrate.answer import Answered, ask
from tests.migrate.backend import backends
from tests.migrate.case import Case, every_case
from tests.migrate.running import running_nginx

pytestmark = pytest.mark.nginx

_COMPARED = ("status", "from", "saw", "saw_origin", "saw_host", "cors", "vary", "effect", "location")


@every_case()
async def test_nginx_answers_as_recorded(case: Case, tmp_path: Path) -> None:
    wrong = []
    async with backends(case.backends, tmp_path) as places:
        named = {place: name for name, place in places.items()}
        with running_nginx(case, places, tmp_path) as ports:
            for probe in case.probes:
                answer = await ask(ports[probe.ask["port"]], probe.ask, "nginx")
                answer["saw_host"] = named.get(answer.get("saw_host", ""), answer.get("saw_host"))
                wrong += [f"{probe.line}: {text}" for text in _differences(probe.nginx, answer)]

    assert wrong == []


def _differences(recorded: Answered, answer: Answered) -> list[str]:
    return [
        f"{key} is {answer.get(key)!r}, not {recorded[key]!r}"
        for key in _COMPARED
        if key in recorded and recorded[key] != answer.get(key)
    ]
