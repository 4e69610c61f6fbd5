"""`/metrics` of the real command: one sum over all workers, the dead ones included."""

import os
import signal
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.server.live import Live, ask, configuration, gateway, preflight, seen, worker_pids

Address = tuple[str, int]


def scrape(admin: Address) -> dict[str, float]:
    """Values by name; what has several label sets is summed up."""
    status, body = ask(admin, "GET", "/metrics")
    assert status == 200
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(body.decode()):
        for sample in family.samples:
            name = sample.name.removeprefix("cors_gateway_")
            found[name] = found.get(name, 0.0) + sample.value
    return found


def scrape_until(admin: Address, **expected: float) -> dict[str, float]:
    """What is there when these are."""
    return seen(lambda: scrape(admin), lambda found: expected.items() <= found.items())


def addresses(live: Live) -> tuple[Address, Address]:
    """Of the admin listener and of the traffic, in the order in which they are announced."""
    return live.address("admin"), live.address()


@pytest.mark.parametrize("workers", [1, 2])
def test_what_was_asked_is_what_is_counted(tmp_path: Path, workers: int) -> None:
    text = configuration(server={"workers": workers}, admin="127.0.0.1:0")
    with gateway(tmp_path / "config", text) as live:
        admin, traffic = addresses(live)
        for _ in range(8):
            preflight(traffic)
        ask(traffic, "GET", "/")
        counted = scrape_until(admin, requests_total=9, workers=workers)
        live.stop()

    assert counted["cors_decisions_total"] == 9
    assert counted["connections_total"] == 9
    assert counted["upstream_requests_total"] == 1
    assert counted["workers_configured"] == workers
    assert (counted["config_generation"], counted["config_last_reload_successful"]) == (1, 1)


def test_a_reload_that_failed_shows_until_the_files_are_mended(tmp_path: Path) -> None:
    good = configuration(admin="127.0.0.1:0")
    with gateway(tmp_path / "config", good) as live:
        admin, _ = addresses(live)
        began = scrape(admin)["config_last_reload_success_timestamp_seconds"]
        live.write("version: 2\n")
        live.wait_for("reload_failed")
        failed = scrape(admin)
        live.write(configuration(admin="127.0.0.1:0", headers="x-two"))
        live.wait_for("reload_ok")
        mended = scrape(admin)
        live.stop()

    assert (failed["config_last_reload_successful"], mended["config_last_reload_successful"]) == (0, 1)
    assert failed["config_last_reload_success_timestamp_seconds"] == began
    assert mended["config_last_reload_success_timestamp_seconds"] > began
    assert (mended["config_reloads_total"], mended["config_generation"]) == (2, 2)


def test_what_a_dead_worker_counted_is_not_lost(tmp_path: Path) -> None:
    """Up to the last time it was asked."""
    text = configuration(server={"workers": 2}, admin="127.0.0.1:0")
    with gateway(tmp_path / "config", text) as live:
        admin, traffic = addresses(live)
        live.wait_for("ready")
        for _ in range(8):
            preflight(traffic)
        before = scrape_until(admin, requests_total=8)
        os.kill(worker_pids(live.process.pid)[0], signal.SIGKILL)
        live.wait_for("worker_started")
        after = scrape(admin)
        live.stop()

    assert after["requests_total"] == 8
    assert (before["worker_deaths_total"], after["worker_deaths_total"]) == (0, 1)
