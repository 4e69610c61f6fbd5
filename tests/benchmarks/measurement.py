"""Takes the numbers: rounds in which every server has its turn at a row, and the medians over the rounds."""

import contextlib
import os
import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from tests.benchmarks.cpu import core_busy_seconds, cpu_seconds, resident_bytes
from tests.benchmarks.load import Target
from tests.benchmarks.outcome import LoadError
from tests.benchmarks.probe import WrongAnswerError, check
from tests.benchmarks.rows import Row

_LOG_FLUSH_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Sample:
    """One turn. CPU in seconds per request, throughput in requests per second, latencies in seconds, memory in bytes,
    `held` for each of what the row says; `disturbance` is the share of the proxy's cores that others used meanwhile.
    `beside` is the CPU per request of the turn at the other site, if the row has one."""

    cpu: float
    throughput: float
    p50: float
    p99: float
    longest: float
    resident: int
    errors: int
    held: float
    disturbance: float
    beside: float = 0.0


@dataclass(frozen=True, slots=True)
class Result:
    """Medians over the rounds, or in `fault` why there are none."""

    row: str
    server: str
    samples: tuple[Sample, ...]
    fault: str = ""

    def median(self, field: str) -> float:
        return float(statistics.median(getattr(sample, field) for sample in self.samples))


def measure(
    row: Row,
    targets: dict[str, Target],
    beside: Mapping[str, Target],
    *,
    proxy_cores: frozenset[int],
    rounds: int,
    seconds: int,
    say: Callable[[str], None],
) -> list[Result]:
    """One row on every target, interleaved. A target that answers wrongly gets a fault instead of numbers.

    `beside` are the targets at the other site, if the row has one.
    """
    faults: dict[str, str] = {}
    samples: dict[str, list[Sample]] = {name: [] for name in targets}
    for name, target in targets.items():
        try:
            _prepare(row, target)
            if row.beside is not None:
                _prepare(replace(row, shape=row.beside), beside[name])
        except (WrongAnswerError, LoadError) as error:
            faults[name] = str(error)
    names = [name for name in targets if name not in faults]
    for turn in range(1 if row.is_fresh else rounds):
        # Nobody is always first: what the turn before left in the caches is shared out.
        for name in _rotated(names, turn):
            say(f"{row.name}: round {turn + 1} of {rounds}, {name}")
            try:
                sample = _sample(row, targets[name], proxy_cores, seconds)
                if row.beside is not None:
                    other = _sample(row, beside[name], proxy_cores, seconds)
                    sample = replace(sample, beside=other.cpu)
                samples[name].append(sample)
            except LoadError as error:
                faults[name] = str(error)
    return [Result(row.name, name, tuple(samples[name]), faults.get(name, "")) for name in targets]


def _prepare(row: Row, target: Target) -> None:
    """Probe and warm up. Raises WrongAnswerError and LoadError."""
    check(target.site, row.expectation)
    if row.is_fresh:
        return
    _forget_logs(target)
    answered = 0
    # Whoever is too slow for the first second may be quick enough once warm.
    with contextlib.suppress(LoadError):
        answered = row.load(target, 1).requests
    if row.shape.access_log:
        time.sleep(_LOG_FLUSH_SECONDS)
        logged = _logged_lines(target)
        _forget_logs(target)
        if logged < answered / 2:  # some hold the last pages back for longer
            raise WrongAnswerError(f"{logged} lines in the access log after {answered} requests")


def _rotated(names: Sequence[str], turn: int) -> list[str]:
    at = turn % len(names) if names else 0
    return [*names[at:], *names[:at]]


def _sample(row: Row, target: Target, proxy_cores: frozenset[int], seconds: int) -> Sample:
    began, cpu, busy = time.monotonic(), cpu_seconds(target.pid), _busy(proxy_cores)
    outcome = row.load(target, seconds)
    cpu = cpu_seconds(target.pid) - cpu
    if outcome.cpu is not None:  # another process did it
        cpu += outcome.cpu * outcome.requests
    elapsed = time.monotonic() - began
    others = max(0.0, _busy(proxy_cores) - busy - cpu) / (elapsed * len(proxy_cores))
    _forget_logs(target)
    return Sample(
        cpu=cpu / max(outcome.requests, 1) if outcome.cpu is None else outcome.cpu,
        throughput=outcome.requests / outcome.seconds,
        p50=outcome.p50,
        p99=outcome.p99,
        longest=outcome.longest,
        resident=resident_bytes(target.pid),
        errors=outcome.errors,
        held=outcome.held,
        disturbance=others,
    )


def _busy(cores: frozenset[int]) -> float:
    return sum(core_busy_seconds(core) for core in cores)


def _logged_lines(target: Target) -> int:
    return sum(path.read_bytes().count(b"\n") for path in target.home.glob("*.log"))


def _forget_logs(target: Target) -> None:
    """Empty the proxy's logs, which grow by tens of megabytes a second."""
    for path in target.home.glob("*.log"):
        os.truncate(path, 0)
