"""`python -m tests.benchmarks`: start every server, measure every row, print the table, stop every server."""

import argparse
import contextlib
import itertools
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from tests.benchmarks import backend, rows, servers
from tests.benchmarks.certificate import issue
from tests.benchmarks.load import Target
from tests.benchmarks.measurement import Result, measure
from tests.benchmarks.processes import Cores, StartError, divide_cores, free_port, running
from tests.benchmarks.report import text_table
from tests.benchmarks.rows import Row
from tests.benchmarks.servers import MissingError, Program, Server
from tests.benchmarks.site import Site

Named = TypeVar("Named", Row, Server)

_QUICK_SERVERS = ("gateway", "nginx")


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    chosen_rows = _choose(rows.ALL, options.rows or (rows.QUICK if options.quick else ()))
    chosen_servers = _choose(servers.ALL, options.servers or (_QUICK_SERVERS if options.quick else ()))
    found = _locate(chosen_servers)
    results: list[Result] = []
    try:
        with tempfile.TemporaryDirectory(prefix="benchmarks-") as name:
            for number, group in enumerate(_sites(chosen_rows)):
                folder = Path(name) / f"site-{number}"
                folder.mkdir()
                results += _run_site(group, found, folder, options.rounds, options.seconds)
    except KeyboardInterrupt:
        _say("interrupted")
    _say("")
    print(text_table(results))
    return 0 if results else 1


def _sites(chosen: Sequence[Row]) -> Iterator[list[Row]]:
    """Rows that can be measured on the same processes."""
    for _, group in itertools.groupby(chosen, lambda row: (row.shape, row.name if row.is_fresh else "")):
        yield list(group)


def _run_site(
    group: Sequence[Row],
    found: dict[Server, Program],
    folder: Path,
    rounds: int,
    seconds: int,
) -> list[Result]:
    """Start backend and proxies for one shape of site and measure the rows that need it."""
    shape = group[0].shape
    certificate = issue(folder) if shape.tls else None
    cores = divide_cores(shape.workers)
    with contextlib.ExitStack() as stack:
        behind = stack.enter_context(backend.serving(folder, cores.around))
        targets = {}
        for server, program in found.items():
            site = Site(free_port(), behind.port, behind.sink_port, shape, certificate)
            try:
                targets[server.name] = stack.enter_context(_started(server, program, site, folder, cores))
            except (MissingError, StartError) as error:
                _say(f"skipping {server.name}: {error}\n")
        results: list[Result] = []
        for row in group:
            results += measure(
                row, targets, proxy_cores=cores.proxy, rounds=rounds, seconds=seconds, say=_say
            )
        return results


@contextlib.contextmanager
def _started(server: Server, program: Program, site: Site, folder: Path, cores: Cores) -> Iterator[Target]:
    home = folder / server.name
    home.mkdir()
    launch = server.configure(program, site, home)
    with running(
        launch.command,
        port=site.port,
        cores=cores.proxy,
        log=home / "output.log",
        environment=launch.environment,
    ) as process:
        yield Target(site, process.pid, home, cores.around, folder)


def _locate(chosen: Sequence[Server]) -> dict[Server, Program]:
    found = {}
    for server in chosen:
        try:
            found[server] = server.locate()
        except MissingError as error:
            _say(f"skipping {server.name}: {error}\n")
    return found


def _choose(available: Sequence[Named], names: Sequence[str]) -> list[Named]:
    """The named ones, or all, in their own order."""
    unknown = set(names) - {item.name for item in available}
    if unknown:
        sys.exit(
            f"unknown: {', '.join(sorted(unknown))}; there are: {', '.join(item.name for item in available)}"
        )
    return [item for item in available if not names or item.name in names]


def _say(text: str) -> None:
    """Progress goes to standard error, on one line if that is a terminal."""
    if text.endswith("\n") or not sys.stderr.isatty():
        print(text.rstrip("\n"), file=sys.stderr)
    else:
        print(f"\r{text:78.78}", end="", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="gateway and nginx, the four main rows")
    parser.add_argument("--rows", nargs="+", default=(), metavar="ROW")
    parser.add_argument("--servers", nargs="+", default=(), metavar="SERVER")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=2, help="length of one turn")
    return parser


if __name__ == "__main__":
    sys.exit(main())
