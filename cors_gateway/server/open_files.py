"""How many files the process may open: every client connection is one, every upstream connection another."""

import contextlib
import resource

SPARE = 64
"""Listeners, log files, the event loop's own, and the admin interface."""


def raise_file_limit() -> int:
    """Raise the soft limit of open files to the hard one; returns what now holds."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def files_needed(connections: int) -> int:
    """Open files that so many client connections can lead to."""
    return 2 * connections + SPARE
