"""One soak from start to end: who takes part, who disturbs, and what is measured meanwhile."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path

from tests.soak import abuse, leaving, logins, traffic
from tests.soak.backend import Backend
from tests.soak.client import Client
from tests.soak.probe import probing
from tests.soak.process import Gateway, running
from tests.soak.report import Outcome
from tests.soak.tally import Tally

BETWEEN_OUTAGES = 20.0
LONGEST_OUTAGE = 2.0
BETWEEN_RELOADS = 15.0
BETWEEN_SAMPLES = 2.0
SETTLE = 20.0
"""Seconds after the load in which everything that was opened must be closed."""

CAST: list[tuple[Callable[[Client], Awaitable[None]], int, float]] = [
    (traffic.get, 6, 0.005),
    (traffic.pipeline, 2, 0.01),
    (traffic.post, 3, 0.01),
    (traffic.preflight, 3, 0.005),
    (traffic.upload, 2, 0.05),
    (traffic.download, 2, 0.05),
    (traffic.read_slowly, 3, 0.0),
    (traffic.write_slowly, 3, 0.0),
    (traffic.websocket, 3, 0.02),
    (traffic.idle, 20, 0.0),
    (abuse.nonsense, 2, 0.05),
    (leaving.vanish, 3, 0.02),
    (leaving.give_up, 4, 0.02),
    (logins.log_in, 6, 0.01),
    (abuse.stall, 2, 0.0),
    (abuse.exceed, 1, 0.2),
    (abuse.upload_in_vain, 1, 0.1),
    (abuse.ask_for_half, 1, 0.05),
    (abuse.chop, 1, 0.5),
    (abuse.hurry, 1, 0.5),
    (abuse.bury, 1, 0.5),
]
"""What clients do, how many do it, and how long they pause on average (seconds)."""


async def soak(directory: Path, seconds: float, seed: int, workers: int = 1) -> Outcome:
    """Run it. The directory is for the gateway's configuration and log."""
    tally = Tally()
    outcome = Outcome(tally)
    backend = Backend(tally)
    await backend.start()
    try:
        with running(directory, backend.url, workers) as gateway:
            outcome.descriptors_before = await _at_rest(gateway)
            started = time.monotonic()
            with probing(gateway.process.address) as outcome.waits:
                await _load(gateway, backend, outcome, seconds, random.Random(seed))
            outcome.seconds = time.monotonic() - started
            outcome.descriptors_after = await _settled(gateway, outcome.descriptors_before)
            outcome.reloads = gateway.reloads
        outcome.exit_code = gateway.process.process.returncode
        outcome.troubles = gateway.troubles()
    finally:
        await backend.stop()
        backend.close()
    return outcome


async def _at_rest(gateway: Gateway) -> Counter[str]:
    """Open descriptors once all workers are there, which is after the first of them answers."""
    before, left = Counter[str](), gateway.descriptors()
    while left != before:
        await asyncio.sleep(2.0)
        before, left = left, gateway.descriptors()
    return left


async def _load(
    gateway: Gateway, backend: Backend, outcome: Outcome, seconds: float, rng: random.Random
) -> None:
    is_over = asyncio.Event()
    tally = outcome.tally
    async with asyncio.TaskGroup() as group:
        for act, count, pause in CAST:
            for _ in range(count):
                client = Client(
                    act.__name__,
                    gateway.process.address,
                    tally,
                    random.Random(rng.getrandbits(64)),
                    is_over,
                    gateway.secure,
                )
                group.create_task(client.repeat(act, pause))
        disturbing = [
            group.create_task(_disturb(backend, tally, random.Random(rng.getrandbits(64)))),
            group.create_task(_reload(gateway)),
            group.create_task(_sample(gateway, outcome)),
        ]
        await asyncio.sleep(seconds)
        is_over.set()
        for task in disturbing:
            task.cancel()


async def _disturb(backend: Backend, tally: Tally, rng: random.Random) -> None:
    """Take the backend away for a moment, now and then, politely or not."""
    while True:
        await asyncio.sleep(rng.uniform(0.5, 1.5) * BETWEEN_OUTAGES)
        tally.outage_begins()
        try:
            await backend.stop(resets=rng.random() < 0.5)
            await asyncio.sleep(rng.uniform(0.1, LONGEST_OUTAGE))
        finally:
            await backend.start()
            tally.outage_ends()


async def _reload(gateway: Gateway) -> None:
    while True:
        await asyncio.sleep(BETWEEN_RELOADS)
        gateway.reload()


async def _sample(gateway: Gateway, outcome: Outcome) -> None:
    started = time.monotonic()
    while True:
        outcome.memory.append((time.monotonic() - started, gateway.memory()))
        await asyncio.sleep(BETWEEN_SAMPLES)


async def _settled(gateway: Gateway, expected: Counter[str]) -> Counter[str]:
    """Open descriptors when they are back to what they were, or when there is no more hope."""
    deadline = time.monotonic() + SETTLE
    while (left := gateway.descriptors()) - expected and time.monotonic() < deadline:  # noqa: ASYNC110
        await asyncio.sleep(0.2)
    return left
