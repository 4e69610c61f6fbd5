"""Runs tests on mutations, one at a time, in a copy of the tree: `python -m tests.mutations.worker MODULE TESTS…` there.

A line of JSON comes in for each mutation (the whole text of the module), a line of JSON goes out (a `Verdict`). Each runs
in a process forked from one that has imported everything but the package, so that a trial costs little more than its
tests.
"""

import contextlib
import importlib
import json
import os
import resource
import select
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import Phase, settings

EXAMPLES = 25
"""Of a property. The same ones each time, so that what passes on the module as it is passes always."""

MIN_SECONDS = 15.0
TIMES_AS_LONG = 5
"""How much longer than on the module as it is the tests may take, at least MIN_SECONDS."""

_PLUGINS = {
    "aiohttp": "pytest_aiohttp.plugin",
    "asyncio": "pytest_asyncio.plugin",
    "hypothesispytest": "_hypothesis_pytestplugin",
    "timeout": "pytest_timeout",
}
"""Of pytest, by the names that it knows them by."""

_MEMORY = 8 << 30
"""Bytes of address space of a trial: a loop that collects shall not take the machine along."""


class Verdict(NamedTuple):
    """What the tests said of a mutation."""

    outcome: str
    """`killed`, `survived` or `timeout`."""
    by: str
    """The test that failed; empty if none did, or if nothing could be imported."""
    seconds: float


class _FirstFailure:
    """A plugin that keeps the name of the first test that fails."""

    def __init__(self) -> None:
        self.name = ""

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed and not self.name:
            self.name = report.nodeid


def main() -> None:
    """Trials of the module as it is say how long others may take. Ends the process if one fails."""
    module, tests = Path(sys.argv[1]), sys.argv[2:]
    # The copy keeps what is compiled, whatever the environment says: each trial imports the whole package.
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    _preload()
    original = module.read_bytes()
    # The first round compiles the whole package, and its times do not count.
    limits = dict.fromkeys(tests, 20 * MIN_SECONDS)
    verdict = _judge(limits)
    for test in tests:
        if verdict.outcome == "survived":
            verdict = _trial(test, limits[test])
            limits[test] = max(MIN_SECONDS, verdict.seconds * TIMES_AS_LONG)
    print(json.dumps(verdict), flush=True)
    if verdict.outcome != "survived":
        sys.exit(1)
    # A compiled file is taken for current by seconds and size: mutations follow one another faster.
    sys.dont_write_bytecode = True
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    for compiled in module.parent.glob(f"__pycache__/{module.stem}.*"):
        compiled.unlink()
    for line in sys.stdin:
        module.write_text(json.loads(line))
        print(json.dumps(_judge(limits)), flush=True)
        module.write_bytes(original)


def _judge(limits: Mapping[str, float]) -> Verdict:
    """Run files of tests, each within its limit in seconds, until one fails."""
    seconds = 0.0
    for test, limit in limits.items():
        verdict = _trial(test, limit)
        seconds = round(seconds + verdict.seconds, 2)
        if verdict.outcome != "survived":
            return verdict._replace(seconds=seconds)
    return Verdict("survived", "", seconds)


def _preload() -> None:
    """Import what the tests import from elsewhere, and forget the project's own modules again."""
    for name in ("tests.proxy.bench", "tests.wire.gateway_process", *_PLUGINS.values()):
        importlib.import_module(name)
    for name in [name for name in sys.modules if name.partition(".")[0] in {"cors_gateway", "tests"}]:
        del sys.modules[name]
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    settings.register_profile(
        "mutations",
        deadline=None,
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
    )


def _trial(test: str, limit: float) -> Verdict:
    """Run a file of tests until one fails; `limit` is in seconds of the processor, and twice that on the wall."""
    begun = time.monotonic()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        _run(test, limit, writing)
    os.close(writing)
    with os.fdopen(reading, "rb") as said, _ended(child):
        ready, _, _ = select.select([said], [], [], 2 * limit)
        answer = said.read() if ready else b""
    seconds = round(time.monotonic() - begun, 2)
    if not answer:
        return Verdict("timeout", "", seconds)
    status, by = json.loads(answer)
    return Verdict("killed" if status else "survived", by, seconds)


@contextlib.contextmanager
def _ended(child: int) -> Iterator[None]:
    """Ends the process afterwards, with all that its tests started."""
    try:
        yield
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError):
            os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


def _run(test: str, limit: float, writing: int) -> None:
    """In the forked process, which ends here."""
    os.setsid()
    resource.setrlimit(resource.RLIMIT_CPU, (int(limit), int(limit) + 1))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY, _MEMORY))
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(silence, stream)
    first = _FirstFailure()
    options = ["-x", "-q", "--tb=no", "-p", "no:cacheprovider", f"--timeout={limit}"]
    options += ["--hypothesis-profile=mutations"]
    # By name, because looking through all that is installed takes longer than many a test.
    options += [option for plugin in _PLUGINS for option in ("-p", plugin)]
    # The plugins are imported before pytest could rewrite their assertions, which is all that this warning says.
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    status = 1
    try:
        status = int(pytest.main([*options, test], plugins=[first]))
    finally:
        os.write(writing, json.dumps([status, first.name]).encode())
        os._exit(0)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
