"""CPU time and memory of a process and all its descendants, read from /proc. Linux only."""

import os
import time
from pathlib import Path

TICK = 1 / os.sysconf("SC_CLK_TCK")

# Positions in /proc/PID/stat counted from the field after the parenthesised name (proc(5): field 3).
_PARENT = 1
_CHILDREN_USER, _CHILDREN_SYSTEM = 13, 14

_CLOCK_OF_PROCESS = (
    2  # clock_getcpuclockid(3): the low bits say which clock, the others are the inverted process id
)


def process_tree(root: int) -> list[int]:
    """`root` and its living descendants."""
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat(int(entry.name))):
            children.setdefault(int(fields[_PARENT]), []).append(int(entry.name))
    found = [root]
    for pid in found:
        found.extend(children.get(pid, ()))
    return found


def cpu_seconds(root: int) -> float:
    """User and system time spent so far by the tree, all threads and reaped children included. Living processes are
    read from their own clocks, to the nanosecond; only children that ended are counted in clock ticks (10 ms)."""
    return sum(_own_seconds(pid) + _children_seconds(pid) for pid in process_tree(root))


def resident_bytes(root: int) -> int:
    """Proportional set size of the tree: pages shared between its processes count once."""
    return sum(_proportional_bytes(pid) for pid in process_tree(root))


def core_busy_seconds(core: int) -> float:
    """Time that `core` has not been idle since boot, whoever used it."""
    for line in Path("/proc/stat").read_text().splitlines():
        name, *values = line.split()
        if name == f"cpu{core}":
            user, nice, system, _idle, _wait, irq, softirq, steal = map(int, values[:8])
            return (user + nice + system + irq + softirq + steal) * TICK
    raise LookupError(f"no cpu{core} in /proc/stat")


def _own_seconds(pid: int) -> float:
    try:
        return time.clock_gettime(~pid << 3 | _CLOCK_OF_PROCESS)
    except OSError:  # gone meanwhile
        return 0.0


def _children_seconds(pid: int) -> float:
    fields = _stat(pid)
    return (int(fields[_CHILDREN_USER]) + int(fields[_CHILDREN_SYSTEM])) * TICK if fields else 0.0


def _stat(pid: int) -> list[str] | None:
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:  # gone meanwhile
        return None
    return text.rpartition(")")[2].split()


def _proportional_bytes(pid: int) -> int:
    try:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0
    for line in lines:
        if line.startswith("Pss:"):
            return int(line.split()[1]) * 1024
    return 0
