"""config/image/requirements.txt, made from pyproject.toml: `python -m tests.image.lock` writes it.

What the image may be built from: the runtime dependencies, the extras that are not for development, and what builds the
wheel, each at one version with the hashes of all its files, for every Python and platform at once. Needs `uv` (extra
`lint`). `--upgrade` takes the newest versions; without it, versions that still fit stay.
"""

import subprocess
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
LOCK = ROOT / "config" / "image" / "requirements.txt"
FOR_DEVELOPMENT = {"test", "lint"}
HEADER = """\
# What the image is made of. Written by `python -m tests.image.lock`; edit pyproject.toml, not this file.
"""


def project() -> dict[str, object]:
    """pyproject.toml."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())


def wanted() -> list[str]:
    """The requirements that the lock must satisfy, as pyproject.toml writes them."""
    match project():
        case {
            "build-system": {"requires": list(building)},
            "project": {"dependencies": list(running), "optional-dependencies": dict(extras)},
        }:
            optional = [one for name, extra in extras.items() if name not in FOR_DEVELOPMENT for one in extra]
            return [*building, *running, *optional]
    raise SystemExit("pyproject.toml names no dependencies")


def main(arguments: list[str]) -> None:
    """Write the lock."""
    command = [
        *(sys.executable, "-m", "uv", "pip", "compile", "--quiet", "--universal", "--python-version", "3.11"),
        *("--generate-hashes", "--no-header", "--no-annotate", "--output-file", str(LOCK), "-"),
        *arguments,
    ]
    subprocess.run(command, input="\n".join(wanted()), text=True, check=True, timeout=300)
    LOCK.write_text(HEADER + LOCK.read_text().removeprefix(HEADER))


if __name__ == "__main__":
    main(sys.argv[1:])
