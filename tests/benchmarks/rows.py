"""What is measured: the rows of the table."""

from dataclasses import dataclass

from tests.benchmarks import messages
from tests.benchmarks.backend import JSON_BODY, LARGE_BYTES
from tests.benchmarks.load import Idle, Load, Mixed, WebSockets, Wrk
from tests.benchmarks.probe import Expectation
from tests.benchmarks.site import MANY_ORIGINS, MANY_ROUTES, Shape

_PLAIN = Shape()
_MANY = f"{MANY_ROUTES:,} routes x {MANY_ORIGINS:,} origins"
_KIBIBYTE = '{"note": "' + "x" * (1024 - 12) + '"}'

_PREFLIGHT = Expectation(messages.preflight("/api/orders/1"), body_bytes=0, kind="preflight")
_GET = Expectation(messages.get("/api/json"), body_bytes=len(JSON_BODY))
_DOWNLOAD = Expectation(messages.get("/api/large"), body_bytes=LARGE_BYTES)


def _wrk_get(name: str) -> Wrk:
    return Wrk(name, lambda: [messages.get("/api/json")])


def _wrk_preflight(name: str) -> Wrk:
    return Wrk(name, lambda: [messages.preflight("/api/orders/1")])


@dataclass(frozen=True, slots=True)
class Row:
    """`name` is what `--rows` takes, `title` what the table shows; `expectation` must hold before anything counts.

    An `is_fresh` row needs processes that did nothing before: it is measured once, without warm-up."""

    name: str
    title: str
    load: Load
    expectation: Expectation
    shape: Shape = _PLAIN
    is_fresh: bool = False


QUICK = ("preflight", "get", "post", "download")

ALL = (
    Row(
        "preflight",
        "preflight, the same client again",
        _wrk_preflight("preflight"),
        _PREFLIGHT,
    ),
    Row(
        "preflight-varying",
        "preflight, every one different",
        Wrk("preflight-varying", messages.preflights_varying),
        _PREFLIGHT,
    ),
    Row("get", "GET 100 B, repeated fields", _wrk_get("get"), _GET),
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
        _DOWNLOAD,
    ),
    Row(
        "upload",
        "10 MiB up",
        Wrk("upload", lambda: [messages.post("/sink/upload", "x" * LARGE_BYTES)], connections=4),
        Expectation(
            messages.post("/sink/upload", "x" * LARGE_BYTES), body_bytes=16, statuses=frozenset({201})
        ),
    ),
    Row(
        "mixed",
        "GET 100 B by 32 fast clients beside 32 slow ones",
        Mixed(_wrk_get("mixed")),
        _GET,
    ),
    Row(
        "websocket",
        "WebSocket echo, 120 B",
        WebSockets(),
        Expectation(messages.upgrade("/sink/echo"), body_bytes=0, kind="upgrade", statuses=frozenset({101})),
    ),
    Row("idle", "10,000 connections with one GET each, then idle", Idle(), _GET, is_fresh=True),
    Row("many-get", f"GET 100 B, repeated fields, {_MANY}", _wrk_get("many-get"), _GET, Shape(many=True)),
    Row(
        "many-spread",
        f"GET 100 B over all of {_MANY}",
        Wrk("many-spread", lambda: messages.spread(Shape(many=True), preflights=False)),
        _GET,
        Shape(many=True),
    ),
    Row(
        "many-preflight",
        f"preflight over all of {_MANY}",
        Wrk("many-preflight", lambda: messages.spread(Shape(many=True), preflights=True)),
        _PREFLIGHT,
        Shape(many=True),
    ),
    Row(
        "log-preflight",
        "preflight, the same client again, access log on",
        _wrk_preflight("log-preflight"),
        _PREFLIGHT,
        Shape(access_log=True),
    ),
    Row(
        "log-get",
        "GET 100 B, repeated fields, access log on",
        _wrk_get("log-get"),
        _GET,
        Shape(access_log=True),
    ),
    Row("tls-get", "GET 100 B, repeated fields, TLS", _wrk_get("tls-get"), _GET, Shape(tls=True)),
    Row(
        "tls-download",
        "10 MiB down, TLS",
        Wrk("tls-download", lambda: [messages.get("/api/large")], connections=4),
        _DOWNLOAD,
        Shape(tls=True),
    ),
    Row(
        "workers-get",
        "GET 100 B, repeated fields, two workers",
        _wrk_get("workers-get"),
        _GET,
        Shape(workers=2),
    ),
)
