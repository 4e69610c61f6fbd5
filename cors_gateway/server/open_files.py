"""How many files the process may open: every client connection is one, every upstream connection another."""

import contextlib
import errno
import os
import resource
import sys

FEWEST = 8
"""Client connections that are accepted however few files may be open."""
SPARE = 64
"""Listeners, log files, the event loop's own, and the admin interface."""


def raise_file_limit() -> int:
    """Raise the soft limit of open files to the hard one; returns what now holds."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != hard:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def connections_possible() -> int:
    """Client connections that the process has descriptors for, each with one to a backend; at least a few."""
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    return sys.maxsize if limit == resource.RLIM_INFINITY else max((limit - SPARE) // 2, FEWEST)


def is_short_of_files() -> bool:
    """Whether no file can be opened now. What cannot be read then has not changed for that."""
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as error:
        return error.errno in {errno.EMFILE, errno.ENFILE}
    return False


def files_needed(connections: int) -> int:
    """Open files that so many client connections can lead to."""
    return 2 * connections + SPARE
