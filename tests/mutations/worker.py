"""Runs tests on mutations, one at a time, in a copy of the tree: `python -m tests.mutations.worker MODULE TESTS…` there.

A line of JSON comes in for each mutation (first byte, last byte, what stands there instead), a line of JSON goes out (a
`Verdict`).

A process that has collected the tests forks for each mutation, and the fork gives the module's functions their changed
code: a trial costs what its tests cost. Only tests that run the changed statement can notice, and the quickest of them
begins. A statement that runs when the module is imported is tried in a process that imports everything, with all tests.
"""

import contextlib
import gc
import importlib
import json
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from tests.mutations.collected import Collected, Ran, Verdict, collect, prepare
from tests.mutations.forked import forked
from tests.mutations.reach import lines_run, statements
from tests.mutations.swap import CannotSwap, functions_of, swap

MIN_SECONDS = 6.0
TIMES_AS_LONG = 20
"""How much longer than on the module as it is a test may take, at least MIN_SECONDS."""

_BASELINE_SECONDS = 600
_IMPORT_SECONDS = 60

_Edit = tuple[int, int, str]
"""The first byte, the one after the last, and what stands there instead."""


_UNDECIDED = Verdict("", "", 0)
"""The change cannot be made while the module stays imported."""


class _Trial(NamedTuple):
    """What a process that imported the module as it is says of a mutation."""

    verdict: Verdict
    others: list[Ran]
    """Tests to run in a process that imports the changed module; empty if that is not needed."""


class _Warm:
    """Tests that are collected already, and what they run of the module."""

    def __init__(self, module: Path, source: bytes, imported: set[int], collected: Collected) -> None:
        """`imported` are the lines that ran before the first test."""
        self._module = module
        self._source = source
        self._imported = imported
        self._collected = collected
        self._statements = statements(source)
        self._functions = functions_of(module)
        self._ran: list[Ran] = []

    def watch(self) -> Verdict:
        """What all tests say of the module as it is, and which lines they run."""
        begun = time.monotonic()
        failed, ran = forked(lambda: self._collected.watch(self._module), _BASELINE_SECONDS) or ("", [])
        self._ran = sorted((Ran(*each) for each in ran), key=lambda each: each.seconds)
        seconds = round(time.monotonic() - begun, 2)
        return Verdict("survived" if self._ran and not failed else "killed", failed, seconds)

    def judge(self, edit: _Edit) -> _Trial:
        line = self._source.count(b"\n", 0, edit[0]) + 1
        lines = self._statements.get(line, range(0))
        verdict = self._try(edit, [each for each in self._ran if not set(lines).isdisjoint(each.lines)])
        runs_on_import = not lines or not self._imported.isdisjoint(lines)
        is_open = verdict == _UNDECIDED or (verdict.outcome == "survived" and runs_on_import)
        return _Trial(verdict, self._ran if is_open else [])

    def _try(self, edit: _Edit, chosen: Sequence[Ran]) -> Verdict:
        def change_and_run() -> Verdict:
            try:
                swap(self._functions, self._module, self._source, _edited(self._source, edit))
            except CannotSwap:
                return _UNDECIDED
            return _run(self._collected, chosen)

        return _in_time(change_and_run, chosen) if chosen else Verdict("survived", "", 0)


def main() -> None:
    """What the tests say of the module as it is comes first. Ends the process if one fails."""
    module, tests = Path(sys.argv[1]).resolve(), sys.argv[2:]
    # The copy keeps what is compiled, whatever the environment says: trials import the whole package.
    sys.dont_write_bytecode = False
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    _preload()
    source = module.read_bytes()
    ask, answers = _fork_warm(module, tests)
    baseline = Verdict(*json.loads(answers.readline() or '["killed", "", 0]'))
    print(json.dumps(baseline), flush=True)
    if baseline.outcome != "survived":
        sys.exit(1)
    # A compiled file is taken for current by seconds and size: mutations follow one another faster.
    sys.dont_write_bytecode = True
    os.environ["PYTHONDONTWRITEBYTECODE"] = "1"
    for compiled in module.parent.glob(f"__pycache__/{module.stem}.*"):
        compiled.unlink()
    for line in sys.stdin:
        ask.write(line)
        ask.flush()
        verdict, others = json.loads(answers.readline())
        if others:
            module.write_bytes(_edited(source, json.loads(line)))
            verdict = _try_anew([Ran(*each) for each in others])
            module.write_bytes(source)
        print(json.dumps(verdict), flush=True)


def _preload() -> None:
    """Import what the tests import from elsewhere, and forget the project's own modules again."""
    for name in ("tests.proxy.bench", "tests.proxy.stage"):
        importlib.import_module(name)
    for name in [name for name in sys.modules if name.partition(".")[0] in {"cors_gateway", "tests"}]:
        del sys.modules[name]
    prepare()


def _fork_warm(module: Path, tests: Sequence[str]) -> tuple[IO[str], IO[str]]:
    """Start the process that keeps what it collected. It takes edits and gives trials, a line of JSON each, and ends
    with its input."""
    asked, ask = os.pipe()
    answered, answer = os.pipe()
    if os.fork() == 0:
        try:
            os.close(ask)
            os.close(answered)
            _silence()
            with os.fdopen(asked) as edits, os.fdopen(answer, "w") as trials:
                _serve(module, tests, edits, trials)
        finally:
            os._exit(0)
    os.close(asked)
    os.close(answer)
    return os.fdopen(ask, "w"), os.fdopen(answered)


def _serve(module: Path, tests: Sequence[str], edits: IO[str], trials: IO[str]) -> None:
    with contextlib.ExitStack() as importing:
        imported = importing.enter_context(lines_run(module))

        def answer(collected: Collected) -> None:
            importing.close()
            warm = _Warm(module, module.read_bytes(), imported, collected)
            gc.freeze()
            print(json.dumps(warm.watch()), file=trials, flush=True)
            for line in edits:
                print(json.dumps(warm.judge(json.loads(line))), file=trials, flush=True)

        collect(tests, answer)


def _try_anew(chosen: Sequence[Ran]) -> Verdict:
    """Run tests in a process that imports the package as it stands in the copy."""

    def import_and_run() -> Verdict:
        _silence()
        verdict = Verdict("killed", "", 0)

        def use(collected: Collected) -> None:
            nonlocal verdict
            verdict = _run(collected, chosen, MIN_SECONDS)

        collect(sorted({each.test.partition("::")[0] for each in chosen}), use)
        return verdict

    return _in_time(import_and_run, chosen, _IMPORT_SECONDS)


def _in_time(job: Callable[[], Verdict], chosen: Sequence[Ran], more: float = 0) -> Verdict:
    """A verdict that comes from a forked process. Each test has its limit; this is for what no signal interrupts.

    A busy machine makes tests late too: what is late has to be so a second time.
    """
    limit = 2 * MIN_SECONDS + TIMES_AS_LONG / 2 * sum(each.seconds for each in chosen) + more
    late = Verdict("timeout", "", round(limit, 2))
    verdict = Verdict(*(forked(job, limit) or late))
    return verdict if verdict.outcome != "timeout" else Verdict(*(forked(job, limit) or late))


def _run(collected: Collected, chosen: Sequence[Ran], limit_of_others: float | None = None) -> Verdict:
    limits = {each.test: max(MIN_SECONDS, TIMES_AS_LONG * each.seconds) for each in chosen}
    return collected.run(limits, limit_of_others)


def _edited(source: bytes, edit: _Edit) -> bytes:
    start, end, replacement = edit
    return source[:start] + replacement.encode() + source[end:]


def _silence() -> None:
    """Nothing that a test says is for the one who asks."""
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in range(3):
        os.dup2(silence, stream)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt):
        main()
