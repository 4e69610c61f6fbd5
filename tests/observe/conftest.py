"""What the tests of this directory share."""

import logging
from collections.abc import Iterator
from typing import Any

import pytest

from cors_gateway.observe.event import LOGGER

Event = tuple[str, str, dict[str, Any]]
"""Name, level and fields."""


class _Collector(logging.Handler):
    def __init__(self) -> None:
        super().__init__()
        self.events: list[Event] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.events.append((record.getMessage(), record.levelname, record.__dict__["fields"]))


@pytest.fixture
def events() -> Iterator[list[Event]]:
    """What is reported while the test runs."""
    collector = _Collector()
    level = LOGGER.level
    LOGGER.addHandler(collector)
    LOGGER.setLevel(logging.DEBUG)
    yield collector.events
    LOGGER.setLevel(level)
    LOGGER.removeHandler(collector)
