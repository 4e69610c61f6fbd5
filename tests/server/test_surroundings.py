"""What the process finds on the machine: processors, open files, children."""

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from cors_gateway.server.cpus import usable_cpus
from cors_gateway.server.open_files import files_needed, raise_file_limit
from cors_gateway.server.signals import reap

ALLOWED = len(os.sched_getaffinity(0))


@pytest.mark.parametrize(
    ("quota", "cpus"),
    [
        ("max 100000\n", ALLOWED),
        ("100000 100000\n", 1),
        ("50000 100000\n", 1),
        ("100001 100000\n", min(2, ALLOWED)),
        ("99900000 100000\n", ALLOWED),
        ("", ALLOWED),
        ("nonsense", ALLOWED),
        ("1 0", ALLOWED),
    ],
)
def test_the_quota_of_a_container_counts_in_whole_processors(tmp_path: Path, quota: str, cpus: int) -> None:
    (tmp_path / "cpu.max").write_text(quota)

    assert usable_cpus(tmp_path / "cpu.max") == cpus


def test_without_a_container_all_processors_count(tmp_path: Path) -> None:
    assert usable_cpus(tmp_path / "nowhere") == ALLOWED


def test_the_soft_limit_of_open_files_is_raised_to_the_hard_one() -> None:
    script = (
        "import resource; hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1];"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (50, hard));"
        "from cors_gateway.server.open_files import raise_file_limit; print(raise_file_limit())"
    )
    raised = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, timeout=60
    ).stdout

    assert int(raised) == resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    assert raise_file_limit() == int(raised)


def test_a_client_connection_can_take_two_files() -> None:
    assert files_needed(1000) == 2064


@pytest.mark.parametrize(("limit", "connections"), [(2064, 1000), (1024, 480), (100, 18), (64, 8), (20, 8)])
def test_no_more_connections_are_accepted_than_there_are_files_for(limit: int, connections: int) -> None:
    script = (
        f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({limit}, {limit}));"
        "from cors_gateway.server.open_files import connections_possible; print(connections_possible())"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, timeout=60)

    assert int(ran.stdout) == connections


def test_a_shortage_of_files_is_noticed() -> None:
    script = (
        "import os, resource; resource.setrlimit(resource.RLIMIT_NOFILE, (30, 30));"
        "from cors_gateway.server.open_files import is_short_of_files as is_short;"
        "print(is_short()); taken = []\n"
        "try:\n while True: taken.append(os.dup(0))\nexcept OSError: print(is_short())\n"
        "os.close(taken.pop()); print(is_short())"
    )
    ran = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, check=True, timeout=60, stdin=subprocess.DEVNULL
    )

    assert ran.stdout.split() == [b"False", b"True", b"False"]


def test_all_children_that_have_ended_are_collected() -> None:
    pids = [os.posix_spawn(sys.executable, [sys.executable, "-c", f"exit({code})"], {}) for code in (0, 7)]
    ended: dict[int, int] = {}
    while len(ended) < 2:
        ended |= reap()

    assert ended == dict(zip(pids, (0, 7), strict=True))
    assert reap() == []
