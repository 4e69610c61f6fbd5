"""CPU time and memory of a process and all its descendants, read from /proc. Linux only."""

import os
from pathlib import Path

TICK = 1 / os.sysconf("SC_CLK_TCK")

# Positions in /proc/PID/stat counted from the field after the parenthesised name (proc(5): field 3).
_PARENT = 1
_USER, _SYSTEM, _CHILDREN_USER, _CHILDREN_SYSTEM = 11, 12, 13, 14


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
    """User and system time spent so far by the tree, reaped children included. Resolution: one clock tick (10 ms)."""
    ticks = 0
    for pid in process_tree(root):
        if fields := _stat(pid):
            ticks += sum(int(fields[n]) for n in (_USER, _SYSTEM, _CHILDREN_USER, _CHILDREN_SYSTEM))
    return ticks * TICK


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
