"""What is measured: the rows of the table."""

from dataclasses import dataclass

from tests.benchmarks import messages
from tests.benchmarks.backend import JSON_BODY, LARGE_BYTES
from tests.benchmarks.h2load import H2Load
from tests.benchmarks.lifecycle import AnotherWorker, Paced, Reload, Start
from tests.benchmarks.load import Idle, Load, Mixed, WebSockets, Wrk
from tests.benchmarks.probe import Expectation
from tests.benchmarks.site import MANY_ORIGINS, MANY_ROUTES, Shape

_PLAIN = Shape()
_MANY = f"{MANY_ROUTES:,} routes x {MANY_ORIGINS:,} origins"
_HTTP2 = Shape(tls=True, http2=True)
_IDLE = Idle()
_CLOSING = messages.get("/api/json", connection="close")
_KIBIBYTE = '{"note": "' + "x" * (1024 - 12) + '"}'

_UPLOAD = messages.post("/sink/upload", "x" * LARGE_BYTES)

_PREFLIGHT = Expectation(messages.preflight("/api/orders/1"), body_bytes=0, kind="preflight")
_GET = Expectation(messages.get("/api/json"), body_bytes=len(JSON_BODY))
_POST = Expectation(messages.post("/api/json", _KIBIBYTE), body_bytes=len(JSON_BODY))
_DOWNLOAD = Expectation(messages.get("/api/large"), body_bytes=LARGE_BYTES)
_STORED = Expectation(_UPLOAD, body_bytes=16, statuses=frozenset({201}))


def _wrk_get(name: str, connections: int = 32) -> Wrk:
    return Wrk(name, lambda: [messages.get("/api/json")], connections)


def _wrk_preflight(name: str) -> Wrk:
    return Wrk(name, lambda: [messages.preflight("/api/orders/1")])


@dataclass(frozen=True, slots=True)
class Goal:
    """What the gateway must reach and aims at."""

    must: float
    aim: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """`name` is what `--rows` takes, `title` what the table shows; `expectation` must hold before anything counts.

    An `is_fresh` row needs processes that did nothing before: it is measured once, without warm-up. A turn takes `least`
    seconds or more. `goal` is one for CPU time per request as a multiple of the reference, unless `is_by_request` says
    that this is not what the row is about. `each` is what memory held is divided by. Where there is a shape `beside`,
    each turn is one at a site of that shape as well: what the difference costs is smaller than what an hour changes."""

    name: str
    title: str
    load: Load
    expectation: Expectation
    shape: Shape = _PLAIN
    is_fresh: bool = False
    least: float = 0.0
    goal: Goal | None = None
    is_by_request: bool = True
    each: str = ""
    beside: Shape | None = None


QUICK = ("preflight", "get", "post", "download")

ALL = (
    Row(
        "preflight",
        "preflight, the same client again",
        _wrk_preflight("preflight"),
        _PREFLIGHT,
        goal=Goal(0.9, 0.75),
    ),
    Row(
        "preflight-varying",
        "preflight, every one different",
        Wrk("preflight-varying", messages.preflights_varying),
        _PREFLIGHT,
        goal=Goal(1.5, 1.2),
    ),
    Row("get", "GET 100 B, repeated fields", _wrk_get("get"), _GET, goal=Goal(1.2, 1.0)),
    Row(
        "get-varying",
        "GET 100 B, some fields always different",
        Wrk("get-varying", lambda: [messages.get_varying("/api/varying")]),
        _GET,
        goal=Goal(1.45, 1.25),
    ),
    Row(
        "get-close",
        "GET 100 B, a new connection for each",
        Wrk("get-close", lambda: [_CLOSING]),
        Expectation(_CLOSING, body_bytes=len(JSON_BODY)),
        goal=Goal(2.5, 1.6),
    ),
    Row("get-256", "GET 100 B over 256 connections", _wrk_get("get-256", 256), _GET),
    Row("get-1024", "GET 100 B over 1,024 connections", _wrk_get("get-1024", 1024), _GET),
    Row("get-paced", "GET 100 B, 100 a second", Paced(100, least=2), _GET, least=2.0),
    Row(
        "post",
        "POST 1 KiB",
        Wrk("post", lambda: [messages.post("/api/json", _KIBIBYTE)]),
        _POST,
        goal=Goal(1.2, 1.0),
    ),
    Row(
        "download",
        "10 MiB down",
        Wrk("download", lambda: [messages.get("/api/large")], connections=4),
        _DOWNLOAD,
        goal=Goal(1.0, 0.8),
    ),
    Row(
        "upload",
        "10 MiB up",
        Wrk("upload", lambda: [_UPLOAD], connections=4),
        _STORED,
        goal=Goal(1.1, 0.9),
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
        goal=Goal(1.2, 1.0),
    ),
    Row("start", "start until the first answer", Start(), _GET, least=0.5, is_by_request=False),
    Row(
        "idle",
        f"{_IDLE.connections:,} connections with one GET each, then idle",
        _IDLE,
        _GET,
        is_fresh=True,
        least=12.0,
        goal=Goal(1.8),
        each="connection",
    ),
    Row(
        "worker",
        "a third worker",
        AnotherWorker(_wrk_get("worker")),
        _GET,
        is_fresh=True,
        least=4.0,
        is_by_request=False,
        each="worker",
    ),
    Row(
        "reload",
        f"reload of {MANY_ROUTES:,} routes under 250 requests a second",
        Reload(rate=250),
        _GET,
        Shape(many_routes=True, reloads=True),
        least=2.0,
        is_by_request=False,
    ),
    Row(
        "many-get",
        f"GET 100 B, repeated fields, {_MANY}",
        _wrk_get("many-get"),
        _GET,
        Shape(many_routes=True, many_origins=True),
        beside=_PLAIN,
    ),
    Row(
        "many-spread",
        f"GET 100 B over all of {_MANY}",
        Wrk(
            "many-spread",
            lambda: messages.spread(Shape(many_routes=True, many_origins=True), preflights=False),
        ),
        _GET,
        Shape(many_routes=True, many_origins=True),
    ),
    Row(
        "many-preflight",
        f"preflight over all of {_MANY}",
        Wrk(
            "many-preflight",
            lambda: messages.spread(Shape(many_routes=True, many_origins=True), preflights=True),
        ),
        _PREFLIGHT,
        Shape(many_routes=True, many_origins=True),
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
        beside=_PLAIN,
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
    Row(
        "h2-get",
        "HTTP/2: GET 100 B, 10 streams a connection",
        H2Load("h2-get", _GET.request),
        _GET,
        _HTTP2,
        goal=Goal(2.0, 1.3),
    ),
    Row("h2-preflight", "HTTP/2: preflight", H2Load("h2-preflight", _PREFLIGHT.request), _PREFLIGHT, _HTTP2),
    Row("h2-post", "HTTP/2: POST 1 KiB", H2Load("h2-post", _POST.request), _POST, _HTTP2),
    Row(
        "h2-download",
        "HTTP/2: 10 MiB down",
        H2Load("h2-download", _DOWNLOAD.request, connections=4, streams=1),
        _DOWNLOAD,
        _HTTP2,
    ),
    Row(
        "h2-upload",
        "HTTP/2: 10 MiB up",
        H2Load("h2-upload", _UPLOAD, connections=4, streams=1),
        _STORED,
        _HTTP2,
    ),
)
