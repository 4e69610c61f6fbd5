"""What is left of a configuration that another has replaced, once its last request is over: nothing, at once.

The garbage collector is off here. It looks at what has lived for a while only when there is a quarter more of it: what
waits for it adds up over reloads. Of a TLS context it sees a few bytes.
"""

import weakref
from typing import Any

import pytest

from cors_gateway.snapshot import Http2
from tests.http2.client import Http2Client
from tests.proxy.stage import ORIGIN, Stage, Starter, listening, request, until, upstream
from tests.wire.raw_backend import Answer, RawBackend
from tests.wire.raw_client import RawClient

pytestmark = pytest.mark.usefixtures("without_collector")

LOGIN = "Authorization: NTLM aGVsbG8=\r\n"
PREFLIGHT = f"Origin: {ORIGIN}\r\nAccess-Control-Request-Method: GET\r\n"
REPEATS = 4
"""After which everything is remembered that can be."""
SLOW = [b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nol", b"d!"]


def served(stage: Stage) -> list[weakref.ref[Any]]:
    """What is in service, without holding it."""
    active = stage.gateway.active
    return [weakref.ref(active), *map(weakref.ref, active.pools.values())]


async def gone(before: list[weakref.ref[Any]]) -> None:
    await until(lambda: not any(one() for one in before))


def replace(stage: Stage, backend: RawBackend) -> None:
    """Serve something else, with another upstream."""
    stage.swap(upstream(backend, timeouts={"connect": "4s"}))


async def ask(client: RawClient, fields: str = "") -> None:
    await client.send(request("GET /", fields))
    assert (await client.read_response()).status == 200


@pytest.mark.parametrize("balance", ["round_robin", "least_requests", "client_address"])
async def test_an_upstream_with_several_servers_is_gone(
    serving: Starter, backend: RawBackend, other: RawBackend, balance: str
) -> None:
    async with (
        listening(backend, other),
        serving(upstream(backend, other, balance=balance)) as stage,
        await stage.connect() as client,
    ):
        for _ in range(REPEATS):
            await ask(client)
        before = served(stage)
        replace(stage, backend)
        await ask(client)

        await gone(before)


async def test_what_was_remembered_is_gone(serving: Starter, backend: RawBackend) -> None:
    async with listening(backend), serving(upstream(backend)) as stage, await stage.connect() as client:
        for line, status in (("GET /a", 200), ("OPTIONS /b", 204)):
            for _ in range(REPEATS):
                await client.send(request(line, PREFLIGHT))
                assert (await client.read_response(line.partition(" ")[0])).status == status
        before = served(stage)
        replace(stage, backend)
        await ask(client)

        await gone(before)


async def test_a_client_that_asks_nothing_holds_nothing_from_then_on(
    serving: Starter, backend: RawBackend
) -> None:
    """It may go on with something else, or rest for as long as it is kept."""
    async with listening(backend), serving(upstream(backend)) as stage, await stage.connect() as client:
        for line in ("GET /a", "OPTIONS /b"):
            for _ in range(REPEATS):
                await client.send(request(line, PREFLIGHT))
                await client.read_response(line.partition(" ")[0])
        before = weakref.ref(stage.gateway.active)
        replace(stage, backend)

        assert before() is None


async def test_nor_does_one_on_streams(serving: Starter, backend: RawBackend) -> None:
    fields = [("origin", ORIGIN), ("access-control-request-method", "GET")]
    async with (
        listening(backend),
        serving(upstream(backend), http2=Http2.CLEARTEXT) as stage,
        await Http2Client.connect(stage.address) as client,
    ):
        for method in ("GET", "OPTIONS"):
            for _ in range(REPEATS):
                assert (await client.ask(method, "/b", fields)).status in {200, 204}
        before = weakref.ref(stage.gateway.active)
        replace(stage, backend)

        assert before() is None


@pytest.mark.parametrize("fields", ["", LOGIN], ids=["anonymous", "logged in"])
async def test_a_client_that_asks_again_holds_nothing(
    serving: Starter, backend: RawBackend, fields: str
) -> None:
    async with listening(backend), serving(upstream(backend)) as stage, await stage.connect() as client:
        await ask(client, fields)
        before = served(stage)
        replace(stage, backend)
        await ask(client)

        await gone(before)


async def test_what_new_connections_are_expected_to_ask_holds_nothing(
    serving: Starter, backend: RawBackend
) -> None:
    async with listening(backend), serving(upstream(backend)) as stage:
        await stage.ask()
        before = served(stage)
        replace(stage, backend)

        await gone(before)


@pytest.mark.parametrize("fields", ["", LOGIN], ids=["anonymous", "logged in"])
async def test_a_request_in_progress_holds_it_to_its_end(
    serving: Starter, backend: RawBackend, fields: str
) -> None:
    backend.script = lambda _: Answer(SLOW, gap=0.2)
    async with listening(backend), serving(upstream(backend)) as stage, await stage.connect() as client:
        await client.send(request("GET /", fields))
        await client.read_until(b"ol")
        before = served(stage)
        replace(stage, backend)

        assert all(one() for one in before)
        await client.read_until(b"d!")
        await ask(client)
        await gone(before)
