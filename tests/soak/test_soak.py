"""A short soak, and proof that a long one would notice what it is there to notice."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.soak import backend as backends
from tests.soak import run, traffic
from tests.soak.backend import Backend
from tests.soak.client import Asked, Client
from tests.soak.content import Resource, content, parse_resource
from tests.soak.report import Outcome, text
from tests.soak.tally import MARGIN, Tally
from tests.wire import ntlm
from tests.wire.strict_http import Response

MIB = 1 << 20


async def test_a_short_soak_passes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All classes of clients, an outage and a reload, in a few seconds."""
    monkeypatch.setattr(run, "BETWEEN_OUTAGES", 2.0)
    monkeypatch.setattr(run, "BETWEEN_RELOADS", 1.0)
    monkeypatch.setattr(run, "LONGEST_OUTAGE", 0.3)
    outcome = await run.soak(tmp_path, seconds=5.0, seed=1)

    assert outcome.faults() == [], text(outcome)
    assert {kind for kind, _, _ in outcome.tally.outcomes} == {act.__name__ for act, _, _ in run.CAST}
    assert outcome.reloads > 0
    assert outcome.tally.outages > 0


@pytest.fixture
async def backend() -> AsyncIterator[Backend]:
    """The backend of the soak, with nothing in front of it."""
    backend = Backend(Tally())
    await backend.start()
    yield backend
    await backend.stop()
    backend.close()


def address(backend: Backend) -> tuple[str, int]:
    host, _, port = backend.url.removeprefix("http://").rpartition(":")
    return host, int(port)


async def acted(backend: Backend, act: object, count: int = 10) -> Tally:
    """What is counted when a client of the soak acts that often, and the backend itself is asked."""
    tally = Tally()
    is_over = asyncio.Event()
    client = Client("client", address(backend), tally, random.Random(1), is_over)
    task = asyncio.create_task(client.repeat(act, 0.0))  # type: ignore[arg-type]
    async with asyncio.timeout(20):
        while tally.requests + tally.wrong_count < count:  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(0.01)
    is_over.set()
    await task
    return tally


@pytest.mark.parametrize(
    "act",
    [traffic.get, traffic.post, traffic.pipeline, traffic.download, traffic.preflight],
    ids=lambda act: act.__name__,
)
async def test_without_a_gateway_answers_are_wrong(backend: Backend, act: object) -> None:
    """The backend's own CORS fields, and what it says to preflights."""
    tally = await acted(backend, act)

    assert tally.wrong_count + tally.unexpected > 0


async def test_a_request_that_no_client_sent_is_noticed(backend: Backend) -> None:
    reader, writer = await asyncio.open_connection(*address(backend))
    writer.write(b"GET /data/1/1/length HTTP/1.1\r\nHost: soak.test\r\n\r\n")
    await reader.read()
    writer.close()
    await writer.wait_closed()

    assert backend._tally.wrong_count > 0


async def test_whoever_comes_on_the_connection_of_somebody_else_is_noticed(backend: Backend) -> None:
    """By the backend, which knows who began to log in, and by whoever is answered as somebody else."""
    tally = Tally()
    client = Client("stranger", address(backend), tally, random.Random(1), asyncio.Event())
    connection = await client.connected()

    async def step(authorization: str) -> Response:
        asked = Asked("GET", Resource(1, 1, "length"), None, 1, user="alice", authorization=authorization)
        await connection.send(asked.head)
        head = await connection.read_head()
        await connection.read_body(head, "GET")
        return head

    challenge = (await step(ntlm.negotiate())).values("www-authenticate")[0]
    answer = await step(ntlm.authenticate("alice", challenge))
    assert (answer.status, answer.values("x-soak-user")) == (200, ["alice"])

    asked = Asked("GET", Resource(1, 1, "length"), None, 2)
    await connection.send(asked.head)
    await client.read_answer(asked, connection)
    await client.disconnect()

    assert any("answered as ['alice']" in what for what in tally.wrong)
    assert any("came on the connection of alice" in what for what in backend._tally.wrong)


async def test_a_client_that_gave_up_and_of_whom_the_backend_is_not_told_is_noticed(
    backend: Backend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backends, "PATIENCE", 0.05)
    reader, writer = await asyncio.open_connection(*address(backend))
    writer.write(b"GET /silent/head HTTP/1.1\r\nHost: soak.test\r\nVia: 1.1 x\r\nX-Soak-Id: 1\r\n\r\n")
    assert await reader.read() == b""
    writer.close()
    await writer.wait_closed()

    assert backend._tally.wrong == ["backend: /silent/head: nobody said that the client had given up"]


def test_a_request_executed_twice_or_half_sent_is_noticed() -> None:
    tally = Tally()
    tally.cut.add(3)
    for number in (1, 2, 1, 3):
        tally.execute(number)

    assert len(tally.wrong) == tally.wrong_count == 2


def test_only_what_overlaps_an_outage_is_to_be_expected() -> None:
    tally = Tally()
    tally.record("a", "upstream_refused", started=time.monotonic())
    tally.outage_begins()
    tally.record("b", "upstream_refused", started=time.monotonic() - 5)
    tally.outage_ends()
    tally.record("c", "upstream_refused", started=time.monotonic())
    tally.record("d", "upstream_refused", started=time.monotonic() + 2 * MARGIN)

    assert {kind for (kind, _, is_expected) in tally.outcomes if is_expected} == {"b", "c"}
    assert tally.unexpected == 2


def test_different_seeds_are_different_bytes() -> None:
    bodies = {content(seed, 100) for seed in range(1000)}

    assert len(bodies) == 1000
    assert [len(content(7, size)) for size in (0, 1, 16, 3 * MIB)] == [0, 1, 16, 3 * MIB]
    resource = Resource(7, 3 * MIB, "chunked")
    assert parse_resource(resource.target) == resource


@pytest.mark.parametrize(
    ("outcome", "fault"),
    [
        (Outcome(Tally(wrong_count=1)), "1 wrong answers"),
        (Outcome(Tally(), descriptors_after=Counter({"child 1: pipe": 1})), "1 descriptors were not closed"),
        (Outcome(Tally(), exit_code=3), "exit code 3"),
        (Outcome(Tally(), troubles=["Traceback"]), "1 lines of trouble in the log, such as Traceback"),
        (
            Outcome(Tally(), 600.0, memory=[(at, at * MIB // 60) for at in range(0, 600, 2)]),
            "memory grows by 1024 KiB a minute",
        ),
    ],
    ids=["wrong", "descriptors", "exit code", "log", "memory"],
)
def test_what_makes_a_soak_fail(outcome: Outcome, fault: str) -> None:
    assert outcome.faults() == [fault]
    assert text(outcome).endswith(f"FAILED: {fault}")
