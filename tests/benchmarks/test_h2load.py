"""What is read out of h2load's report, and how a request becomes one of HTTP/2."""

import pytest

from tests.benchmarks import messages
from tests.benchmarks.h2load import outcome_of
from tests.benchmarks.http2 import translated
from tests.benchmarks.outcome import LoadError, Outcome

_REPORT = """\
starting benchmark...
spawning thread #0: 10 total client(s). Timing-based test with 0s of warm-up time and 1s of main duration for measurements.
TLS Protocol: TLSv1.3
Cipher: TLS_AES_256_GCM_SHA384
Server Temp Key: X25519 253 bits
Application protocol: h2
Warm-up started for thread #0.
Main benchmark duration is started for thread #0.
Main benchmark duration is over for thread #0. Stopping all clients.

finished in 1.02s, 3.00 req/s, 1.69MB/s
requests: 3 total, 103 started, 4 done, 3 succeeded, 1 failed, 0 errored, 2 timeout
status codes: 3 2xx, 0 3xx, 0 4xx, 1 5xx
traffic: 1.69MB (1773132) total, 303.96KB (311250) headers (space savings 81.30%), 1.07MB (1122000) data
"""
_LOG = "1764400000000001\t200\t1500\n1764400000000500\t200\t2500\n1764400000000900\t200\t9000\n"


def test_the_report_and_the_log_make_an_outcome() -> None:
    assert outcome_of(_REPORT, _LOG) == Outcome(3, 1.02, 0.0025, 0.009, 0.009, errors=3)


@pytest.mark.parametrize(("written", "seconds"), [("998.50ms", 0.9985), ("2s", 2.0), ("1.5s", 1.5)])
def test_durations_have_units(written: str, seconds: float) -> None:
    assert outcome_of(_REPORT.replace("1.02s", written), _LOG).seconds == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("report", "log"),
    [
        ("", ""),
        (_REPORT.replace("Application protocol: h2\n", "Application protocol: http/1.1\n"), _LOG),
        (_REPORT.replace("Application protocol: h2\n", "No protocol negotiated.\n"), _LOG),
        ("client could not connect to host\n", ""),
        (_REPORT, ""),
    ],
)
def test_what_was_no_measurement_of_http2_is_a_fault(report: str, log: str) -> None:
    with pytest.raises(LoadError):
        outcome_of(report, log)


def test_a_request_loses_what_http2_says_otherwise() -> None:
    request = translated(messages.post("/api/json", '{"a": 1}'))
    names = [name for name, _ in request.fields]
    assert names[:4] == [":method", ":scheme", ":authority", ":path"]
    assert request.fields[:4] == (
        (":method", "POST"),
        (":scheme", "https"),
        (":authority", "api.example.com"),
        (":path", "/api/json"),
    )
    assert not {"host", "connection", "content-length"} & set(names)
    assert request.value("content-type") == "application/json"
    assert request.body == b'{"a": 1}'


def test_values_with_colons_stay_whole() -> None:
    request = translated(messages.preflight("/api/orders/1"))
    assert request.value("origin") == "https://app.example.com"
    assert request.value("access-control-request-headers") == "authorization,content-type"
    assert request.body == b""
