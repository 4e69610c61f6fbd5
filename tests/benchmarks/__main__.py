"""`python -m tests.benchmarks`: start every server, measure every row, print the table, stop every server."""

import argparse
import contextlib
import itertools
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from tests.benchmarks import backend, rows, servers
from tests.benchmarks.backend import Backend
from tests.benchmarks.certificate import issue
from tests.benchmarks.load import Target
from tests.benchmarks.measurement import Result, measure
from tests.benchmarks.processes import Cores, StartError, divide_cores, free_port, running
from tests.benchmarks.report import Run, write_docs
from tests.benchmarks.rows import Row
from tests.benchmarks.servers import Launch, MissingError, Program, Server
from tests.benchmarks.site import Shape, Site
from tests.benchmarks.table import text_table

Named = TypeVar("Named", Row, Server)

_ROOT = Path(__file__).parents[2]
_QUICK_SERVERS = ("gateway", "nginx")
_PROGRAMS = {
    "nginx": "it is the backend of all rows",
    "wrk": "it makes the load",
    "h2load": "it makes the load of HTTP/2 (nghttp2-client)",
}
_START_SECONDS = 1.0
_BETWEEN_SECONDS = 0.2


def main(arguments: Sequence[str] | None = None) -> int:
    options = _parser().parse_args(arguments)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    chosen_rows = _choose(rows.ALL, options.rows or (rows.QUICK if options.quick else ()))
    chosen_servers = _choose(servers.ALL, options.servers or (_QUICK_SERVERS if options.quick else ()))
    # Beside the gateway, which is first wherever it is.
    at = 1 if chosen_servers[0].name == "gateway" else 0
    chosen_servers[at:at] = _gateways_on(options.gateway_python)
    _require_programs(chosen_rows)
    run = Run(options.rounds, options.seconds)
    found = _locate(chosen_servers, run)
    _say(
        f"about {estimate(chosen_rows, list(found), run) / 60:.1f} minutes, if the machine has nothing else to do\n"
    )
    interrupted = False
    try:
        with tempfile.TemporaryDirectory(prefix="benchmarks-") as name:
            for number, group in enumerate(_sites(chosen_rows)):
                folder = Path(name) / f"site-{number}"
                folder.mkdir()
                _measure_site(run, group, found, folder)
    except KeyboardInterrupt:
        interrupted = True
    _say("\n")
    print(text_table(run.results))
    if options.write_docs and not interrupted:
        print(f"\nwritten: {write_docs(run)}")
    return 1 if interrupted or not run.results else 0


def _sites(chosen: Sequence[Row]) -> Iterator[list[Row]]:
    """Rows that can be measured on the same processes."""
    for _, group in itertools.groupby(chosen, lambda row: (row.shape, row.name if row.is_fresh else "")):
        yield list(group)


def _measure_site(run: Run, group: Sequence[Row], found: dict[Server, Program], folder: Path) -> None:
    """Start backend and proxies for one shape of site and measure the rows that need it."""
    shape = group[0].shape
    cores = divide_cores(shape.workers)
    with contextlib.ExitStack() as stack:
        behind = stack.enter_context(backend.serving(folder, cores.around))

        def start(shape: Shape, name: str) -> dict[str, Target]:
            home = folder / name
            home.mkdir()
            return _start_all(run, shape, found, behind, home, cores, stack)

        targets = start(shape, "site")
        for row in group:
            if not sys.stderr.isatty():
                _say(f"{row.name}\n")
            beside = {} if row.beside is None else start(row.beside, f"beside-{row.name}")
            able = {name: target for name, target in targets.items() if row.beside is None or name in beside}
            run.results += measure(
                row, able, beside, proxy_cores=cores.proxy, rounds=run.rounds, seconds=run.seconds, say=_say
            )
            lacking = {server.name: server.lacks(shape) for server in found}
            run.results += [Result(row.name, name, (), lack) for name, lack in lacking.items() if lack]


def _start_all(
    run: Run,
    shape: Shape,
    found: dict[Server, Program],
    behind: Backend,
    folder: Path,
    cores: Cores,
    stack: contextlib.ExitStack,
) -> dict[str, Target]:
    """Start every server that can be such a site, until the stack ends."""
    certificate = issue(folder) if shape.tls else None
    targets = {}
    for server, program in found.items():
        if server.lacks(shape):
            continue
        site = Site(free_port(), behind.port, behind.sink_port, shape, certificate)
        home = folder / server.name
        home.mkdir()
        try:
            launch = server.configure(program, site, home)
            if shape == Shape():
                run.configurations[server.name] = _readable(launch, site, home)
            process = stack.enter_context(_started(launch, site, home, cores))
            targets[server.name] = Target(site, process.pid, home, cores, folder, server, program)
        except (MissingError, StartError) as error:
            run.skipped[server.name] = str(error)
            _say(f"skipping {server.name}: {error}\n")
    return targets


def _started(
    launch: Launch, site: Site, home: Path, cores: Cores
) -> contextlib.AbstractContextManager[subprocess.Popen[bytes]]:
    return running(
        launch.command,
        port=site.port,
        cores=cores.proxy,
        log=home / "output.log",
        environment=launch.environment,
    )


def _readable(launch: Launch, site: Site, home: Path) -> list[tuple[str, str]]:
    """The files of a launch with names instead of this run's folder and ports."""
    names = {
        str(home): "/run/benchmark",
        str(_ROOT): "",
        str(site.port): "8080",
        str(site.backend_port): "9001",
        str(site.sink_port): "9002",
    }
    files = []
    for path in launch.files:
        text = path.read_text()
        for given, shown in names.items():
            text = text.replace(given, shown)
        files.append((path.name, text))
    return files


def _locate(chosen: Sequence[Server], run: Run) -> dict[Server, Program]:
    found = {}
    for server in chosen:
        try:
            found[server] = server.locate()
            age = server.age(found[server])
            run.versions[server.name] = found[server].version + (f" ({age})" if age else "")
            if age:
                _say(f"{server.name} {run.versions[server.name]}\n")
        except MissingError as error:
            run.skipped[server.name] = str(error)
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


def estimate(chosen: Sequence[Row], measured: Sequence[Server], run: Run) -> float:
    """Seconds, with some for the start of each server at each site, and for probe and warm-up of each row."""
    total = sum(_START_SECONDS * len(measured) for _ in _sites(chosen))
    for row in chosen:
        turn = max(run.seconds, row.least) + _BETWEEN_SECONDS
        if row.beside is not None:
            turn *= 2
        turns = 1 if row.is_fresh else run.rounds
        able = sum(not server.lacks(row.shape) for server in measured)
        total += able * (turns * turn + (0 if row.is_fresh else max(1.0, row.least) + _BETWEEN_SECONDS))
    return total


def _require_programs(chosen: Sequence[Row]) -> None:
    for program, purpose in _PROGRAMS.items():
        is_needed = program != "h2load" or any(row.shape.http2 for row in chosen)
        if is_needed and shutil.which(program) is None:
            sys.exit(f"{program} is not installed: {purpose}")


def _gateways_on(pythons: Sequence[Path]) -> list[Server]:
    try:
        found = [servers.gateway_on(python) for python in pythons]
    except MissingError as error:
        sys.exit(f"--gateway-python: {error}")
    if len({server.name for server in found}) < len(found):
        sys.exit("--gateway-python: two interpreters of one release cannot be told apart")
    return found


def _say(text: str) -> None:
    """Progress goes to standard error, on one line; lines that stay end in a newline."""
    if text.endswith("\n"):
        print(f"{text.rstrip():78}" if sys.stderr.isatty() else text.rstrip(), file=sys.stderr)
    elif sys.stderr.isatty():
        print(f"{text:78.78}", end="\r", file=sys.stderr, flush=True)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="gateway and nginx, the four main rows")
    parser.add_argument(
        "--rows", nargs="+", default=(), metavar="ROW", help=" ".join(row.name for row in rows.ALL)
    )
    parser.add_argument(
        "--servers",
        nargs="+",
        default=(),
        metavar="SERVER",
        help=" ".join(server.name for server in servers.ALL),
    )
    parser.add_argument(
        "--gateway-python",
        nargs="+",
        default=(),
        type=Path,
        metavar="PYTHON",
        help="measure the gateway on these interpreters as well, as gateway-3.14",
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=1, help="length of one turn")
    parser.add_argument("--write-docs", action="store_true", help="write docs/benchmarks.md and its chart")
    return parser


if __name__ == "__main__":
    sys.exit(main())
