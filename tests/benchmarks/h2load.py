"""HTTP/2 over TLS, driven by h2load, which comes with nghttp2: as many connections as are asked for, each with the same
number of streams under way all the time."""

import re
import subprocess
from dataclasses import dataclass

from tests.benchmarks.http2 import translated
from tests.benchmarks.load import Target
from tests.benchmarks.outcome import LoadError, Outcome, percentiles
from tests.benchmarks.processes import run_pinned

_GRACE_SECONDS = 20
# Powers of two, as h2load wants them: what Chrome grants a stream (6 MiB) and a connection (15 MiB), rounded up.
_STREAM_WINDOW_BITS, _CONNECTION_WINDOW_BITS = 23, 24

_FINISHED = re.compile(r"^finished in (\d+(?:\.\d+)?)(us|ms|s),", re.MULTILINE)
_REQUESTS = re.compile(
    r"^requests: .* (\d+) succeeded, (\d+) failed, (\d+) errored, (\d+) timeout", re.MULTILINE
)
_PROTOCOL = re.compile(r"^Application protocol: (\S+)", re.MULTILINE)
_UNITS = {"us": 1e-6, "ms": 1e-3, "s": 1.0}


@dataclass(frozen=True, slots=True)
class H2Load:
    """`connections` with `streams` requests under way on each, all the same `request`."""

    name: str
    request: str
    connections: int = 10
    streams: int = 10

    def __call__(self, target: Target, seconds: int) -> Outcome:
        request = translated(self.request)
        log = target.folder / f"{self.name}.latencies"
        log.unlink(missing_ok=True)
        command: list[str] = [
            "h2load",
            "--threads=1",
            f"--clients={self.connections}",
            f"--max-concurrent-streams={self.streams}",
            f"--duration={seconds}",
            f"--window-bits={_STREAM_WINDOW_BITS}",
            f"--connection-window-bits={_CONNECTION_WINDOW_BITS}",
            f"--log-file={log}",
            f"--connect-to=127.0.0.1:{target.site.port}",
            *(
                f"--header={name}: {value}"
                for name, value in request.fields
                if name not in (":scheme", ":path")
            ),
        ]
        if request.body:
            body = target.folder / f"{self.name}.body"
            body.write_bytes(request.body)
            command.append(f"--data={body}")
        command.append(f"https://{request.value(':authority')}:{target.site.port}{request.value(':path')}")
        try:
            output = run_pinned(command, cores=target.cores.around, timeout=seconds + _GRACE_SECONDS)
        except subprocess.SubprocessError as error:
            raise LoadError(str(error)) from error
        return outcome_of(output, log.read_text())


def outcome_of(report: str, log: str) -> Outcome:
    """What h2load's report and its log (a line for each request: start, status, microseconds) tell. Raises LoadError."""
    protocol, finished, requests = (
        _PROTOCOL.search(report),
        _FINISHED.search(report),
        _REQUESTS.search(report),
    )
    if not (finished and requests) or protocol is None or protocol.group(1) != "h2":
        raise LoadError((report.strip() or "h2load said nothing").splitlines()[-1])
    succeeded, failed, _, timed_out = map(int, requests.groups())
    taken = [int(line.split("\t")[2]) / 1e6 for line in log.splitlines()]
    middle, late, longest = percentiles(taken)
    return Outcome(
        requests=succeeded,
        seconds=float(finished.group(1)) * _UNITS[finished.group(2)],
        p50=middle,
        p99=late,
        longest=longest,
        errors=failed + timed_out,
    )
