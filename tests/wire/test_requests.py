"""Raw requests over a socket: what reaches the backend, what the client gets, however the bytes are cut."""

import contextlib
import functools
from collections.abc import Iterator

import pytest

from tests.wire.corpus import Case, request_cases, selected
from tests.wire.lanes import gateway_lanes, run_cases
from tests.wire.request_runs import LONG_TIMEOUTS, SHORT_TIMEOUTS, Run, configuration, run_case
from tests.wire.request_scoring import complaints, signature, tolerated

pytestmark = pytest.mark.timeout(300)

LANES = 4

TOLERATED = {
    "ch-end-xx": "a well-formed trailer field, and trailers are dropped",
    "ch-nul-after": "the request before the junk was complete, so it is answered first (RFC 9112, 9.3.2)",
    "rb-case": "paths are case-sensitive (RFC 3986, 6.2.2.1), so /ADMIN is not /admin",
    "rb-trailing-dot": "/admin. and /admin are different paths on every backend but Windows'",
    "rb-query-question": "the query takes no part in routing",
}


@pytest.fixture(scope="module")
def runs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Run]]:
    """Every selected case, run once whole and once for each way of cutting it."""
    cases = selected(request, request_cases())
    timing = [case for case in cases if case.category == "timing"]
    other = [case for case in cases if case.category != "timing"]
    directory = tmp_path_factory.mktemp("requests")
    with contextlib.ExitStack() as stack:
        results: dict[str, Run] = {}
        for wanted, timeouts, most_lanes in ((timing, SHORT_TIMEOUTS, 2), (other, LONG_TIMEOUTS, LANES)):
            configure = functools.partial(configuration, timeouts=timeouts)
            place = directory / timeouts["request_head"]
            lanes = stack.enter_context(gateway_lanes(place, min(most_lanes, len(wanted)), configure))
            results |= run_cases(lanes, wanted, run_case)
        yield results


@pytest.mark.parametrize("case", request_cases(), ids=lambda case: case.id)
def test_a_raw_request_is_treated_as_the_corpus_says(case: Case, runs: dict[str, Run]) -> None:
    seen = runs[case.id].whole

    found = complaints(case, seen)

    if found and case.id in TOLERATED:
        assert tolerated(case, seen), found
    else:
        assert found == [], case.why


@pytest.mark.parametrize("case", request_cases(), ids=lambda case: case.id)
def test_the_outcome_does_not_depend_on_segmentation(case: Case, runs: dict[str, Run]) -> None:
    run = runs[case.id]

    whole = signature(case, run.whole)
    pieces = {name: signature(case, seen) for name, seen in run.pieces.items()}

    assert {name: piece for name, piece in pieces.items() if piece != whole} == {}, whole


def test_every_tolerated_case_exists_and_is_needed(runs: dict[str, Run]) -> None:
    """An entry in TOLERATED that passes, or that is gone from the corpus, is deleted."""
    cases = {case.id: case for case in request_cases()}

    assert set(TOLERATED) <= set(cases)
    assert [
        name for name in TOLERATED if name in runs and not complaints(cases[name], runs[name].whole)
    ] == []
