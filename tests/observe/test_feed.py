"""What somebody who watches gets to see: decisions and failures of interest, in order, and no more than fits."""

import json

import pytest

from cors_gateway.http1.forwarded import HTTP11
from cors_gateway.observe.feed import MAX_LINES, Feed, Interest, Seen, WatchedLog, merge_seen
from cors_gateway.observe.log_format import JsonFormat
from cors_gateway.observe.metrics import RouteStats
from cors_gateway.observe.record import RequestRecord
from cors_gateway.observe.trouble import ORIGIN_REMOVED, Trouble

A, B = "https://a.example", "https://b.example"


def record(
    *,
    route: str = "api",
    origin: str = A,
    reason: str = "allowed",
    status: int = 200,
    trouble: Trouble | None = None,
) -> RequestRecord:
    stats = RouteStats(route)
    kind, outcome = ("not_cors", "none") if reason == "not_cors" else ("actual", "granted")
    return RequestRecord(
        stats,
        stats.decision(kind, reason, outcome),
        b"GET",
        b"/x",
        b"gateway.test",
        "192.0.2.1",
        origin.encode() or None,
        HTTP11,
        generation=1,
        status=status,
        bytes_out=0,
        ended=0.0,
        trouble=trouble,
    )


@pytest.mark.parametrize(
    ("interest", "told", "is_seen"),
    [
        (Interest(), record(), True),
        (Interest(origin=A), record(), True),
        (Interest(origin=B), record(), False),
        (Interest(route="api"), record(), True),
        (Interest(route="web"), record(), False),
        (Interest(A, "api"), record(origin=B), False),
        (Interest(), record(reason="not_cors", origin=""), False),
        (Interest(), record(reason="not_cors", origin="", status=404), True),
        (Interest(), record(reason="not_cors", origin="", trouble=ORIGIN_REMOVED), True),
    ],
)
def test_decisions_and_failures_of_interest_are_seen(
    interest: Interest, told: RequestRecord, is_seen: bool
) -> None:
    feed = Feed([Interest("https://nobody.example"), interest])
    feed.record(told)

    assert len(feed.take().lines) == is_seen


def test_what_is_seen_is_a_line_of_the_access_log() -> None:
    feed = Feed([Interest()])
    feed.record(record(origin='https://"quoted"\n'))
    (line,) = feed.take().lines

    entry = json.loads(line)
    logged = json.loads(JsonFormat().line(record(origin='https://"quoted"\n'), 0.0))
    assert {**entry, "ts": ""} == {**logged, "ts": ""}


def test_what_does_not_fit_is_counted_and_what_was_taken_is_gone() -> None:
    feed = Feed([Interest()])
    for _ in range(MAX_LINES + 3):
        feed.record(record())
    seen = feed.take()

    assert (len(seen.lines), seen.lost) == (MAX_LINES, 3)
    assert feed.take() == Seen()


def test_a_feed_goes_on_where_the_one_before_it_was() -> None:
    before = Seen(("{}",), 2)

    assert Feed([Interest()], before).take() == before


def test_the_log_goes_on_while_somebody_watches() -> None:
    feed, log = Feed([Interest()]), Feed([Interest()])
    for sink in (WatchedLog(log, feed), WatchedLog(None, feed)):
        sink.record(record())

    assert (len(feed.take().lines), len(log.take().lines)) == (2, 1)


def test_what_several_workers_saw_is_in_the_order_of_time() -> None:
    one = Seen(('{"ts":"2026-01-01T00:00:00.100Z"}', '{"ts":"2026-01-01T00:00:00.300Z"}'), 1)
    other = Seen(('{"ts":"2026-01-01T00:00:00.200Z"}',), 2)

    assert merge_seen([one, other]) == Seen((one.lines[0], other.lines[0], one.lines[1]), 3)
