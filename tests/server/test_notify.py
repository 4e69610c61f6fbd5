"""What a service manager hears, and when."""

import contextlib
import logging
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cors_gateway.server.lifecycle import Lifecycle, Phase
from cors_gateway.server.notify import message_of, open_notifier
from tests.server.live import DEADLINE, command, configuration

OLD = configuration(headers="x-one")
BAD = configuration(headers="x two")


class Manager:
    """The service manager's end: every datagram as a dictionary."""

    def __init__(self, address: str) -> None:
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address)
        self.socket.settimeout(DEADLINE)

    def next(self) -> dict[str, str]:
        return dict(line.split("=", 1) for line in self.socket.recv(4096).decode().split("\n"))


@contextlib.contextmanager
def managing(address: str) -> Iterator[Manager]:
    manager = Manager(address)
    with manager.socket:
        yield manager


@pytest.mark.parametrize(
    ("phase", "message"),
    [
        (Phase.STARTING, b""),
        (Phase.READY, b"READY=1\nSTATUS=serving"),
        (Phase.RELOADING, b"RELOADING=1\nMONOTONIC_USEC=1234567\nSTATUS=reading the configuration"),
        (Phase.DRAINING, b"STOPPING=1\nSTATUS=finishing requests in progress"),
        (Phase.STOPPED, b""),
    ],
)
def test_each_phase_is_one_datagram(phase: Phase, message: bytes) -> None:
    assert message_of(phase, 1_234_567_890) == message


@pytest.mark.parametrize("is_abstract", [False, True])
def test_the_address_is_a_path_or_an_abstract_name(tmp_path: Path, is_abstract: bool) -> None:
    name = f"cors-gateway-test-{os.getpid()}" if is_abstract else str(tmp_path / "notify")
    with managing("\0" + name if is_abstract else name) as manager:
        tell = open_notifier({"NOTIFY_SOCKET": "@" + name if is_abstract else name})
        lifecycle = Lifecycle(tell)
        lifecycle.enter(Phase.READY)
        lifecycle.enter(Phase.STARTING)
        lifecycle.enter(Phase.DRAINING)

        assert "READY" in manager.next()
        assert "STOPPING" in manager.next()


def test_without_a_manager_nobody_is_told() -> None:
    assert Lifecycle(open_notifier({})).enter(Phase.READY)


@pytest.mark.parametrize("address", ["/nowhere/notify", "vsock:2:1"])
def test_a_manager_that_cannot_be_told_is_an_event_and_no_more(
    address: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING):
        open_notifier({"NOTIFY_SOCKET": address})(Phase.READY)

    (record,) = caplog.records
    assert record.__dict__["event"] == "notify_failed"
    assert address in record.__dict__["fields"]["message"]


@pytest.mark.parametrize("workers", [1, 2])
def test_a_manager_hears_of_start_reload_and_stop_once_each(tmp_path: Path, workers: int) -> None:
    """A reload that fails ends with READY as well: the old configuration serves."""
    directory = tmp_path / "c"
    directory.mkdir()
    (directory / "gateway.yaml").write_text(configuration(server={"workers": workers}))
    with managing(str(tmp_path / "notify")) as manager:
        environ = {"NOTIFY_SOCKET": str(tmp_path / "notify")}
        with command(directory, "run", "-c", str(directory), environ=environ) as live:
            assert manager.next()["READY"] == "1"
            live.wait_for("watch")
            before = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
            live.write(BAD)
            reloading = manager.next()

            assert (reloading["RELOADING"], before < int(reloading["MONOTONIC_USEC"])) == ("1", True)
            assert manager.next()["READY"] == "1"

            live.send(signal.SIGTERM)
            assert manager.next()["STOPPING"] == "1"
            assert live.exit_code() == 0
            manager.socket.setblocking(False)
            with pytest.raises(BlockingIOError):
                manager.next()
