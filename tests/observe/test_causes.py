"""What is not a decision leaves a trace: a word in the log, in an event and in a counter, and an answer that can be read."""

import asyncio
import contextlib
import json
import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cors_gateway.observe.log_format import JsonFormat
from cors_gateway.observe.record import RequestRecord
from cors_gateway.snapshot import UnderscoreHeaders, UpstreamLimits
from tests.observe.conftest import Event
from tests.proxy.stage import ORIGIN, Options, Stage, connect, listening, request, start, until, upstream
from tests.wire.raw_backend import Answer, RawBackend, Script, bound_socket, reply

FROM_PAGE = f"Origin: {ORIGIN}\r\n"
LONG = "x" * 3000


class Log:
    """Rows of an access log."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def record(self, record: RequestRecord) -> None:
        self.rows.append(json.loads(JsonFormat().line(record, 0.0)))


class Scene:
    """A gateway with one backend and a log."""

    def __init__(self, stage: Stage, backend: RawBackend, log: Log) -> None:
        self.stage = stage
        self.backend = backend
        self.log = log

    async def send(self, data: bytes) -> bytes:
        """Everything that comes until the connection ends."""
        reader, writer = await asyncio.open_connection(*self.stage.address)
        with contextlib.closing(writer):
            writer.write(data)
            writer.write_eof()
            return await asyncio.wait_for(reader.read(), 30)

    async def row(self) -> dict[str, Any]:
        await until(lambda: self.log.rows)
        return self.log.rows[-1]

    def causes(self, route: str = "all") -> dict[str, int]:
        return {str(cause): n for cause, n in self.stage.gateway.metrics.route(route).causes.items()}


@contextlib.asynccontextmanager
async def scene(
    directory: Path, upstreams: Options | None = None, *, timeouts: Mapping[str, Any] = {}, **options: Any
) -> AsyncIterator[Scene]:
    with bound_socket() as sock:
        backend, log = RawBackend(sock), Log()
        app = upstreams or upstream(backend, timeouts=timeouts, retries=0)
        async with listening(backend), start(directory, app, **options) as stage:
            stage.gateway.log_to(log)
            yield Scene(stage, backend, log)


LIMITS = {"server": {"limits": {"request_head": "2KiB", "request_body": 5}}}

REFUSED = [
    (request("GET /a/b?q", FROM_PAGE + f"Cookie: {LONG}\r\n"), 431, "head_too_large", "limit 2048"),
    (request("GET /a/b?" + LONG, FROM_PAGE), 414, "request_line_too_long", "limit 2048"),
    (request("GET /a/b", FROM_PAGE + "X A: 1\r\n"), 400, "blank_in_name", "line 4"),
    (request("GET /a/b", FROM_PAGE + "X-A: 1\r\n 2\r\n"), 400, "folded_line", "line 5"),
    (
        request("GET /a/b", FROM_PAGE + "X_Forwarded_For: 1\r\n"),
        400,
        "name_imitated",
        "field x_forwarded_for, line 4",
    ),
    (request("POST /a/b", FROM_PAGE, b"too long"), 413, "body_too_large", "limit 5"),
    (
        request("POST /a/b", FROM_PAGE + "Transfer-Encoding: chunked\r\n") + b"6\r\nabcdef\r\n",
        413,
        "body_too_large",
        "limit 5",
    ),
    (request("POST /a/b", FROM_PAGE + "Content-Length: 5\r\n") + b"he", 400, "request_incomplete", None),
]


@pytest.mark.parametrize(("data", "status", "cause", "detail"), REFUSED)
async def test_a_refused_request_is_readable_and_leaves_a_trace(
    tmp_path: Path, events: list[Event], data: bytes, status: int, cause: str, detail: str | None
) -> None:
    async with scene(tmp_path, **LIMITS) as it:
        head, _, body = (await it.send(data)).partition(b"\r\n\r\n")
        row = await it.row()

        assert head.startswith(b"HTTP/1.1 %d " % status)
        assert f"\r\nAccess-Control-Allow-Origin: {ORIGIN}".encode() in head
        assert b"\r\nVary: Origin" in head
        assert json.loads(body)["cause"] == cause
        assert {
            name: row.get(name) for name in ("route", "path", "host", "status", "cause", "detail", "origin")
        } == {
            "route": "all",
            "path": "/a/b",
            "host": "gateway.test",
            "status": status,
            "cause": cause,
            "detail": detail,
            "origin": ORIGIN,
        }
        assert row["method"] == data.split(b" ")[0].decode()
        assert it.causes() == {cause: 1}
    told = [fields for name, _, fields in events if name == "request_refused"]
    assert [(fields["route"], fields["cause"], fields["detail"]) for fields in told] == [
        ("all", cause, detail)
    ]
    assert [fields.get("client", "127.0.0.1") for fields in told] == ["127.0.0.1"]


async def test_a_refused_client_on_a_unix_socket_has_no_address(tmp_path: Path, events: list[Event]) -> None:
    path = str(tmp_path / "gateway.sock")
    async with scene(tmp_path) as it:
        loop = asyncio.get_running_loop()
        server = await loop.create_unix_server(it.stage.gateway.connection_factory(tls=False), path)
        async with server, await connect(path) as client:
            await client.send(request(fields="X A: 1\r\n"))
            assert (await client.read_response()).status == 400

    assert [(name, fields["client"]) for name, _, fields in events] == [("request_refused", None)]


async def test_what_cannot_be_read_belongs_to_no_route_and_nothing_is_granted(tmp_path: Path) -> None:
    async with scene(tmp_path, **LIMITS) as it:
        answer = await it.send(b"GET /a HTTP/1.1\r\nX-A: " + LONG.encode())
        row = await it.row()

        assert answer.startswith(b"HTTP/1.1 431 ")
        assert b"Access-Control" not in answer
        assert (row["route"], row["method"], row["path"], row["cause"]) == (
            "_none",
            "GET",
            "/a",
            "head_too_large",
        )
        assert it.causes("_none") == {"head_too_large": 1}


async def test_a_stranger_may_read_a_refusal_no_more_than_anything_else(tmp_path: Path) -> None:
    async with scene(tmp_path, **LIMITS) as it:
        answer = await it.send(request("GET /a", f"Origin: https://evil.example\r\nCookie: {LONG}\r\n"))
        row = await it.row()

        assert b"Access-Control-Allow-Origin" not in answer
        assert row["cors"] == {"kind": "actual", "outcome": "refused", "reason": "origin_not_allowed"}


async def test_a_head_request_that_is_refused_gets_no_body_but_its_grant(tmp_path: Path) -> None:
    async with scene(tmp_path, **LIMITS) as it:
        answer = await it.send(request("HEAD /a", FROM_PAGE + f"Cookie: {LONG}\r\n"))

        assert answer.endswith(b"\r\n\r\n")
        assert f"Access-Control-Allow-Origin: {ORIGIN}".encode() in answer


async def test_the_same_cause_is_told_once_a_minute_and_counted_every_time(
    tmp_path: Path, events: list[Event]
) -> None:
    async with scene(tmp_path, **LIMITS) as it:
        for _ in range(5):
            await it.send(request("GET /a", "X A: 1\r\n"))

        assert it.causes() == {"blank_in_name": 5}
    assert [name for name, *_ in events].count("request_refused") == 1


FAILED = [
    (
        lambda _: Answer([b"HTTP/1.1 200 OK\r\nX-A: 1\r\n 2\r\n\r\n"]),
        "folded_line",
        "upstream_invalid_response",
    ),
    (lambda _: Answer([b"HTTP/1.1 200 OK\nX-A: 1\r\n\r\n"]), "bare_lf", "upstream_invalid_response"),
    (lambda _: Answer([b"HTTP/1.1 200 OK\r\nX A: 1\r\n\r\n"]), "blank_in_name", "upstream_invalid_response"),
    (
        lambda _: Answer([b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"]),
        *("two_framings", "upstream_invalid_response"),
    ),
    (
        lambda _: Answer([b"HTTP/1.1 200 OK\r\nX-A: " + b"x" * 70000 + b"\r\n\r\n"]),
        *("head_too_large", "upstream_invalid_response"),
    ),
    (
        lambda _: Answer([b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"]),
        *("switch_not_asked", "upstream_invalid_response"),
    ),
    (lambda _: Answer([b"\x15\x03\x01\x00\x02\x02"]), "not_http", "upstream_invalid_response"),
    (lambda _: Answer([], then="rst"), "upstream_reset", "upstream_reset"),
    (lambda _: Answer([], then="hold"), "upstream_response_timeout", "upstream_response_timeout"),
]


@pytest.mark.parametrize(("script", "cause", "failure"), FAILED)
async def test_a_failure_of_the_upstream_says_its_cause_and_its_timings(
    tmp_path: Path, events: list[Event], script: Script, cause: str, failure: str
) -> None:
    timeouts = {"response_head": "100ms"} if cause == "upstream_response_timeout" else {}
    async with scene(tmp_path, timeouts=timeouts) as it:
        it.backend.script = script
        await it.stage.ask(fields=FROM_PAGE)
        row = await it.row()

        assert (row["route"], row["cause"], row["failure"]) == ("all", cause, failure)
        assert row["upstream_connect_ms"] <= row["duration_ms"]
        assert it.causes() == {cause: 1}
    ((_, level, fields),) = [event for event in events if event[0] == "upstream_failed"]
    assert level == "WARNING"
    assert (fields["cause"], fields["failure"], fields["upstream"]) == (cause, failure, row["upstream"])
    assert fields["connect_seconds"] <= fields["seconds"]


async def test_a_server_that_is_not_there_is_told_with_what_the_system_says(tmp_path: Path) -> None:
    with bound_socket() as sock:
        address = "http://{}:{}".format(*sock.getsockname())
    async with scene(tmp_path, upstream(address, retries=0)) as it:
        await it.stage.ask()
        row = await it.row()

        assert (row["cause"], row["failure"]) == ("upstream_refused", "upstream_refused")
        assert "onnect" in row["detail"]


REDIRECTS = [
    ("https://login.example.net/x?y=1", "https://login.example.net"),
    ("//user:secret@login.example.net/", "http://login.example.net"),
    ("https://gateway.test/", "https://gateway.test"),
    ("http://gateway.test:80/elsewhere", None),
    ("/elsewhere", None),
    ("elsewhere?u=https://a.example", None),
]


@pytest.mark.parametrize(("location", "origin"), REDIRECTS)
async def test_a_redirect_to_another_origin_is_told_with_its_target(
    tmp_path: Path, location: str, origin: str | None
) -> None:
    async with scene(tmp_path) as it:
        it.backend.script = lambda _: reply(302, [("Location", location)])
        await it.stage.ask(fields=FROM_PAGE)
        row = await it.row()
        assert (row.get("cause"), row.get("detail")) == (origin and "redirected_to_other_origin", origin)
        assert "failure" not in row

        it.log.rows.clear()
        await it.stage.ask()
        assert "cause" not in await it.row()


async def test_a_refused_preflight_says_what_it_asked_for_also_the_second_time(tmp_path: Path) -> None:
    asked = FROM_PAGE + "Access-Control-Request-Method: PUT\r\nAccess-Control-Request-Headers: x-a,x-b\r\n"
    async with scene(tmp_path) as it:
        for _ in range(3):
            await it.send(request("OPTIONS /a", asked))
        await until(lambda: len(it.log.rows) == 3)

        assert [row["asked"] for row in it.log.rows] == [{"method": "PUT", "headers": "x-a,x-b"}] * 3


async def test_a_preflight_on_trial_is_logged_with_what_would_become_of_it(tmp_path: Path) -> None:
    asked = FROM_PAGE + "Access-Control-Request-Method: PUT\r\nAccess-Control-Request-Headers: x-a\r\n"
    async with scene(tmp_path, policy={"allow_methods": ["GET"], "report_only": True}) as it:
        it.backend.script = lambda _: reply(204)
        await it.stage.ask("OPTIONS /a", fields=asked)
        row = await it.row()

        assert (row["status"], row["method"], row["asked"]) == (
            204,
            "OPTIONS",
            {"method": "PUT", "headers": "x-a"},
        )
        assert row["cors"] == {"kind": "preflight", "outcome": "refused", "reason": "method_not_allowed"}


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ("OPTIONS /a", "Access-Control-Request-Method: PUT\r\n"),
        ("GET /a", "Sec-Fetch-Mode: cors\r\nSec-Fetch-Site: cross-site\r\n"),
    ],
)
async def test_a_request_whose_origin_was_removed_goes_on_and_is_told(
    tmp_path: Path, events: list[Event], line: str, fields: str
) -> None:
    async with scene(tmp_path) as it:
        answer = await it.stage.ask(line, fields)
        row = await it.row()

        assert answer.status == 200
        assert row["cause"] == "origin_removed"
        assert it.causes() == {"origin_removed": 1}
    assert [(name, level) for name, level, _ in events] == [("origin_removed", "WARNING")]


@pytest.mark.parametrize(
    ("policy", "passed", "dropped"),
    [
        ({"allow_headers": ["X_Granted"]}, {"x_granted"}, "field x_other"),
        ({"allow_headers": ["X-Granted"]}, set(), "field x_granted, x_other"),
        ({"allow_headers": ["*"]}, {"x_granted", "x_other"}, None),
    ],
)
async def test_a_name_with_an_underscore_passes_where_the_policy_grants_it(
    tmp_path: Path, policy: dict[str, Any], passed: set[str], dropped: str | None
) -> None:
    async with scene(tmp_path, policy=policy) as it:
        for _ in range(2):
            await it.stage.ask(fields="X_Granted: 1\r\nx_OTHER: 2\r\n")
        await until(lambda: len(it.log.rows) == 2)

        for _, seen in it.backend.requests:
            names = {name.lower() for name, _ in seen.fields}
            assert names & {"x_granted", "x_other"} == passed
        cause = "name_with_underscore" if dropped else None
        assert [(row.get("cause"), row.get("detail")) for row in it.log.rows] == [(cause, dropped)] * 2


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ([f"x_{number:02}" for number in range(10)], [f"x_{number:02}" for number in range(10)]),
        ([f"x_{number:02}" for number in range(11)], [f"x_{number:02}" for number in range(10)]),
        (["x_a", "b_" + "b" * 198], ["b_" + "b" * 198]),
        (["x_a", "b_" + "b" * 195], ["b_" + "b" * 195, "x"]),
    ],
    ids=["ten", "eleven", "long", "together too long"],
)
async def test_names_that_were_dropped_are_told_within_bounds(
    tmp_path: Path, events: list[Event], names: list[str], told: list[str]
) -> None:
    detail = f"field {', '.join(told)}"
    async with scene(tmp_path) as it:
        await it.stage.ask(fields="".join(f"{name}: 1\r\n" for name in names))

        assert (await it.row())["detail"] == detail
    assert [(name, fields["detail"]) for name, _, fields in events] == [("fields_dropped", detail)]


@pytest.mark.parametrize("length", [64, 65])
async def test_a_name_that_is_refused_is_told_within_bounds(tmp_path: Path, length: int) -> None:
    async with scene(tmp_path) as it:
        await serve(it, underscore_headers=UnderscoreHeaders.REJECT)
        await it.stage.ask(fields=f"x_{'a' * (length - 2)}: 1\r\nx_b: 1\r\n")

        assert (await it.row())["detail"] == f"field x_{'a' * 62}"


async def test_a_dropped_name_is_counted_also_where_the_upstream_fails(tmp_path: Path) -> None:
    async with scene(tmp_path) as it:
        it.backend.script = lambda _: Answer([], then="rst")
        await it.stage.ask(fields="X_Other: 1\r\n")

        assert (await it.row())["cause"] == "upstream_reset"
        assert it.causes() == {"upstream_reset": 1, "name_with_underscore": 1}


async def serve(it: Scene, **server: Any) -> None:
    """Serve the same with other values of the server section."""
    now = it.stage.gateway.snapshot
    changed = replace(now, server=replace(now.server, **server))
    it.stage.gateway.swap(it.stage.gateway.prepare(changed))


@pytest.mark.parametrize(
    ("option", "status", "passed"),
    [
        (UnderscoreHeaders.DROP, 200, {"x_granted"}),
        (UnderscoreHeaders.PASS, 200, {"x_granted", "x_other"}),
        (UnderscoreHeaders.REJECT, 400, set()),
    ],
)
async def test_other_names_with_an_underscore_go_the_way_of_the_option(
    tmp_path: Path, option: UnderscoreHeaders, status: int, passed: set[str]
) -> None:
    async with scene(tmp_path, policy={"allow_headers": ["X_Granted"]}) as it:
        await serve(it, underscore_headers=option)
        answer = await it.stage.ask(fields=FROM_PAGE + "X_Granted: 1\r\nx_OTHER: 2\r\n")
        row = await it.row()

        assert answer.status == status
        names = {name.lower() for _, seen in it.backend.requests for name, _ in seen.fields}
        assert names & {"x_granted", "x_other"} == passed
        assert ("cause" in row) is (option is not UnderscoreHeaders.PASS)

        if option is UnderscoreHeaders.REJECT:
            assert (row["cause"], row["detail"], row["route"]) == (
                "name_with_underscore",
                "field x_other",
                "all",
            )
            assert answer.values("access-control-allow-origin") == [ORIGIN]
            assert (await it.stage.ask(fields="X_Granted: 1\r\n")).status == 200


@pytest.mark.parametrize(("limit", "status"), [(1000, 502), (200_000, 200)])
async def test_how_long_the_head_of_a_response_may_be_is_said_by_its_upstream(
    tmp_path: Path, limit: int, status: int
) -> None:
    async with scene(tmp_path) as it:
        now = it.stage.gateway.snapshot
        app = replace(now.upstreams["app"], limits=UpstreamLimits(response_head=limit))
        it.stage.gateway.swap(it.stage.gateway.prepare(replace(now, upstreams={"app": app})))
        it.backend.script = lambda _: reply(200, [("X-Policy", "x" * 100_000)])

        assert (await it.stage.ask()).status == status
        row = await it.row()
        assert (row.get("cause"), row.get("detail")) == (
            ("head_too_large", f"limit {limit}") if status == 502 else (None, None)
        )


@pytest.mark.parametrize("also", ["", "Via: 1.1 other\r\n"])
async def test_a_proxy_that_is_not_trusted_is_told_of_once(
    tmp_path: Path, events: list[Event], also: str
) -> None:
    async with scene(tmp_path) as it:
        for fields in (
            "X-Forwarded-Proto: http\r\n",
            "X-Forwarded-Proto: https\r\n",
            "X-Forwarded-Proto: https\r\n",
        ):
            await it.stage.ask(fields=fields + also)
    ((name, _, told),) = events
    assert name == "forwarding_ignored"
    assert re.match(r"X-Forwarded-Proto of 127\.0\.0\.1 .*server\.trusted_proxies", told["detail"])


@pytest.mark.parametrize(
    ("kind", "is_event_stream"), [("Text/Event-Stream; charset=utf-8", True), ("text/plain", False)]
)
async def test_only_an_event_stream_may_be_silent_for_longer_than_idle(
    tmp_path: Path, kind: str, is_event_stream: bool
) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\n\r\n".encode()
    async with scene(tmp_path, timeouts={"idle": "30s"}) as it, await it.stage.connect() as client:
        it.backend.script = lambda _: Answer([head + b"data: one\n\n"], then="hold")
        await client.send(request("GET /events", "Connection: close\r\n"))
        await client.read_until(b"data: one\n\n")
        for _ in range(3):
            it.stage.pass_time(31)
        it.backend.connections[0].transport.write(b"data: two\n\n")
        it.backend.connections[0].close()
        await client.wait_closed()
        row = await it.row()

        assert (b"data: two" in client.received) is is_event_stream
        assert row.get("cause") == (None if is_event_stream else "upstream_response_timeout")
