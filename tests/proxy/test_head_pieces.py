"""A head that comes in pieces: a client connection answers as if it had come in one, and within its time."""

import asyncio
import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cors_gateway.config.load import load
from cors_gateway.observe.metrics import Metrics
from cors_gateway.proxy.gateway import Gateway
from tests.proxy.fakes import FakeTransport


@pytest.fixture(scope="module", name="gateway")
def _gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    path = tmp_path_factory.mktemp("pieces") / "gateway.yaml"
    limits = {"request_head": "1KiB", "header_fields": 4}
    document = {
        "version": 1,
        "server": {"listen": ["127.0.0.1:0"], "limits": limits, "timeouts": {"request_head": "10s"}},
        "upstreams": {"backend": {"servers": ["http://127.0.0.1:1"]}},
        "routes": [{"name": "all", "path": "/served", "upstream": "backend", "cors": "disabled"}],
    }
    path.write_text(json.dumps(document))
    loaded = load(path, {})
    assert loaded.snapshot is not None, loaded.problems
    loop = asyncio.new_event_loop()
    yield Gateway(loaded.snapshot, loop=loop, instance_id="x", metrics=Metrics())
    loop.close()


def connected(gateway: Gateway) -> tuple[Any, FakeTransport]:
    connection, transport = gateway.connection_factory(tls=False)(), FakeTransport()
    connection.connection_made(transport)
    return connection, transport


def answered(gateway: Gateway, data: bytes, *cuts: int) -> bytes:
    connection, transport = connected(gateway)
    for start, end in itertools.pairwise((0, *cuts, len(data))):
        connection.data_received(data[start:end])
    connection.connection_lost(None)
    return transport.written


# Nothing here reaches a backend: the path has no route.
pieces = st.sampled_from(
    [
        *(
            b"\r\n",
            b"\r",
            b"\n",
            b"\0",
            b" ",
            b"GET /a HTTP/1.1\r\n",
            b"GET /a HTTP/2.0\r\n",
            b"BAD\r\n",
            b"G",
        ),
        *(
            b"OPTIONS * HTTP/1.1\r\n",
            b"Host: x\r\n",
            b"Host: x\r\n\r\n",
            b"X : y\r\n",
            b"X: \0\r\n",
            b"X: y\r\n",
        ),
        *(
            b"GET /" + b"a" * 1100,
            b"X: " + b"a" * 1030,
            b"Content-Length: 3\r\n\r\nabc",
            b"GET /../ HTTP/1.1\r\n",
        ),
    ]
)


@given(st.lists(pieces, max_size=8).map(b"".join), st.sets(st.integers(1, 200), max_size=6))
@example(b"\r\n" * 6 + b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n", {8})
@example(b"GET /a HTTP/2.0\r\nX : y\r\n\r\n", {17})
@example(b"GET /a HTTP/1.1\r\nHost: x\r\n\r\n\r\n\r\nGET /a HTTP/1.1\r\nHost: x\r\n\r\n", {30, 31})
def test_the_answers_do_not_depend_on_the_cuts(gateway: Gateway, data: bytes, cuts: set[int]) -> None:
    whole = answered(gateway, data)
    assert answered(gateway, data, *sorted(cut for cut in cuts if cut < len(data))) == whole
    assert answered(gateway, data, *range(1, len(data))) == whole


@pytest.mark.parametrize("step", [1, 2, 3])
def test_empty_lines_do_not_put_off_the_end_of_a_head(gateway: Gateway, step: int) -> None:
    connection, transport = connected(gateway)
    connection.data_received(b"\r")
    deadline = connection.deadline
    for at in range(1, 8, step):
        gateway.clock.now += 1
        connection.data_received((b"\r\n" * 4)[at : at + step])
    assert connection.deadline == deadline
    gateway.clock.now = deadline
    connection.on_deadline()
    assert transport.written.startswith(b"HTTP/1.1 408 ")
