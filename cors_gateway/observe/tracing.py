"""Distributed tracing: whether there is any, and what the rest of the program knows of it.

Without tracing `traceparent` and `tracestate` pass through like any other field. With it, every request that goes to a
backend gets two spans. How they are made is in `spans.py`, the only module that needs OpenTelemetry; it is imported
here, when it is wanted.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from cors_gateway.observe.event import emit
from cors_gateway.observe.record import RequestRecord, Trace

ENDPOINTS = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
"""Environment variables that say where spans are sent, and by being set that they are wanted."""


@dataclass(frozen=True, slots=True)
class Received:
    """A request that goes to a backend, as far as its spans need to know it when they begin."""

    route: str
    method: bytes
    target: bytes
    scheme: str
    sent_target: bytes
    """The target as the backend gets it."""
    traceparent: Sequence[bytes]
    tracestate: Sequence[bytes]


class Tracing(Protocol):
    """Makes spans. Nothing here blocks; sending them is the business of a thread."""

    def begin(self, received: Received) -> Trace:
        """A request goes to a backend."""

    async def close(self) -> None:
        """Send what is left, for at most a second."""


class RecordSink(Protocol):
    """Where finished requests are written down."""

    def record(self, record: RequestRecord) -> None: ...


class TracedLog:
    """Stands before the access log, if there is one, and ends the spans of what is recorded."""

    def __init__(self, log: RecordSink | None) -> None:
        self._log = log

    def record(self, record: RequestRecord) -> None:
        if record.trace is not None:
            record.trace.end(record)
        if self._log is not None:
            self._log.record(record)


def open_tracing(environ: Mapping[str, str]) -> Tracing | None:
    """Tracing as the environment asks for it (the variables of OpenTelemetry), or None.

    That it cannot be had is reported and does not keep anybody from serving.
    """
    if not is_wanted(environ):
        return None
    try:
        from cors_gateway.observe.spans import open_spans

        spans = open_spans()
    except ImportError as error:
        hint = "install it with: pip install 'cors-gateway[tracing]'"
        _report_failure(f"OpenTelemetry is not installed ({error}); {hint}")
        return None
    except Exception as error:  # what the SDK makes of wrong settings shares no base class
        _report_failure(f"OpenTelemetry does not accept its settings: {error}")
        return None
    emit("tracing_started")
    return spans


def is_wanted(environ: Mapping[str, str]) -> bool:
    """Whether spans should be made and sent."""
    is_off = (
        environ.get("OTEL_SDK_DISABLED", "").lower() == "true"
        or environ.get("OTEL_TRACES_EXPORTER") == "none"
    )
    return not is_off and any(environ.get(name) for name in ENDPOINTS)


def _report_failure(reason: str) -> None:
    emit("tracing_unavailable", level=logging.WARNING, message=f"no spans are sent: {reason}")
