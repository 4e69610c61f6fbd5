"""Who is least in a line, and what a line shows of results."""

import dataclasses

import pytest

from tests.benchmarks.lines import BY_REQUEST, OTHERS, Line, figures, least
from tests.benchmarks.measurement import Result, Sample
from tests.benchmarks.outcome import LoadError, percentiles
from tests.benchmarks.report import Run, summary
from tests.benchmarks.rows import ALL, Goal
from tests.benchmarks.table import in_bytes, in_figures, shown, text_table


def _with(
    held: float = 0, p50: float = 1e-3, p99: float = 2e-3, longest: float = 3e-3, beside: float = 1e-6
) -> Sample:
    return Sample(
        cpu=0,
        throughput=1000,
        p50=p50,
        p99=p99,
        longest=longest,
        resident=2**20,
        errors=0,
        held=held,
        disturbance=0,
        beside=beside,
    )


def _result(row: str, server: str, *cpus: float, sample: Sample | None = None) -> Result:
    """`cpus` are microseconds, one for each round."""
    return Result(row, server, tuple(dataclasses.replace(sample or _with(), cpu=cpu * 1e-6) for cpu in cpus))


def _line(title: str) -> Line:
    return next(line for line in BY_REQUEST + OTHERS if line.title.startswith(title))


@pytest.mark.parametrize(
    ("shown_figures", "expected"),
    [
        ({"gateway": 1.2, "nginx": 1.0, "haproxy": 1.3}, ["nginx"]),
        ({"gateway": 1.05, "nginx": 1.0, "haproxy": 1.06}, ["gateway", "nginx"]),
        ({"gateway": 0.8, "nginx": 1.0}, ["gateway"]),
        ({"gateway": None, "nginx": 1.0, "haproxy": 2.0}, ["nginx"]),
        # Threads: one more may leave less than there was.
        ({"gateway": 11.0, "haproxy": -0.10, "envoy": -0.099}, ["haproxy", "envoy"]),
        ({"nginx": 1.0}, []),
        ({"nginx": 1.0, "gateway": None}, []),
        ({}, []),
    ],
)
def test_least_is_whoever_cannot_be_told_from_the_best(
    shown_figures: dict[str, float | None], expected: list[str]
) -> None:
    assert least(shown_figures) == expected


def test_ratios_are_taken_within_rounds() -> None:
    results = [_result("get", "gateway", 10, 30, 20), _result("get", "nginx", 10, 15, 20)]
    assert figures(_line("GET 100 B, repeated fields"), results) == {"gateway": 1.0, "nginx": 1.0}


def test_nothing_is_compared_with_a_reference_that_has_a_fault() -> None:
    results = [_result("get", "gateway", 10), Result("get", "nginx", (), "status 502")]
    assert figures(_line("GET 100 B, repeated fields"), results) == {"gateway": None, "nginx": None}


def test_a_fault_shows_nothing_whatever_was_measured_before() -> None:
    broken = dataclasses.replace(_result("start", "gateway", 1, 2), fault="connection lost")
    assert figures(_line("CPU of a start"), [broken]) == {"gateway": None}


@pytest.mark.parametrize(
    ("title", "results", "expected"),
    [
        ("access log", [_result("log-get", "gateway", 23, 46, 69, sample=_with(beside=20e-6))], 2.3),
        ("access log", [_result("get", "gateway", 20)], None),
        ("1,000 routes", [_result("many-get", "gateway", 21, sample=_with(beside=20e-6))], 1.05),
        ("memory of an idle", [_result("idle", "gateway", 1, sample=_with(held=5 * 1024))], 5.0),
        ("memory of one more", [_result("worker", "gateway", 1, sample=_with(held=3 * 2**20))], 3.0),
        ("start until", [_result("start", "gateway", 1, 1, 1, sample=_with(p50=0.25))], 0.25),
        ("CPU of a start", [_result("start", "gateway", 300_000)], 0.3),
        ("reload of", [_result("reload", "gateway", 1, sample=_with(longest=0.004))], 4.0),
        ("GET 100 B, 100 a second: p99", [_result("get-paced", "gateway", 1, sample=_with(p99=0.002))], 2.0),
    ],
)
def test_figures_of_their_own_are_in_their_unit(
    title: str, results: list[Result], expected: float | None
) -> None:
    assert figures(_line(title), results)["gateway"] == pytest.approx(expected)


def test_every_row_is_in_a_line() -> None:
    results = [_result(row.name, "nginx", 10, sample=_with(held=1)) for row in ALL]
    by_request = {line.title for line in BY_REQUEST}
    assert {row.title for row in ALL if row.is_by_request} == by_request
    assert len(shown(BY_REQUEST + OTHERS, results)) == len(BY_REQUEST) + len(OTHERS)


def test_an_aim_is_beyond_what_must_be() -> None:
    goals = [line.goal for line in BY_REQUEST + OTHERS if line.goal]
    assert Goal(2.5, 1.6) in goals
    assert all(goal.aim is None or goal.aim < goal.must for goal in goals)


def test_the_summary_names_the_least_beside_the_goals() -> None:
    run = Run(1, 1)
    run.results = [
        _result("get", "gateway", 12),
        _result("get", "nginx", 10),
        _result("start", "gateway", 1, sample=_with(p50=0.2)),
        _result("start", "nginx", 1, sample=_with(p50=0.2)),
    ]
    lines = summary(run.results).splitlines()
    assert "|  | gateway | nginx | must | aim | least |" in lines
    assert "| GET 100 B, repeated fields | 1.20 | **1.00** | 1.2 | 1 | nginx |" in lines
    assert "| start until the first answer, s | **0.20** | **0.20** | 0.5 | 0.3 | gateway, nginx |" in lines


def test_the_terminal_shows_the_least_and_the_gateway_beside_its_goal() -> None:
    text = text_table([_result("get", "gateway", 13), _result("get", "nginx", 10)])
    assert text.splitlines()[-1].split("  ")[-2:] == ["nginx", "(gateway 1.30, must 1.2, aim 1)"]


def test_a_server_that_cannot_have_a_row_has_a_word_instead_of_numbers() -> None:
    text = text_table([_result("h2-get", "nginx", 13), Result("h2-get", "node", (), "speaks no HTTP/2")])
    assert "  node        speaks no HTTP/2" in text.splitlines()


@pytest.mark.parametrize(
    ("count", "expected"),
    [(512, "512 B"), (5120, "5.0 KiB"), (3 * 2**20, "3.0 MiB"), (-33 * 1024, "-33.0 KiB")],
)
def test_bytes_are_shown_in_the_largest_unit_that_fits(count: float, expected: str) -> None:
    assert in_bytes(count) == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [(None, "-"), (1.005, "1.00"), (9.999, "10.00"), (49.66, "49.7"), (14173.1, "14173")],
)
def test_figures_have_about_three_digits(value: float | None, expected: str) -> None:
    assert in_figures(value) == expected


@pytest.mark.parametrize(
    ("latencies", "expected"),
    [
        ([1.0], (1.0, 1.0, 1.0)),
        ([3.0, 1.0, 2.0], (2.0, 3.0, 3.0)),
        ([float(n) for n in range(1, 101)], (50.0, 100.0, 100.0)),
        ([float(n) for n in range(1, 1001)], (500.0, 991.0, 1000.0)),
    ],
)
def test_percentiles_are_latencies_that_were_measured(
    latencies: list[float], expected: tuple[float, float, float]
) -> None:
    assert percentiles(latencies) == expected


def test_there_are_no_percentiles_of_nothing() -> None:
    with pytest.raises(LoadError):
        percentiles([])
