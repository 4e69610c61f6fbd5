"""Raw upstream responses over a socket: what the client gets, and that the next client is not harmed."""

import functools
from collections.abc import Iterator

import pytest

from tests.wire.corpus import Case, response_cases, selected
from tests.wire.lanes import gateway_lanes, run_cases
from tests.wire.response_runs import (
    Asking,
    Observation,
    ask_on_stream,
    ask_plainly,
    configuration,
    has_streams,
    run_case,
)
from tests.wire.response_scoring import complaints, tolerated

pytestmark = pytest.mark.timeout(300)

LANES = 4

TOLERATED: dict[str, str] = {}


@pytest.fixture(scope="module", params=[ask_plainly, ask_on_stream], ids=["http1", "http2"])
def observations(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Observation]]:
    """Every selected case that has a meaning in the protocol, run once."""
    asking: Asking = request.param
    cases = [
        case for case in selected(request, response_cases()) if asking is ask_plainly or has_streams(case)
    ]
    configure = functools.partial(configuration, asking=asking)
    with gateway_lanes(tmp_path_factory.mktemp("responses"), min(LANES, len(cases)), configure) as lanes:
        yield run_cases(lanes, cases, functools.partial(run_case, asking=asking))


@pytest.mark.parametrize("case", response_cases(), ids=lambda case: case.id)
def test_a_raw_upstream_response_is_treated_as_the_corpus_says(
    case: Case, observations: dict[str, Observation]
) -> None:
    if case.id not in observations:
        assert not has_streams(case)
        return
    seen = observations[case.id]

    found = complaints(case, seen)

    if found and case.id in TOLERATED:
        assert tolerated(case, seen), found
    else:
        assert found == [], case.why


def test_every_tolerated_case_exists_and_is_needed(observations: dict[str, Observation]) -> None:
    """An entry in TOLERATED that passes, or that is gone from the corpus, is deleted."""
    cases = {case.id: case for case in response_cases()}

    assert set(TOLERATED) <= set(cases)
    superfluous = [
        name for name, seen in observations.items() if name in TOLERATED and not complaints(cases[name], seen)
    ]

    assert superfluous == []
