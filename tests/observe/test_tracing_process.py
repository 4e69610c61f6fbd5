"""Tracing of the real command: spans reach a collector, and no collector or missing library stops anything."""

import contextlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.server.live import Live, ask, command, configuration

FOREVER = 600
"""Seconds: longer than any deadline of a test."""


class Collector:
    """Takes spans over OTLP/HTTP, or keeps those who send them waiting."""

    def __init__(self, *, is_stuck: bool = False) -> None:
        self.exports: list[ExportTraceServiceRequest] = []
        self.asked = threading.Event()
        self._released = threading.Event()
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                collector.asked.set()
                if is_stuck:
                    collector._released.wait(FOREVER)
                    return
                assert self.path == "/v1/traces"
                collector.exports.append(ExportTraceServiceRequest.FromString(body))
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *arguments: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> "Collector":
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._released.set()
        self._server.shutdown()
        self._server.server_close()

    def names(self) -> list[tuple[str, str]]:
        """Service and name of every span, sorted."""
        return sorted(
            (attribute.value.string_value, span.name)
            for export in self.exports
            for of_resource in export.resource_spans
            for attribute in of_resource.resource.attributes
            if attribute.key == "service.name"
            for of_scope in of_resource.scope_spans
            for span in of_scope.spans
        )


@contextlib.contextmanager
def traced_gateway(directory: Path, workers: int = 1, **environ: str) -> Iterator[Live]:
    directory.mkdir(exist_ok=True)
    (directory / "gateway.yaml").write_text(configuration(server={"workers": workers}))
    with command(directory, "run", "-c", str(directory), environ=environ) as live:
        yield live


@pytest.mark.parametrize("workers", [1, 2])
def test_spans_that_wait_are_sent_at_the_end(tmp_path: Path, workers: int) -> None:
    """The backend refuses connections; that makes spans as well as anything."""
    with (
        Collector() as collector,
        traced_gateway(
            tmp_path / "config",
            workers,
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
            OTEL_BSP_SCHEDULE_DELAY=str(FOREVER * 1000),
        ) as live,
    ):
        live.wait_for("tracing_started")
        status, _ = ask(live.address(), "GET", "/")
        code = live.stop()

    assert (status, code) == (502, 0)
    assert collector.names() == [("cors-gateway", "GET api")] * 2


def test_the_service_may_be_called_something_else(tmp_path: Path) -> None:
    with (
        Collector() as collector,
        traced_gateway(
            tmp_path / "config", OTEL_EXPORTER_OTLP_ENDPOINT=collector.url, OTEL_SERVICE_NAME="edge"
        ) as live,
    ):
        ask(live.address(), "GET", "/")
        live.stop()

    assert collector.names() == [("edge", "GET api")] * 2


def test_a_collector_that_does_not_answer_delays_neither_traffic_nor_the_end(tmp_path: Path) -> None:
    with (
        Collector(is_stuck=True) as collector,
        traced_gateway(
            tmp_path / "config",
            OTEL_EXPORTER_OTLP_ENDPOINT=collector.url,
            OTEL_EXPORTER_OTLP_TIMEOUT=str(FOREVER),
            OTEL_BSP_SCHEDULE_DELAY="1",
        ) as live,
    ):
        address = live.address()
        ask(address, "GET", "/")
        collector.asked.wait()
        statuses = [ask(address, "GET", "/")[0] for _ in range(5)]
        code = live.stop()

    assert (statuses, code) == ([502] * 5, 0)


def test_without_the_libraries_it_says_so_and_serves(tmp_path: Path) -> None:
    library = tmp_path / "shadow" / "opentelemetry"
    library.mkdir(parents=True)
    (library / "__init__.py").write_text("raise ImportError('not here')\n")
    with traced_gateway(
        tmp_path / "config",
        OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:9",
        PYTHONPATH=str(library.parent),
    ) as live:
        warning = live.wait_for("tracing_unavailable")
        status, _ = ask(live.address(), "GET", "/")
        code = live.stop()

    assert "pip install 'cors-gateway[tracing]'" in warning["message"]
    assert (warning["level"], status, code) == ("warning", 502, 0)
