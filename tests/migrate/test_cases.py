"""Every configuration: what is found in it, what is left out, and that its translation answers as it should.

The answers of nginx are recorded in the cases; `test_nginx.py` asks a real one.
"""

from pathlib import Path

from cors_gateway.config.load import load
from tests.migrate.answer import ask
from tests.migrate.backend import backends
from tests.migrate.case import Case, codes, every_case
from tests.migrate.judgement import complaints
from tests.migrate.report import imported
from tests.migrate.running import running_translation, write_certificate


@every_case()
def test_defects_are_found_there_and_nowhere_else(case: Case) -> None:
    found = {(item["code"], item["file"], item["line"]) for item in imported(case)["findings"]}
    wanted = {(item["code"], item["file"], item["line"]): item for item in case.expect["defects"]}

    assert {
        one for one in wanted if codes()[one[0]] == "must" and not wanted[one].get("optional")
    } - found == set()
    assert {one for one in found if codes()[one[0]] == "must"} - wanted.keys() == set()


@every_case()
def test_the_configuration_is_accepted(case: Case, tmp_path: Path) -> None:
    text = imported(case)["configuration"]
    if text is None:
        assert case.expect.get("gateway") is None
        return
    write_certificate(tmp_path)
    (tmp_path / "gateway.yaml").write_text(str(text))

    loaded = load(tmp_path, {})

    assert [problem for problem in loaded.problems if problem.severity == "error"] == []


@every_case()
async def test_the_gateway_answers_as_expected(case: Case, tmp_path: Path) -> None:
    text = imported(case)["configuration"]
    if text is None:
        return
    wrong = []
    async with (
        backends(case.backends, tmp_path) as places,
        running_translation(str(text), places, tmp_path) as address,
    ):
        named = {place: name for name, place in places.items()}
        for probe in case.probes:
            if probe.gateway is None:
                continue
            answer = await ask(address, probe.ask, "gateway")
            if "saw_host" in answer:
                answer["saw_host"] = named.get(answer["saw_host"], answer["saw_host"])
            wrong += [f"{probe.line}: {text}" for text in complaints(probe, answer)]

    assert wrong == []
