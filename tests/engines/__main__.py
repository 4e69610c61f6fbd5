"""`python -m tests.engines [--pairs 2000] [--policies 60] [--seed 1] ENGINE…`: exit code 1 if anything differs."""

import argparse
import sys
import tempfile
import time
from pathlib import Path

from tests.engines.differential import differences
from tests.engines.engine import engines, running
from tests.engines.world import world


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.engines", description=__doc__)
    parser.add_argument("engines", nargs="*", default=list(engines()), metavar="ENGINE")
    parser.add_argument("--pairs", type=int, default=2000)
    parser.add_argument("--policies", type=int, default=60)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    found = 0
    with (
        tempfile.TemporaryDirectory() as directory,
        world(Path(directory), seed=options.seed, policies=options.policies) as looked_at,
    ):
        for name in options.engines:
            began = time.monotonic()
            with running(name) as engine:
                different = list(differences(engine, looked_at, pairs=options.pairs, seed=options.seed))
                print(
                    f"{name} {engine.version}: {options.pairs} calls, {len(different)} differ, {time.monotonic() - began:.0f} s"
                )
            for each in different:
                print(f"  {each.call}\n    seen {each.seen}\n    foretold {each.foretold}")
            found += len(different)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
