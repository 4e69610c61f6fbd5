"""What the numbers were taken on: date, processor, memory, kernel."""

import datetime
import os
import platform
import sys
from pathlib import Path


def describe_machine() -> list[tuple[str, str]]:
    """Pairs of label and value for the head of a report."""
    return [
        ("Date", datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d %H:%M UTC")),
        ("Processor", f"{_processor()}, {len(os.sched_getaffinity(0))} cores used"),
        ("Memory", f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"),
        ("System", f"{_distribution()}, Linux {platform.release()} {platform.machine()}"),
        ("Python", f"{platform.python_version()}, {_build()}"),
    ]


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        name, _, value = line.partition(":")
        if name.strip() == "model name":
            return value.strip()
    return platform.machine()


def _build() -> str:
    """Whose interpreter it is: how it was compiled is worth a tenth to a fifth of a Python program's time."""
    return "the distribution's" if sys.base_prefix == "/usr" else "not the distribution's"


def _distribution() -> str:
    try:
        return platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.system()
