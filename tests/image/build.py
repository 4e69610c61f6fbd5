"""Building the image without a container engine: `buildah bud --isolation chroot` over a base made by debootstrap.

The published base image cannot always be fetched; this one stands in for it: a minimal Debian with a
Python of its own. It is kept in the scratch directory for the next run.
"""

import json
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
STAND_IN = "localhost/python-stand-in:latest"
SUITE = "testing"
"""Has the Python that the Dockerfile names, or a later one."""
PACKAGES = "python3,python3-pip,python3-venv,ca-certificates"

TRUST = "/etc/ssl/certs/ca-certificates.crt"


@dataclass(frozen=True)
class Image:
    """What a registry would hold: configuration and size, and the root file system to run."""

    config: dict[str, Any]
    base_size: int
    size: int
    root: Path


def missing_tools() -> list[str]:
    """Programs that must be installed first."""
    return [name for name in ("buildah", "debootstrap", "unshare", "setpriv") if shutil.which(name) is None]


def buildah(*arguments: str | Path) -> str:
    """Standard output of a buildah command that must succeed."""
    command = ["buildah", *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=580)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {done.returncode}")
    return done.stdout.strip()


def make_base(scratch: Path) -> None:
    """Import the stand-in under its name, unless it is there."""
    if (
        subprocess.run(["buildah", "inspect", "--type", "image", STAND_IN], capture_output=True).returncode
        == 0
    ):
        return
    root = scratch / SUITE
    if not (root / "usr/bin/python3").exists():
        command = ["debootstrap", "--variant=minbase", f"--include={PACKAGES}", SUITE, str(root)]
        subprocess.run(command, check=True, timeout=580, stdout=subprocess.DEVNULL)
    # As in the published image: `python` and `pip` are the names, and no distribution claims the environment.
    for name in ("python", "pip"):
        link = root / "usr/local/bin" / name
        link.unlink(missing_ok=True)
        link.symlink_to(f"/usr/bin/{name}3")
    for marker in (root / "usr/lib").glob("python3*/EXTERNALLY-MANAGED"):
        marker.unlink()
    shutil.rmtree(root / "var/cache/apt/archives", ignore_errors=True)
    container = buildah("from", "scratch")
    buildah("add", "--quiet", container, root, "/")
    buildah("commit", "--quiet", container, STAND_IN)
    buildah("rm", container)


def build(base: str, name: str, extras: str) -> None:
    """Build the Dockerfile of this checkout."""
    arguments = [f"--build-arg={one}" for one in (f"PYTHON={base}", f"EXTRAS={extras}")]
    # Whom this machine trusts is trusted in the build: it may be behind a proxy that looks into TLS.
    trust = f"--volume={TRUST}:{TRUST}:ro"
    # The format of Docker, because that of OCI has no health check.
    form = ("--isolation", "chroot", "--format", "docker", "--quiet")
    buildah("bud", *form, trust, *arguments, "--tag", name, ROOT)


def inspect(name: str, base: str, container: str) -> Image:
    """The built image, whose `container` must stay for as long as the root is used."""
    described = json.loads(buildah("inspect", "--type", "image", name))
    root = Path(buildah("mount", container))
    return Image(described["Docker"]["config"], _size(base), _size(name), root)


def _size(name: str) -> int:
    listed = json.loads(buildah("images", "--json", name))
    number, unit = str(listed[0]["size"]).split()
    return round(float(number) * {"KB": 1e3, "MB": 1e6, "GB": 1e9}[unit])
