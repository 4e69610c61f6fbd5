"""Open descriptors of a gateway and its workers, by who has them and what they are."""

import contextlib
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

_LISTENING = "0A"


def descriptors(pids: Sequence[int], ports: Collection[int]) -> Counter[str]:
    """How many there are of each kind. The first process is the parent, the others are those that it has; `ports` are those that clients connect to."""
    sockets = dict(_sockets(ports))
    found: Counter[str] = Counter()
    for number, pid in enumerate(pids):
        owner = f"child {number}" if number else "the process itself"
        for entry in Path(f"/proc/{pid}/fd").iterdir():
            with contextlib.suppress(FileNotFoundError):  # closed since it was listed
                name = str(entry.readlink())
                found[f"{owner}: {sockets.get(name) or name.partition(':[')[0]}"] += 1
    return found


def _sockets(ports: Collection[int]) -> Iterator[tuple[str, str]]:
    """Names of the TCP sockets of the machine, as descriptors have them, and what each is to the gateway."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    for _, local, remote, state, *_, inode in (line.split()[:10] for line in lines):
        at, to = (int(address.rpartition(":")[2], 16) for address in (local, remote))
        if state == _LISTENING:
            what = f"listener on port {at}"
        else:
            what = "connection of a client" if at in ports else f"connection to port {to}"
        yield f"socket:[{inode}]", what
