"""Lanes: several gateways side by side, each with its own backend, so that a corpus runs quickly and every
request at a backend is known to come from the one case its lane is running."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from tests.wire.corpus import Case
from tests.wire.gateway_process import ending_well, start_gateway, wait_until_ready
from tests.wire.raw_backend import RawBackend, bound_socket
from tests.wire.raw_client import RawClient

T = TypeVar("T")
Configure = Callable[[tuple[str, int]], dict[str, object]]


@dataclass(frozen=True, slots=True)
class Lane:
    """One proxy and the backend behind it."""

    address: tuple[str, int]
    backend: RawBackend


@contextlib.contextmanager
def gateway_lanes(directory: Path, count: int, configure: Configure) -> Iterator[list[Lane]]:
    """`count` running gateways; `configure` makes the configuration for the address of a backend."""
    with contextlib.ExitStack() as stack:
        lanes = []
        gateways = []
        for number in range(count):
            sock = stack.enter_context(bound_socket())
            started = start_gateway(directory / f"lane{number}", configure(sock.getsockname()))
            gateways.append(stack.enter_context(ending_well(started)))
            lanes.append(Lane(started.address, RawBackend(sock)))
        for gateway in gateways:
            wait_until_ready(gateway)
        yield lanes


def run_cases(
    lanes: Sequence[Lane], cases: Sequence[Case], run: Callable[[Lane, Case], Awaitable[T]]
) -> dict[str, T]:
    """Run every case on whichever lane is free, one at a time in each, and return the results by id."""
    results: dict[str, T] = {}

    async def work(lane: Lane, waiting: list[Case]) -> None:
        async with lane.backend:
            while waiting:
                case = waiting.pop()
                results[case.id] = await run(lane, case)

    async def all_lanes() -> None:
        waiting = list(reversed(cases))
        async with asyncio.TaskGroup() as group:
            for lane in lanes:
                group.create_task(work(lane, waiting))

    asyncio.run(all_lanes())
    return results


async def ask(address: tuple[str, int], request: bytes, method: str = "GET", deadline: float = 30.0) -> int:
    """The status of one request on a connection of its own; raises NoResponseError when there is none."""
    async with await RawClient.connect(address) as client:
        await client.send(request)
        return (await client.read_response(method, deadline)).status
