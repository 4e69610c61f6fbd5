"""The two spans of a request that goes to a backend: what was asked of the gateway, and what it asked of the backend.

Attributes follow the semantic conventions of OpenTelemetry for HTTP; those that begin with `cors_gateway.` are ours.
Query strings, cookies and credentials are in none of them.
"""

import asyncio
import contextlib
import threading

from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, set_span_in_context
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from cors_gateway import __version__
from cors_gateway.observe.metrics import METHODS
from cors_gateway.observe.record import CLIENT_CLOSED_REQUEST, RequestRecord
from cors_gateway.observe.tracing import Received

CLOSE_SECONDS = 1.0
MAX_VALUE = 1024
"""Bytes of one value that are kept."""

_PROPAGATOR = TraceContextTextMapPropagator()

Attributes = dict[str, str | int | tuple[str, ...]]


def open_spans() -> "Spans":
    """Spans that go where the environment says, as OTLP over HTTP, in batches, from a thread."""
    return Spans(BatchSpanProcessor(OTLPSpanExporter()))


class OpenSpans:
    """The spans of one request; a `record.Trace`."""

    __slots__ = ("_client", "_path", "_server", "lines", "traceparent")

    def __init__(self, server: Span, client: Span, path: str, lines: bytes) -> None:
        """`path` is what the backend is asked for, without query."""
        self._server = server
        self._client = client
        self._path = path
        self.lines = lines
        context = server.get_span_context()
        self.traceparent = b"00-%032x-%016x-%02x" % (context.trace_id, context.span_id, context.trace_flags)

    def end(self, record: RequestRecord) -> None:
        """End both spans."""
        if self._server.is_recording():
            _describe_client(self._client, record, self._path)
            _describe_server(self._server, record)
            self._client.end()
            self._server.end()


class Spans:
    """Makes the spans of one process; a `tracing.Tracing`."""

    def __init__(self, processor: SpanProcessor) -> None:
        self._provider = TracerProvider(resource=_resource(), shutdown_on_exit=False)
        self._provider.add_span_processor(processor)
        self._tracer = self._provider.get_tracer("cors_gateway", __version__)

    def begin(self, received: Received) -> OpenSpans:
        """Start both spans under the caller's, sampled as it was unless the environment says otherwise.

        From an untrusted peer, too: what it sends correlates spans and grants nothing (W3C Trace Context 3.4).
        """
        parent = _PROPAGATOR.extract(_carrier(received), context=Context())
        name = f"{_method(received)} {received.route}"
        attributes = _request_attributes(received)
        server = self._tracer.start_span(
            name,
            context=parent,
            kind=SpanKind.SERVER,
            attributes={
                **attributes,
                "url.scheme": received.scheme,
                "url.path": _path(received.target),
            },
        )
        inside = set_span_in_context(server, Context())
        client = server
        if server.is_recording():  # else no child of it is recorded either, and one stands for both
            client = self._tracer.start_span(
                name, context=inside, kind=SpanKind.CLIENT, attributes=attributes
            )
            inside = set_span_in_context(client, Context())
        fields: dict[str, str] = {}
        _PROPAGATOR.inject(fields, inside)
        lines = "".join(f"{field}: {value}\r\n" for field, value in fields.items()).encode("latin-1")
        return OpenSpans(server, client, _path(received.sent_target), lines)

    async def close(self) -> None:
        """Send what is left, for at most a second: a collector that does not answer must not delay the end."""
        loop = asyncio.get_running_loop()
        closed = asyncio.Event()

        def shut_down() -> None:
            self._provider.shutdown()
            with contextlib.suppress(RuntimeError):  # the loop may have ended before the collector answered
                loop.call_soon_threadsafe(closed.set)

        # A daemon, and none of the loop's own threads: those are waited for.
        threading.Thread(target=shut_down, name="tracing", daemon=True).start()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await closed.wait()


def _resource() -> Resource:
    resource = Resource.create({SERVICE_VERSION: __version__})
    if str(resource.attributes.get(SERVICE_NAME, "")).startswith("unknown_service"):
        return resource.merge(Resource({SERVICE_NAME: "cors-gateway"}))
    return resource


def _carrier(received: Received) -> dict[str, str]:
    """The received fields for the propagator, which wants one line of each. Two traceparents are none."""
    if len(received.traceparent) != 1:
        return {}
    return {
        "traceparent": received.traceparent[0].decode("latin-1"),
        "tracestate": b",".join(received.tracestate).decode("latin-1"),
    }


def _method(received: Received) -> str:
    return received.method.decode("ascii") if received.method in METHODS else "HTTP"


def _request_attributes(received: Received) -> Attributes:
    if received.method in METHODS:
        return {"http.request.method": received.method.decode("ascii")}
    return {"http.request.method": "_OTHER", "http.request.method_original": _text(received.method)}


def _describe_server(span: Span, record: RequestRecord) -> None:
    tally = record.tally
    attributes: Attributes = {
        "client.address": record.client,
        "cors_gateway.route": record.stats.name,
        "cors_gateway.generation": record.generation,
        "cors_gateway.request_id": _text(record.request_id),
        "cors_gateway.cors.kind": tally.kind,
        "cors_gateway.cors.outcome": tally.outcome,
        "cors_gateway.cors.reason": tally.reason,
    }
    if record.trouble is not None:
        attributes["cors_gateway.cause"] = record.trouble.cause
    if record.host:
        attributes |= _address(_text(record.host))
    if record.origin is not None:
        attributes["http.request.header.origin"] = (_text(record.origin),)
    agent = record.field(b"user-agent")
    if agent is not None:
        attributes["user_agent.original"] = _text(agent)
    if record.status == CLIENT_CLOSED_REQUEST:
        attributes["error.type"] = "client_closed_request"
    else:
        attributes["http.response.status_code"] = record.status
    span.set_attributes(attributes)
    if record.status >= 500 or record.failure:
        _mark_failed(span, record)


def _describe_client(span: Span, record: RequestRecord, path: str) -> None:
    attributes: Attributes = {}
    if record.upstream.startswith("unix:"):
        attributes["server.address"] = record.upstream.removeprefix("unix:")
        attributes["network.transport"] = "unix"
        attributes["url.full"] = f"http://localhost{path}"
    elif record.upstream:
        attributes |= _address(record.upstream.partition("://")[2])
        attributes["url.full"] = record.upstream + path
    has_answered = record.upstream_seconds > 0
    if has_answered:
        attributes["http.response.status_code"] = record.status
    span.set_attributes(attributes)
    if record.failure or (has_answered and record.status >= 400):
        _mark_failed(span, record)


def _address(authority: str) -> Attributes:
    """Of a host, with or without a port."""
    host, colon, port = authority.rpartition(":")
    if not colon or authority.endswith("]"):
        host, port = authority, ""
    attributes: Attributes = {"server.address": host.strip("[]")}
    if port.isdigit():
        attributes["server.port"] = int(port)
    return attributes


def _mark_failed(span: Span, record: RequestRecord) -> None:
    span.set_status(Status(StatusCode.ERROR))
    span.set_attribute("error.type", record.failure or str(record.status))


def _path(target: bytes) -> str:
    return _text(target.partition(b"?")[0])


def _text(value: bytes) -> str:
    return value[:MAX_VALUE].decode("utf-8", "backslashreplace")
