"""`python -m tests.soak [--minutes 10] [--seed N] [--workers 1]`: exit code 1 if anything was wrong."""

import argparse
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import uvloop

from tests.soak.report import text
from tests.soak.run import soak


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=int.from_bytes(os.urandom(4)))
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args(arguments)
    print(f"{options.minutes} minutes, seed {options.seed}, workers {options.workers}", flush=True)
    with tempfile.TemporaryDirectory(prefix="soak-") as name:
        outcome = uvloop.run(soak(Path(name), options.minutes * 60, options.seed, options.workers))
    print(text(outcome))
    return 1 if outcome.faults() else 0


if __name__ == "__main__":
    sys.exit(main())
