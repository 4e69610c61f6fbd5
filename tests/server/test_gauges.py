"""What is true of a process now, from what it says of itself."""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from cors_gateway.observe.figures import GatewayFigures, ServerFigures, WorkerFigures
from cors_gateway.observe.prometheus import Gauges, ServerHealth
from cors_gateway.server.gauges import read_gauges
from cors_gateway.server.reload import Outcome, ReloadCounts, ReloadResult

if TYPE_CHECKING:
    from cors_gateway.server.control import Control


@dataclass
class Described:
    """As much of a process as gauges look at."""

    workers: list[WorkerFigures]
    reloads: ReloadCounts = field(default_factory=lambda: ReloadCounts(last_good=100.0))
    generation: int = 3
    certificates: dict[str, float] = field(default_factory=dict)

    @property
    def snapshot(self) -> "Described":
        return self

    async def status(self) -> "Described":
        return self


def worker(connections: int, active: int, **upstreams: dict[str, bool]) -> WorkerFigures:
    servers = tuple(
        ServerFigures(name, server, healthy, 0, 0)
        for name, servers in upstreams.items()
        for server, healthy in servers.items()
    )
    return WorkerFigures(1, gateway=GatewayFigures(1, connections, active, 0, servers))


async def gauges(process: Described) -> Gauges:
    return await read_gauges(cast("Control", process))


async def test_workers_add_up() -> None:
    shown = await gauges(Described([worker(5, 2), worker(7, 1)]))

    assert (shown.open_connections, shown.in_flight_requests) == (12, 3)
    assert (shown.workers_serving, shown.workers_configured, shown.generation) == (2, 2, 3)


async def test_a_worker_that_is_being_replaced_counts_as_missing() -> None:
    shown = await gauges(Described([worker(5, 2), WorkerFigures(7, 2)]))

    assert (shown.open_connections, shown.workers_serving, shown.workers_configured) == (5, 1, 2)


async def test_a_server_is_healthy_if_every_worker_finds_it_so() -> None:
    shown = await gauges(
        Described(
            [worker(0, 0, b={"http://a:1": True, "http://b:1": True}), worker(0, 0, b={"http://b:1": False})]
        )
    )

    assert shown.servers == (ServerHealth("b", "http://a:1", True), ServerHealth("b", "http://b:1", False))


async def test_certificates_are_those_of_the_configuration_in_force() -> None:
    shown = await gauges(Described([], certificates={"/etc/tls/tls.crt": 1_803_124_800.0}))

    assert shown.certificates == {"/etc/tls/tls.crt": 1_803_124_800.0}


def result(outcome: Outcome) -> ReloadResult:
    return ReloadResult(outcome=outcome, message="", generation=1, time=200.0)


async def test_the_configuration_of_the_start_counts_as_read_successfully() -> None:
    shown = await gauges(Described([]))

    assert (shown.last_reload_successful, shown.last_reload_success_time) == (True, 100.0)


async def test_a_failed_reload_is_told_apart_from_the_last_good_one() -> None:
    process = Described([])
    process.reloads.count(result(Outcome.REJECTED))
    shown = await gauges(process)

    assert (shown.reloads_succeeded, shown.reloads_failed) == (0, 1)
    assert (shown.last_reload_successful, shown.last_reload_success_time) == (False, 100.0)


async def test_files_that_are_as_they_were_end_a_failure() -> None:
    """Somebody took back what was wrong: what is in the files is what is served."""
    process = Described([])
    process.reloads.count(result(Outcome.REJECTED))
    process.reloads.count(result(Outcome.UNCHANGED))
    shown = await gauges(process)

    assert (shown.reloads_succeeded, shown.reloads_failed) == (0, 1)
    assert (shown.last_reload_successful, shown.last_reload_success_time) == (True, 200.0)
