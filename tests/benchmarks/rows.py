"""What is measured: the rows of the table."""

from dataclasses import dataclass

from tests.benchmarks import messages
from tests.benchmarks.backend import JSON_BODY, LARGE_BYTES
from tests.benchmarks.load import Load, Wrk
from tests.benchmarks.probe import Expectation
from tests.benchmarks.site import Shape

_PLAIN = Shape()
_KIBIBYTE = '{"note": "' + "x" * (1024 - 12) + '"}'

_PREFLIGHT = Expectation(messages.preflight("/api/orders/1"), body_bytes=0, is_preflight=True)
_GET = Expectation(messages.get("/api/json"), body_bytes=len(JSON_BODY))


@dataclass(frozen=True, slots=True)
class Row:
    """`name` is what `--rows` takes, `title` what the table shows; `expectation` must hold before anything counts."""

    name: str
    title: str
    load: Load
    expectation: Expectation
    shape: Shape = _PLAIN


QUICK = ("preflight", "get", "post", "download")

ALL = (
    Row(
        "preflight",
        "preflight, the same client again",
        Wrk("preflight", lambda: [messages.preflight("/api/orders/1")]),
        _PREFLIGHT,
    ),
    Row(
        "preflight-varying",
        "preflight, every one different",
        Wrk("preflight-varying", messages.preflights_varying),
        _PREFLIGHT,
    ),
    Row("get", "GET 100 B, repeated fields", Wrk("get", lambda: [messages.get("/api/json")]), _GET),
    Row(
        "get-varying",
        "GET 100 B, some fields always different",
        Wrk("get-varying", lambda: [messages.get_varying("/api/varying")]),
        _GET,
    ),
    Row(
        "post",
        "POST 1 KiB",
        Wrk("post", lambda: [messages.post("/api/json", _KIBIBYTE)]),
        Expectation(messages.post("/api/json", _KIBIBYTE), body_bytes=len(JSON_BODY)),
    ),
    Row(
        "download",
        "10 MiB down",
        Wrk("download", lambda: [messages.get("/api/large")], connections=4),
        Expectation(messages.get("/api/large"), body_bytes=LARGE_BYTES),
    ),
    Row(
        "upload",
        "10 MiB up",
        Wrk("upload", lambda: [messages.post("/sink/upload", "x" * LARGE_BYTES)], connections=4),
        Expectation(
            messages.post("/sink/upload", "x" * LARGE_BYTES), body_bytes=16, statuses=frozenset({201})
        ),
    ),
)
