"""What the tests of this directory share."""

import asyncio
import socket
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import uvloop

from cors_gateway.snapshot import Snapshot
from tests.proxy.bench import Bench
from tests.proxy.stage import Starter, start
from tests.wire.raw_backend import RawBackend, bound_socket


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop of production: its transports differ from asyncio's in when they pause, fail and close."""
    return {"uvloop": uvloop.new_event_loop}


@pytest.fixture
def serving(tmp_path: Path) -> Starter:
    """Starts a gateway: `async with serving(upstreams, …) as stage`."""
    return lambda *arguments, **options: start(tmp_path, *arguments, **options)


@pytest.fixture
def sockets() -> Iterator[Callable[[], socket.socket]]:
    """Makes bound sockets that do not listen yet, and closes them at the end."""
    made: list[socket.socket] = []

    def make() -> socket.socket:
        made.append(bound_socket())
        return made[-1]

    yield make
    for sock in made:
        sock.close()


@pytest.fixture
def backend(sockets: Callable[[], socket.socket]) -> RawBackend:
    """One that echoes, as soon as it is started."""
    return RawBackend(sockets())


@pytest.fixture
def other(sockets: Callable[[], socket.socket]) -> RawBackend:
    """Another one."""
    return RawBackend(sockets())


@pytest.fixture(scope="session")
def benches() -> Iterator[Callable[[Snapshot], Bench]]:
    """Makes gateways on fake transports; their loop never runs."""
    loop = asyncio.new_event_loop()
    # Over TCP: the peer of a Unix socket has no address that it could be trusted for.
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()) as quiet,
        listener.accept()[0],
    ):
        yield lambda snapshot: Bench(snapshot, loop, quiet)
    loop.close()
