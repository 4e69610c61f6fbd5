"""From many counters to the few numbers of the page, and what the recent past remembers of them."""

import asyncio
from itertools import count as natural

import pytest

from cors_gateway.admin.counts import Counts, count, difference
from cors_gateway.admin.history import SAMPLE_SECONDS, STEPS, History, Rates
from cors_gateway.observe.metrics import Metrics
from tests.admin.stand_in import StandIn


def _busy() -> Metrics:
    metrics = Metrics()
    api, other = metrics.route("api"), metrics.route("other")
    api.count(b"GET", 200, 0.1)
    api.count(b"GET", 502, 0.3)
    api.count(b"BREW", 418, 0.0)
    api.decision("preflight", "allowed", "granted").count = 4
    api.decision("preflight", "method_not_allowed", "refused").count = 2
    api.decision("actual", "origin_not_allowed", "refused").count = 3
    api.decision("not_cors", "not_cors", "none").count = 9
    other.count_answer(b"OPTIONS", 204)
    other.decision("actual", "origin_not_allowed", "refused").count = 1
    metrics.unrouted.decision("not_cors", "no_route", "none").count = 7
    return metrics


def test_what_people_look_at_is_added_up() -> None:
    counts = count(_busy().routes.values())

    assert (counts.requests, counts.preflights, counts.errors) == (4, 6, 1)
    assert counts.refusals == {"method_not_allowed": 2, "origin_not_allowed": 4}
    assert counts.refused == 6
    assert counts.mean_seconds == pytest.approx(0.4 / 3)


def test_without_requests_there_is_no_mean() -> None:
    assert count([]).mean_seconds is None


def test_a_difference_leaves_out_what_did_not_happen() -> None:
    before = Counts(10, 5, 1, 4, 1.0, {"a": 3, "b": 2})
    after = Counts(12, 5, 1, 5, 1.5, {"a": 3, "b": 4, "c": 1})

    assert difference(before, after) == Counts(2, 0, 0, 1, 0.5, {"b": 2, "c": 1})


def test_counters_that_fall_count_as_still() -> None:
    assert difference(Counts(10, 5, 1, 4, 1.0, {"a": 3}), Counts()) == Counts()


def _history(seconds: float = SAMPLE_SECONDS) -> History:
    times = natural(0.0, seconds)
    return History(lambda: next(times))


def _pass(history: History, metrics: Metrics, requests: int) -> None:
    for _ in range(requests):
        metrics.route("api").count(b"GET", 200, 0.0)
    history.add(metrics)


def test_each_step_holds_what_happened_in_it() -> None:
    history, metrics = _history(), Metrics()
    for requests in (5, 0, 3):
        _pass(history, metrics, requests)

    assert [step.requests for step in history.steps()] == [0, 3]


def test_only_ten_minutes_are_remembered() -> None:
    history, metrics = _history(), Metrics()
    for number in range(STEPS * 2):
        _pass(history, metrics, number % 2)

    assert len(history.steps()) == STEPS == 600 / SAMPLE_SECONDS


def test_one_sample_tells_no_rate() -> None:
    history = _history()
    assert history.rates(60) is None
    _pass(history, Metrics(), 3)

    assert history.rates(60) is None


def test_a_rate_is_of_the_last_minute_or_of_what_there_is() -> None:
    history, metrics = _history(), Metrics()
    _pass(history, metrics, 0)
    _pass(history, metrics, 10)
    assert history.rates(60) == Rates(2.0, 0.0, 0.0, 0.0)

    for _ in range(12):
        _pass(history, metrics, 5)
    assert history.rates(60) == Rates(1.0, 0.0, 0.0, 0.0)


async def test_samples_are_taken_even_if_one_fails(process: StandIn) -> None:
    history = _history()
    process.counters = None  # type: ignore[assignment]
    following = asyncio.ensure_future(history.follow(process))
    await asyncio.sleep(0)

    assert not following.done()
    following.cancel()
    await asyncio.wait({following})
