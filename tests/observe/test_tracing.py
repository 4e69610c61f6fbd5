"""Spans of requests that go to a backend, and the trace context that the backend gets."""

import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from cors_gateway.observe.record import RequestRecord
from cors_gateway.observe.spans import Spans
from cors_gateway.observe.tracing import TracedLog, is_wanted, open_tracing
from cors_gateway.proxy.dispatch import Dispatch
from cors_gateway.proxy.traced_dispatch import with_tracing
from tests.observe.conftest import Event
from tests.proxy.stage import ORIGIN, Stage, listening, request, start, until, upstream
from tests.wire.raw_backend import Answer, RawBackend, bound_socket, reply
from tests.wire.strict_http import Request

TRACE = "0af7651916cd43dd8448eb211c80319c"
CALLER = "b7ad6b7169203331"
TRACEPARENT = f"00-{TRACE}-{CALLER}-01"


class Log:
    """Keeps the records that come through."""

    def __init__(self) -> None:
        self.records: list[RequestRecord] = []

    def record(self, record: RequestRecord) -> None:
        self.records.append(record)


class Traced:
    """A gateway with tracing, its backend, and what came of it."""

    def __init__(
        self, stage: Stage, backend: RawBackend, untraced: Dispatch, exporter: InMemorySpanExporter, log: Log
    ) -> None:
        self.stage = stage
        self.untraced = untraced
        """How requests are dispatched without tracing."""
        self.backend = backend
        self.log = log
        self._exporter = exporter

    @property
    def request(self) -> Request:
        """The last that reached the backend."""
        return self.backend.requests[-1][1]

    def spans(self) -> tuple[ReadableSpan, ReadableSpan]:
        """The server span and the client span of the only request."""
        client, server = self._exporter.get_finished_spans()
        return server, client

    @property
    def count(self) -> int:
        """Finished spans."""
        return len(self._exporter.get_finished_spans())


@contextlib.asynccontextmanager
async def tracing(directory: Path, **options: Any) -> AsyncIterator[Traced]:
    exporter, log = InMemorySpanExporter(), Log()
    spans = Spans(SimpleSpanProcessor(exporter))
    with bound_socket() as sock:
        backend = RawBackend(sock)
        async with listening(backend), start(directory, upstream(backend), **options) as stage:
            service = stage.gateway.service
            untraced = service.dispatch
            service.dispatch = with_tracing(service.dispatch, spans)
            stage.gateway.log_to(TracedLog(log))
            yield Traced(stage, backend, untraced, exporter, log)
    await spans.close()


def trace_of(request: Request) -> str:
    """The trace id that the backend was told."""
    (value,) = request.values("traceparent")
    return value.split("-")[1]


def attributes(span: ReadableSpan) -> dict[str, object]:
    return dict(span.attributes or {})


async def test_the_backend_continues_the_trace_under_the_client_span(tmp_path: Path) -> None:
    async with tracing(tmp_path) as traced_gateway:
        await traced_gateway.stage.ask(fields=f"traceparent: {TRACEPARENT}\r\ntracestate: a=1,b=2\r\n")
        server, client = traced_gateway.spans()
        sent = traced_gateway.request

    assert server.parent is not None
    assert client.parent is not None
    assert (f"{server.context.trace_id:032x}", f"{server.parent.span_id:016x}") == (TRACE, CALLER)
    assert client.parent.span_id == server.context.span_id
    assert sent.values("traceparent") == [f"00-{TRACE}-{client.context.span_id:016x}-01"]
    assert sent.values("tracestate") == ["a=1,b=2"]


async def test_without_a_trace_one_begins(tmp_path: Path) -> None:
    async with tracing(tmp_path) as traced_gateway:
        await traced_gateway.stage.ask()
        server, client = traced_gateway.spans()
        sent = traced_gateway.request

    assert server.parent is None
    assert trace_of(sent) == f"{server.context.trace_id:032x}" == f"{client.context.trace_id:032x}"


@pytest.mark.parametrize(
    "fields",
    [
        "traceparent: nonsense\r\ntracestate: a=1\r\n",
        f"traceparent: {TRACEPARENT}\r\nTraceParent: {TRACEPARENT}\r\n",
        f"TRACEPARENT: ff-{TRACE}-{CALLER}-01\r\n",
        "traceparent: caf\xe9\r\n",
        "tracestate: a=1\r\n",
    ],
)
async def test_a_trace_context_that_is_none_is_not_passed_on(tmp_path: Path, fields: str) -> None:
    """W3C Trace Context 3.2.2.3: the trace begins anew, and its state is dropped with it."""
    async with tracing(tmp_path) as traced_gateway:
        await traced_gateway.stage.ask(fields=fields)
        server, _ = traced_gateway.spans()
        sent = traced_gateway.request

    assert server.parent is None
    assert trace_of(sent) == f"{server.context.trace_id:032x}" != TRACE
    assert sent.values("tracestate") == []


async def test_a_caller_who_does_not_sample_is_followed(tmp_path: Path) -> None:
    async with tracing(tmp_path) as traced_gateway:
        await traced_gateway.stage.ask(fields=f"traceparent: 00-{TRACE}-{CALLER}-00\r\n")
        sent = traced_gateway.request
        count = traced_gateway.count

    assert count == 0
    (value,) = sent.values("traceparent")
    assert (value[:36], value[-2:]) == (f"00-{TRACE}-", "00")


@pytest.mark.parametrize(
    "fields",
    [
        f"TraceParent: {TRACEPARENT}\r\ntracestate: a=1\r\nTRACESTATE: b=2\r\n",
        "traceparent: nonsense\r\ntraceparent: more nonsense\r\n",
        "tracestate: a=1\r\nbaggage: userId=alice\r\n",
    ],
)
async def test_without_tracing_a_trace_context_passes_untouched(tmp_path: Path, fields: str) -> None:
    with bound_socket() as sock:
        backend = RawBackend(sock)
        async with listening(backend), start(tmp_path, upstream(backend)) as stage:
            await stage.ask(fields=f"X-Before: 1\r\n{fields}X-After: 2\r\n")
            received = bytes(backend.connections[0].received)

    assert f"\r\nX-Before: 1\r\n{fields}X-After: 2\r\n".encode() in received


async def test_all_other_fields_go_on_as_they_would_without_tracing(tmp_path: Path) -> None:
    fields = f"X-One: 1\r\nTraceparent: {TRACEPARENT}\r\nX-Two: traceparent: x\r\ntraceparent-x: 3\r\n"
    async with tracing(tmp_path) as traced_gateway:
        await traced_gateway.stage.ask("POST /a%2Fb?c=d", fields=fields, body=b"body")
        traced = traced_gateway.request
        traced_gateway.stage.gateway.service.dispatch = traced_gateway.untraced
        await traced_gateway.stage.ask("POST /a%2Fb?c=d", fields=fields, body=b"body")
        without = traced_gateway.request
    varying = {"traceparent", "x-request-id"}

    assert traced.identity == without.identity
    assert [(name, value) for name, value in traced.fields if name.lower() not in varying] == [
        (name, value) for name, value in without.fields if name.lower() not in varying
    ]


async def test_what_the_server_span_says(tmp_path: Path) -> None:
    async with tracing(tmp_path) as traced_gateway:
        await traced_gateway.stage.ask(
            "GET /items?token=sesame",
            fields=f"Origin: {ORIGIN}\r\nCookie: sesame\r\nAuthorization: sesame\r\nUser-Agent: tests\r\n",
        )
        server, _ = traced_gateway.spans()
        record = traced_gateway.log.records[-1]

    assert (server.name, server.kind.name, server.status.status_code.name) == ("GET all", "SERVER", "UNSET")
    assert attributes(server) == {
        "http.request.method": "GET",
        "url.scheme": "http",
        "url.path": "/items",
        "server.address": "gateway.test",
        "client.address": "127.0.0.1",
        "user_agent.original": "tests",
        "http.request.header.origin": (ORIGIN,),
        "http.response.status_code": 200,
        "cors_gateway.route": "all",
        "cors_gateway.generation": 1,
        "cors_gateway.request_id": record.request_id.decode(),
        "cors_gateway.cors.kind": "actual",
        "cors_gateway.cors.outcome": "granted",
        "cors_gateway.cors.reason": "allowed",
    }


async def test_what_the_client_span_says(tmp_path: Path) -> None:
    route = {"path": "/api", "strip_prefix": True}
    async with tracing(tmp_path, route=route) as traced_gateway:
        await traced_gateway.stage.ask("GET /api/items?token=sesame")
        _, client = traced_gateway.spans()
        host, port = traced_gateway.backend.address

    assert (client.name, client.kind.name, client.status.status_code.name) == ("GET all", "CLIENT", "UNSET")
    assert attributes(client) == {
        "http.request.method": "GET",
        "url.full": f"http://{host}:{port}/items",
        "server.address": host,
        "server.port": port,
        "http.response.status_code": 200,
    }


async def test_a_method_that_nobody_knows_is_no_name(tmp_path: Path) -> None:
    async with tracing(tmp_path) as traced_gateway:
        await traced_gateway.stage.ask("BREW /")
        server, client = traced_gateway.spans()

    assert (server.name, client.name) == ("HTTP all", "HTTP all")
    assert attributes(server)["http.request.method"] == "_OTHER"
    assert attributes(server)["http.request.method_original"] == "BREW"


@pytest.mark.parametrize(
    ("status", "of_server", "of_client"),
    [(404, "UNSET", "ERROR"), (503, "ERROR", "ERROR"), (304, "UNSET", "UNSET")],
)
async def test_which_statuses_are_errors(tmp_path: Path, status: int, of_server: str, of_client: str) -> None:
    """A 404 is the caller's mistake: the server did well, the client did not."""
    async with tracing(tmp_path) as traced_gateway:
        traced_gateway.backend.script = lambda _: reply(status)
        await traced_gateway.stage.ask()
        server, client = traced_gateway.spans()

    assert (server.status.status_code.name, client.status.status_code.name) == (of_server, of_client)


async def test_a_backend_that_does_not_answer_is_named_in_both(tmp_path: Path) -> None:
    async with tracing(tmp_path) as traced_gateway:
        await traced_gateway.backend.stop()
        await traced_gateway.stage.ask()
        server, client = traced_gateway.spans()

    assert attributes(server)["http.response.status_code"] == 502
    assert "http.response.status_code" not in attributes(client)
    for span in (server, client):
        assert (span.status.status_code.name, attributes(span)["error.type"]) == ("ERROR", "upstream_refused")


async def test_a_client_that_left_got_no_status(tmp_path: Path) -> None:
    async with tracing(tmp_path) as traced_gateway:
        traced_gateway.backend.script = lambda _: Answer([], then="hold")
        async with await traced_gateway.stage.connect() as client:
            await client.send(request())
            await traced_gateway.backend.until(lambda: traced_gateway.backend.requests)
            client.reset()
        await until(lambda: traced_gateway.count)
        server, _ = traced_gateway.spans()

    assert attributes(server)["error.type"] == "client_closed_request"
    assert "http.response.status_code" not in attributes(server)


async def test_the_access_log_shows_the_trace_that_began_here(tmp_path: Path) -> None:
    async with tracing(tmp_path) as traced_gateway:
        await traced_gateway.stage.ask()
        server, _ = traced_gateway.spans()
        (record,) = traced_gateway.log.records

    context = server.context
    flags = f"{context.trace_flags:02x}"
    assert record.traceparent == f"00-{context.trace_id:032x}-{context.span_id:016x}-{flags}".encode()


async def test_what_the_gateway_answers_itself_has_no_spans(tmp_path: Path) -> None:
    preflight = f"Origin: {ORIGIN}\r\nAccess-Control-Request-Method: GET\r\n"
    async with tracing(tmp_path) as traced_gateway:
        statuses = [
            (await traced_gateway.stage.ask("OPTIONS /", fields=preflight)).status,
            (await traced_gateway.stage.ask("OPTIONS /", fields=preflight)).status,
            (await traced_gateway.stage.ask("TRACE /")).status,
        ]
        count, logged = traced_gateway.count, len(traced_gateway.log.records)

    assert (statuses, count, logged) == ([204, 204, 405], 0, 3)


async def test_the_spans_of_all_requests_that_are_over_have_ended(tmp_path: Path) -> None:
    async with tracing(tmp_path) as traced_gateway:
        await traced_gateway.stage.ask_many(20)

        assert traced_gateway.count == 40


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": ""}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:4318/v1/traces"}, True),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_SDK_DISABLED": "TRUE"}, False),
        ({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
        ({"OTEL_SERVICE_NAME": "edge"}, False),
    ],
)
def test_when_spans_are_wanted(environ: dict[str, str], expected: bool) -> None:
    assert is_wanted(environ) is expected


def test_without_settings_there_is_no_tracing(events: list[Event]) -> None:
    assert (open_tracing({}), events) == (None, [])


def test_settings_that_make_no_sense_do_not_keep_anybody_from_serving(
    events: list[Event], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_BSP_MAX_QUEUE_SIZE", "1")
    opened = open_tracing({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:4318"})
    ((name, level, fields),) = events

    assert (opened, name, level) == (None, "tracing_unavailable", "WARNING")
    assert "OpenTelemetry does not accept its settings" in fields["message"]
