"""Running programs of the image as an engine would be told to: read-only root, no capability, a numeric user.

Made of mount and process namespaces and setpriv(1), which the image's base brings. The network is the machine's own, so
that the checks reach the gateway over loopback.
"""

import shlex
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

INNER = """\
set -e
mount --make-rprivate /
mount --bind {root} {root}
mount --bind /dev {root}/dev
mount -t proc proc {root}/proc
mount -o remount,bind,ro {root}
exec chroot {root} setpriv --reuid {user} --regid {group} --clear-groups --bounding-set=-all --inh-caps=-all \
    --no-new-privs {command}
"""


def environment(config: dict[str, Any], more: Mapping[str, str]) -> dict[str, str]:
    """What the image sets, and `more`."""
    pairs = (str(line).partition("=") for line in config["Env"])
    return {name: value for name, _, value in pairs} | dict(more)


def command(root: Path, config: dict[str, Any], program: list[str]) -> list[str]:
    """The command line that runs `program` in the image."""
    user, group = config["User"].split(":")
    script = INNER.format(root=shlex.quote(str(root)), user=user, group=group, command=shlex.join(program))
    return ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script]


def output(root: Path, config: dict[str, Any], program: list[str], **more: str) -> str:
    """Standard output of a program that must succeed."""
    environ = environment(config, more)
    done = subprocess.run(
        command(root, config, program), env=environ, capture_output=True, text=True, timeout=60
    )
    if done.returncode:
        raise SystemExit(f"{shlex.join(program)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout
