"""State changes of the process on standard error: one line for each, JSON or key=value, written by a thread.

They are reported with `observe.event.emit`; requests are recorded in the access log, on standard output. Whatever
libraries send to the standard `logging` comes out in the same form.
"""

import json
import logging
import os
import time
from collections.abc import Mapping

from cors_gateway.observe.background_writer import BackgroundWriter
from cors_gateway.observe.event import LOGGER

CAPACITY = 1024 * 1024
"""Bytes that may wait while standard error accepts none."""


def configure(environ: Mapping[str, str], *, descriptor: int = 2, **context: object) -> None:
    """Send all logging to `descriptor`; `context` is added to every line.

    `CORS_GATEWAY_LOG_FORMAT` is `json` or `text` (default: text on a terminal), `CORS_GATEWAY_LOG_LEVEL` one of the
    levels of `logging` (default: info). Anything else in them counts as the default.
    """
    form = environ.get("CORS_GATEWAY_LOG_FORMAT", "")
    if form not in {"json", "text"}:
        form = "text" if os.isatty(descriptor) else "json"
    level = logging.getLevelNamesMapping().get(
        environ.get("CORS_GATEWAY_LOG_LEVEL", "").upper(), logging.INFO
    )
    formatter = JsonFormatter(context) if form == "json" else TextFormatter(context)
    handler = BackgroundHandler(descriptor)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    for previous in root.handlers[:]:
        root.removeHandler(previous)
        previous.close()
    root.addHandler(handler)
    root.setLevel(max(level, logging.WARNING))
    LOGGER.setLevel(level)


class JsonFormatter(logging.Formatter):
    """`{"ts": ..., "level": "info", "event": "ready", ...}`."""

    def __init__(self, context: Mapping[str, object]) -> None:
        super().__init__()
        self._context = dict(context)

    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(self._row(record), default=str)

    def _row(self, record: logging.LogRecord) -> dict[str, object]:
        milliseconds = int(record.msecs)
        stamp = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
        row: dict[str, object] = {"ts": f"{stamp}.{milliseconds:03d}Z", "level": record.levelname.lower()}
        event = getattr(record, "event", None)
        if event is None:
            row |= {"event": "log", "logger": record.name, "message": record.getMessage()}
        else:
            row["event"] = event
        row |= self._context
        fields: Mapping[str, object] = getattr(record, "fields", {})
        row |= {name: value for name, value in fields.items() if value is not None}
        if record.exc_info:
            row["exception"] = self.formatException(record.exc_info)
        return row


class TextFormatter(JsonFormatter):
    """`2026-01-31T12:00:00.000Z info ready generation=1`; every value stays on the line."""

    def format(self, record: logging.LogRecord) -> str:
        row = self._row(record)
        head = " ".join(str(row.pop(name)) for name in ("ts", "level", "event"))
        return " ".join([head, *(f"{name}={_text_value(value)}" for name, value in row.items())])


class BackgroundHandler(logging.Handler):
    """Hands finished lines to a thread, so that nobody waits for a reader of standard error."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._writer = BackgroundWriter(descriptor, name="events", capacity=CAPACITY)

    @property
    def dropped(self) -> int:
        """Lines given up, because too much was waiting or because writing failed."""
        return self._writer.dropped

    def emit(self, record: logging.LogRecord) -> None:
        """Queue one line."""
        self._writer.put((self.format(record) + "\n").encode("utf-8", "backslashreplace"))

    def close(self) -> None:
        """Write what is waiting, for at most a second."""
        self._writer.close()
        super().close()


def _text_value(value: object) -> str:
    text = value if isinstance(value, str) else json.dumps(value, default=str)
    if text and all("!" <= char <= "~" and char not in '"=\\' for char in text):
        return text
    return json.dumps(text) if isinstance(value, str) else text
