"""What is left of a configuration that another has replaced, once its last request is over: nothing, at once.

The garbage collector is off here. It looks at what has lived for a while only when there is a quarter more of it: what
waits for it adds up over reloads.
"""

import gc
import weakref
from collections.abc import Iterator

import pytest

from cors_gateway.proxy.active import Active
from tests.proxy.stage import Stage, Starter, listening, request, until, upstream
from tests.wire.raw_backend import Answer, RawBackend
from tests.wire.raw_client import RawClient

SLOW = [b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nol", b"d!"]


@pytest.fixture(autouse=True)
def _without_collector() -> Iterator[None]:
    gc.collect()
    gc.disable()
    yield
    gc.enable()


def served(stage: Stage) -> weakref.ref[Active]:
    """What is in service, without holding it."""
    return weakref.ref(stage.gateway.active)


def replace(stage: Stage, backend: RawBackend) -> None:
    """Serve something else."""
    stage.swap(upstream(backend, timeouts={"connect": "4s"}))


async def ask(client: RawClient) -> None:
    await client.send(request())
    assert (await client.read_response()).status == 200


async def test_a_client_that_asks_again_holds_nothing(serving: Starter, backend: RawBackend) -> None:
    async with listening(backend), serving(upstream(backend)) as stage, await stage.connect() as client:
        await ask(client)
        before = served(stage)
        replace(stage, backend)
        await ask(client)

        await until(lambda: before() is None)


async def test_what_new_connections_are_expected_to_ask_holds_nothing(
    serving: Starter, backend: RawBackend
) -> None:
    async with listening(backend), serving(upstream(backend)) as stage:
        await stage.ask()
        before = served(stage)
        replace(stage, backend)

        await until(lambda: before() is None)


async def test_a_request_in_progress_holds_it_to_its_end(serving: Starter, backend: RawBackend) -> None:
    backend.script = lambda _: Answer(SLOW, gap=0.2)
    async with listening(backend), serving(upstream(backend)) as stage, await stage.connect() as client:
        await client.send(request())
        await client.read_until(b"ol")
        before = served(stage)
        replace(stage, backend)

        assert before() is not None
        await client.read_until(b"d!")
        await ask(client)
        await until(lambda: before() is None)
