"""Lines on standard error: their form, and that nobody has to wait for them."""

import json
import logging
import os
from collections.abc import Iterator
from typing import IO

import pytest

from cors_gateway.observe.event import emit
from cors_gateway.server.events import CAPACITY, BackgroundHandler, configure


@pytest.fixture
def output() -> Iterator[IO[bytes]]:
    """What comes out; logging is put back afterwards."""
    root = logging.getLogger()
    handlers, levels = root.handlers[:], (root.level, logging.getLogger("cors_gateway").level)
    root.handlers = []
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb") as file, os.fdopen(writer, "wb"):
        configure({"CORS_GATEWAY_LOG_FORMAT": "json"}, descriptor=writer, worker=3)
        yield file
        for handler in root.handlers:
            handler.close()
    root.handlers = handlers
    root.setLevel(levels[0])
    logging.getLogger("cors_gateway").setLevel(levels[1])


def test_an_event_is_one_json_object(output: IO[bytes]) -> None:
    emit("ready", generation=1, message="two\nlines \x1b[31m", nothing=None)
    row = json.loads(output.readline())

    assert row.pop("ts").endswith("Z")
    assert row == {
        "level": "info",
        "event": "ready",
        "worker": 3,
        "generation": 1,
        "message": "two\nlines \x1b[31m",
    }


def test_other_logging_comes_out_in_the_same_form(output: IO[bytes]) -> None:
    try:
        raise ValueError("why")
    except ValueError:
        logging.getLogger("asyncio").exception("lost %s", "it")
    row = json.loads(output.readline())

    assert (row["level"], row["event"], row["logger"], row["message"]) == (
        "error",
        "log",
        "asyncio",
        "lost it",
    )
    assert row["exception"].endswith("ValueError: why")


def test_levels_below_the_configured_one_are_left_out(output: IO[bytes]) -> None:
    emit("unimportant", level=logging.DEBUG)
    logging.getLogger("asyncio").info("chatty")
    emit("important")

    assert json.loads(output.readline())["event"] == "important"


def test_text_keeps_every_value_on_the_line() -> None:
    reader, writer = os.pipe()
    root = logging.getLogger()
    handlers, root.handlers = root.handlers[:], []
    with os.fdopen(reader) as file, os.fdopen(writer, "wb"):
        configure({"CORS_GATEWAY_LOG_FORMAT": "text"}, descriptor=writer)
        emit(
            "reload_failed",
            level=logging.ERROR,
            message='a "b"\n\x1b',
            file="x.yaml",
            count=2,
            changes=["y z"],
        )
        line = file.readline()
        root.handlers[0].close()
    root.handlers = handlers

    assert line.partition(" ")[2] == (
        'error reload_failed message="a \\"b\\"\\n\\u001b" file=x.yaml count=2 changes=["y z"]\n'
    )


def test_a_reader_who_stopped_reading_makes_nobody_wait() -> None:
    reader, writer = os.pipe()
    handler = BackgroundHandler(writer)
    record = logging.LogRecord("x", logging.INFO, "", 0, "x" * 4096, None, None)
    for _ in range(2 * CAPACITY // 4096):
        handler.handle(record)

    assert handler.dropped > 0
    os.close(reader)
    handler.close()
    os.close(writer)
