"""The gateway under the system call, address family and memory filters of its unit."""

import shutil
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.server.backend import Backend
from tests.server.live import ask, configuration, preflight, reading
from tests.systemd.unit import SERVICE, settings

pytestmark = pytest.mark.systemd

FILTERED = Path(__file__).with_name("filtered.py")
UNIT = settings(SERVICE)
FAMILIES = UNIT["RestrictAddressFamilies"][0].split()


@cache
def _group(name: str) -> frozenset[str]:
    """The system calls of a group, those of the groups in it included."""
    analyze = shutil.which("systemd-analyze")
    assert analyze, "systemd-analyze is missing: .ci/packages installs it"
    listed = subprocess.run(
        [analyze, "syscall-filter", "--no-pager", name],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    ).stdout
    members = [line.strip() for line in listed.splitlines()[1:] if line.strip() and "#" not in line]
    groups = frozenset[str]().union(*(_group(one) for one in members if one.startswith("@")))
    return groups | {one for one in members if not one.startswith("@")}


def _allowed() -> frozenset[str]:
    """As systemd reads `SystemCallFilter=`: the first line allows, a line with ~ takes away."""
    allowed: frozenset[str] = frozenset()
    for line in UNIT["SystemCallFilter"]:
        named = frozenset[str]().union(*(_group(one) for one in line.lstrip("~").split()))
        allowed = allowed - named if line.startswith("~") else allowed | named
    # What every filter of systemd lets through, so that the program can be started at all.
    return allowed | _group("@default") | {"execve"}


def _run(*program: str) -> list[str]:
    return [sys.executable, str(FILTERED), ",".join(sorted(_allowed())), ",".join(FAMILIES), *program]


@pytest.mark.parametrize(
    "attempt",
    [
        "import os; os.setpriority(0, 0, 1)",
        "import os; os.chroot('/')",
        "import socket; socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)",
        "import mmap; mmap.mmap(-1, 4096, prot=mmap.PROT_WRITE | mmap.PROT_EXEC)",
    ],
)
def test_the_filters_of_this_test_are_in_force(attempt: str) -> None:
    done = subprocess.run(_run(sys.executable, "-c", attempt), capture_output=True, text=True, timeout=60)

    assert "PermissionError" in done.stderr


@pytest.mark.parametrize("workers", [1, 2])
def test_a_filtered_gateway_serves_reloads_and_drains(tmp_path: Path, workers: int) -> None:
    with Backend().running() as backend:
        backend.release()
        text = configuration(server={"workers": workers}, admin="127.0.0.1:0", upstream=backend.url)
        (tmp_path / "gateway.yaml").write_text(text)
        program = _run(sys.executable, "-m", "cors_gateway", "run", "-c", str(tmp_path))
        process = subprocess.Popen(program, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
        with reading(process, tmp_path) as live:
            admin = live.address("admin")
            address = live.address()
            live.wait_for("watch")

            assert preflight(address) == 204
            assert ask(address, "GET", "/x") == (200, b"done")
            assert ask(admin, "GET", "/readyz")[0] == 200

            live.write(text.replace("x-one", "x-two"))
            live.wait_for("reload_ok")
            assert preflight(address, "x-two") == 204
            assert live.stop() == 0
