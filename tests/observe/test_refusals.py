"""What is remembered of refused origins: bounded, in order, safe to show, and summed over processes."""

import json
from collections.abc import Callable
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cors_gateway.observe.metrics import Metrics
from cors_gateway.observe.refusals import (
    MAX_IN_ALL,
    MAX_PER_ROUTE,
    MAX_VALUE,
    Refusals,
    RefusedOrigin,
    export_refusals,
    merge_refusals,
)

REASON = "origin_not_allowed"


def _seconds() -> Callable[[], float]:
    """A clock that goes on by one second whenever somebody looks."""
    return count(1.0).__next__


def _refuse(refusals: Refusals, origin: bytes, *, route: str = "api", reason: str = REASON) -> None:
    refusals.count(route, reason, "actual", (origin,), method=b"GET", host=b"gw", target=b"/x")


def _origins(refusals: Refusals) -> list[str]:
    return [entry.origin for entry in refusals.latest()]


def test_an_entry_tells_of_the_last_request() -> None:
    refusals = Refusals(_seconds())
    refusals.count("api", REASON, "actual", (b"https://a",), method=b"GET", host=b"gw", target=b"/x?token=1")
    refusals.count(
        "api",
        REASON,
        "preflight",
        (b"https://a",),
        method=b"PUT",
        host=b"gw",
        target=b"/y",
        headers=(b"x-a", b"x-b"),
    )

    assert refusals.latest() == [
        RefusedOrigin("api", "https://a", REASON, "preflight", 2, 2.0, "PUT", "gw", "/y", "x-a,x-b")
    ]


def test_a_remembered_preflight_counts_and_keeps_what_is_known() -> None:
    refusals = Refusals(_seconds())
    _refuse(refusals, b"https://a")
    refusals.count("api", REASON, "preflight", (b"https://a",))

    (entry,) = refusals.latest()
    assert (entry.count, entry.last, entry.path) == (2, 2.0, "/x")


def test_routes_and_reasons_are_counted_apart_and_the_latest_comes_first() -> None:
    refusals = Refusals(_seconds())
    _refuse(refusals, b"https://a")
    _refuse(refusals, b"https://a", route="other")
    _refuse(refusals, b"https://a", reason="header_not_allowed")
    _refuse(refusals, b"https://a")

    assert [(entry.route, entry.reason, entry.count) for entry in refusals.latest()] == [
        ("api", REASON, 2),
        ("api", "header_not_allowed", 1),
        ("other", REASON, 1),
    ]


def test_who_was_refused_least_recently_makes_room_on_the_same_route() -> None:
    refusals = Refusals(_seconds())
    _refuse(refusals, b"https://quiet", route="quiet")
    for number in range(MAX_PER_ROUTE):
        _refuse(refusals, b"https://%d" % number)
    _refuse(refusals, b"https://0")
    _refuse(refusals, b"https://new")

    origins = _origins(refusals)
    assert len(origins) == len(refusals) == MAX_PER_ROUTE + 1
    assert origins[:2] == ["https://new", "https://0"]
    assert "https://1" not in origins
    assert "https://quiet" in origins


def test_many_noisy_routes_do_not_push_out_a_quiet_one() -> None:
    refusals = Refusals(_seconds())
    _refuse(refusals, b"https://quiet", route="quiet")
    for number in range(3 * MAX_IN_ALL):
        _refuse(refusals, b"https://%d" % number, route=f"noisy-{number % 20}")

    assert len(refusals) == len(refusals.latest()) == MAX_IN_ALL
    assert "https://quiet" in _origins(refusals)


@pytest.mark.parametrize(
    ("received", "kept"),
    [
        ((b"https://a.example",), "https://a.example"),
        ((b"",), ""),
        ((b"https://a", b"https://b"), "https://a, https://b"),
        ((b"<script>alert(1)</script>",), "<script>alert(1)</script>"),
        ((b"\x1b[2J\t\xff",), "\\x1b[2J\\x09\\xff"),
        ((b"x" * 5000,), "x" * MAX_VALUE),
    ],
)
def test_values_are_cut_and_hold_nothing_unprintable(received: tuple[bytes, ...], kept: str) -> None:
    refusals = Refusals()
    refusals.count("api", REASON, "actual", received)

    assert _origins(refusals) == [kept]


@given(st.lists(st.binary(max_size=600), min_size=1, max_size=3), st.binary(), st.binary())
def test_any_bytes_can_be_counted_exported_and_shown(
    origin: list[bytes], method: bytes, target: bytes
) -> None:
    refusals = Refusals()
    refusals.count("api", REASON, "actual", origin, method=method, target=target)

    (entry,) = refusals.latest()
    shown = entry.origin + entry.method + entry.path
    assert shown.isascii()
    assert shown.isprintable()
    assert merge_refusals([json.loads(json.dumps(export_refusals([entry])))]) == [entry]


def test_what_was_handed_out_does_not_change_while_counting_goes_on() -> None:
    refusals = Refusals()
    _refuse(refusals, b"https://a")
    (entry,) = refusals.latest()
    _refuse(refusals, b"https://a")

    assert entry.count == 1


def test_processes_add_up_and_the_newest_tells_the_rest() -> None:
    older = RefusedOrigin("api", "https://a", REASON, "actual", 3, 10.0, "GET", "gw", "/old")
    newer = RefusedOrigin("api", "https://a", REASON, "preflight", 4, 20.0, "PUT", "gw", "/new", "x-a")
    other = RefusedOrigin("api", "https://b", REASON, "actual", 1, 15.0, "GET", "gw", "/b")

    for order in ([[older], [newer, other]], [[newer, other], [older]]):
        merged = merge_refusals(map(export_refusals, order))

        assert [(entry.origin, entry.count, entry.path) for entry in merged] == [
            ("https://a", 7, "/new"),
            ("https://b", 1, "/b"),
        ]


@pytest.mark.parametrize(
    ("kind", "reason", "outcome", "expected"),
    [
        ("actual", REASON, "refused", True),
        ("preflight", "no_route", "refused", True),
        ("not_cors", "no_route", "none", False),
        ("actual", "allowed", "granted", False),
        ("actual", "same_origin", "none", False),
    ],
)
def test_only_refused_origins_count_as_refusals(kind: str, reason: str, outcome: str, expected: bool) -> None:
    tally = Metrics().route("api").decision(kind, reason, outcome)

    assert tally.is_refusal is expected
