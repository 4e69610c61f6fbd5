"""The access log: one line for each request on standard output, in the form that the configuration names.

What is said of a request when it is over is put down, written as lines a batch at a time (`log_format.py`), and left to
a thread, a larger batch at a time: what does nothing but make lines for a moment makes them for less.
"""

import asyncio
import time

from cors_gateway.observe.background_writer import BackgroundWriter
from cors_gateway.observe.log_format import line_writer
from cors_gateway.observe.record import RequestRecord
from cors_gateway.snapshot import AccessLog as Form

BATCH_SECONDS = 0.2
BATCH_LINES = 512
"""Lines that are left to the thread at once: it has to be woken for each batch, and given the interpreter."""
BATCH_RECORDS = 64
"""Requests of which lines are made at once. A record takes half as much memory as its line, and nobody waits long."""


class AccessLog:
    """Writes finished requests down. `record` never blocks and never raises."""

    def __init__(self, form: Form, writer: BackgroundWriter, loop: asyncio.AbstractEventLoop) -> None:
        self.form = form
        self._line = line_writer(form)
        self._writer = writer
        self._loop = loop
        self._records: list[RequestRecord] = []
        self._lines: list[bytes] = []
        """Many lines each."""
        self._count = 0
        """How many lines these are."""
        self._timer: asyncio.TimerHandle | None = None
        self._told = 0

    @property
    def dropped(self) -> int:
        """Lines that could not be written."""
        return self._writer.dropped

    def take_dropped(self) -> int:
        """Lines that could not be written since this was last asked."""
        new = self._writer.dropped - self._told
        self._told += new
        return new

    def record(self, record: RequestRecord) -> None:
        """Write down one request."""
        records = self._records
        records.append(record)
        if len(records) >= BATCH_RECORDS:
            self._make_lines()
            if self._count >= BATCH_LINES:
                self.flush()
        elif self._timer is None:
            self._timer = self._loop.call_later(BATCH_SECONDS, self.flush)

    def flush(self) -> None:
        """Hand what was recorded to the writer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._make_lines()
        if self._lines:
            self._writer.put(b"".join(self._lines), self._count)
            self._lines.clear()
            self._count = 0

    def close(self) -> None:
        self.flush()
        self._writer.close()

    def _make_lines(self) -> None:
        records = self._records
        if records:
            line, since_1970 = self._line, time.time() - time.monotonic()
            lines = "".join([line(record, record.ended + since_1970) for record in records])
            self._lines.append(lines.encode("ascii", "backslashreplace"))
            self._count += len(records)
            records.clear()
