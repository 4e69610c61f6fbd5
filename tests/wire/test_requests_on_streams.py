"""Raw requests in HTTP/2: that each has the outcome that it has in HTTP/1.1, unless streams.yaml says why not."""

import contextlib
import functools
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from tests.wire.corpus import Case, load, request_cases, selected
from tests.wire.gateway_process import free_port
from tests.wire.lanes import Lane, ask, gateway_lanes, run_cases
from tests.wire.request_runs import (
    BARRIER,
    LONG_TIMEOUTS,
    SHORT_TIMEOUTS,
    adapted,
    backend_script,
    configuration,
    early_script,
    observe,
)
from tests.wire.request_scoring import Observation, violations
from tests.wire.streams import MeaninglessError, comparable, converse_on_streams, forwarded, on_streams
from tests.wire.strict_http import Response

pytestmark = pytest.mark.timeout(300)

LANES = 2

STREAMS = load("robustness/streams.yaml")
MEANINGLESS = {case: why for why, cases in STREAMS["meaningless"].items() for case in cases}
DIFFERENCES: dict[str, dict[str, Any]] = {
    case: difference for difference in STREAMS["differences"] for case in difference["cases"]
}


@dataclass(frozen=True, slots=True)
class Both:
    """The same case in both protocols."""

    http1: Observation
    http2: Observation


@pytest.fixture(scope="module")
def runs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Both]]:
    """Every selected case that has a meaning on streams."""
    cases = [case for case in selected(request, request_cases()) if case.id not in MEANINGLESS]
    directory = tmp_path_factory.mktemp("streams")
    with contextlib.ExitStack() as stack:
        results: dict[str, Both] = {}
        for timeouts, is_timing in ((SHORT_TIMEOUTS, True), (LONG_TIMEOUTS, False)):
            wanted = [case for case in cases if (case.category == "timing") is is_timing]
            configure = functools.partial(_configuration, timeouts=timeouts)
            place = directory / timeouts["request_head"]
            lanes = stack.enter_context(gateway_lanes(place, min(LANES, len(wanted)), configure))
            results |= run_cases(lanes, wanted, _run_case)
        yield results


def _configuration(backend: tuple[str, int], timeouts: dict[str, str]) -> dict[str, object]:
    listen = {"address": f"127.0.0.1:{free_port()}", "http2": "cleartext"}
    settings = configuration(backend, timeouts)
    return {**settings, "server": {**settings["server"], "listen": [listen]}}


async def _run_case(lane: Lane, case: Case) -> Both:
    lane.backend.script, lane.backend.early_script = backend_script, early_script
    data = await adapted(lane, case)
    http1 = await observe(lane, case, case.segments if case.gap else [data], case.gap)
    seen = lane.backend.mark()
    requests = on_streams(data, is_ended=case.half_close)
    conversation = await converse_on_streams(lane.address, requests, gap=case.gap)
    assert await ask(lane.address, BARRIER) == 200
    return Both(http1, Observation(conversation, seen()))


@pytest.mark.parametrize("case", request_cases(), ids=lambda case: case.id)
def test_a_request_has_the_same_outcome_on_streams(case: Case, runs: dict[str, Both]) -> None:
    if case.id in MEANINGLESS:
        with pytest.raises(MeaninglessError, match=MEANINGLESS[case.id]):
            on_streams(case.data)
        return
    http1, http2 = runs[case.id].http1, runs[case.id].http2

    assert violations(case, http2) == []
    if case.id in DIFFERENCES:
        expected = DIFFERENCES[case.id]
        assert http2.client.statuses == expected["statuses"]
        assert [request.target for request in http2.requests] == expected.get("targets", [])
        assert _outcome(http1) != _outcome(http2), "not different any more"
        return
    assert _outcome(http2) == _outcome(http1)
    if case.gap:  # who does not wait for the word to go on may get it or not
        assert http2.client.interim_statuses == http1.client.interim_statuses
    for one, other in zip(http1.client.responses, http2.client.responses, strict=True):
        # Who answers by a reset says no more.
        assert not other.fields or comparable(other.fields) == comparable(one.fields)


def test_every_case_that_is_named_exists() -> None:
    assert {*MEANINGLESS, *DIFFERENCES} <= {case.id for case in request_cases()}
    assert not set(MEANINGLESS) & set(DIFFERENCES)


def _outcome(seen: Observation) -> tuple[object, ...]:
    """What has to be the same: the answers, and everything that the backend gets."""
    answers = [_answer(response) for response in seen.client.responses]
    return answers, [forwarded(request) for request in seen.requests]


def _answer(response: Response) -> tuple[object, ...]:
    # A stream that is reset as malformed has no body to compare.
    return response.status, response.complete, response.body if response.status == 200 else b""
