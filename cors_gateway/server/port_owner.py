"""Which process listens on a TCP port: a kindness in the message "address already in use". Linux only.

Reads `/proc`, where the processes of other users are closed to all but root; then there is simply no answer.
"""

import contextlib
import os
from pathlib import Path

LISTEN_STATE = "0A"
PROC = Path("/proc")
THIS_PROCESS = "this process"


def find_port_owner(port: int) -> str | None:
    """`nginx (pid 42)`, `this process`, or None if nobody can be named."""
    inodes = _listening_inodes(port)
    if not inodes:
        return None
    wanted = {f"socket:[{inode}]" for inode in inodes}
    for directory in PROC.iterdir():
        if directory.name.isdigit() and _holds(directory, wanted):
            if int(directory.name) == os.getpid():
                return THIS_PROCESS
            with contextlib.suppress(OSError):
                return f"{(directory / 'comm').read_text().strip()} (pid {directory.name})"
    return None


def _listening_inodes(port: int) -> set[str]:
    inodes = set()
    for table in ("net/tcp", "net/tcp6"):
        with contextlib.suppress(OSError):
            for line in (PROC / table).read_text().splitlines()[1:]:
                columns = line.split()
                if columns[3] == LISTEN_STATE and int(columns[1].rpartition(":")[2], 16) == port:
                    inodes.add(columns[9])
    return inodes


def _holds(directory: Path, wanted: set[str]) -> bool:
    with contextlib.suppress(OSError):
        for descriptor in (directory / "fd").iterdir():
            with contextlib.suppress(OSError):
                if str(descriptor.readlink()) in wanted:
                    return True
    return False
