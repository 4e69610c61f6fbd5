"""How many processors this process may use: what `workers: auto` means."""

import math
import os
from pathlib import Path

CGROUP_QUOTA = Path("/sys/fs/cgroup/cpu.max")


def usable_cpus(quota_file: Path = CGROUP_QUOTA) -> int:
    """Those of the affinity mask, or fewer if the container's CPU quota (cgroup v2) amounts to fewer; at least 1."""
    allowed = len(os.sched_getaffinity(0))
    try:
        quota, period = quota_file.read_text().split()
        limit = math.ceil(int(quota) / int(period))
    except (OSError, ValueError, ZeroDivisionError):
        return allowed  # no quota: the file is missing or says "max"
    return max(1, min(allowed, limit))
