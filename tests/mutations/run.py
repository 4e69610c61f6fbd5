"""Mutations handed to workers, each in a copy of the tree of its own; the tree itself is never written to."""

import json
import os
import queue
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from tests.mutations.collected import Verdict
from tests.mutations.edits import Mutation
from tests.mutations.modules import Subject

ROOT = Path(__file__).parent.parent.parent

_COPIED = ("cors_gateway", "tests", "config", "docs", "pyproject.toml", "README.md")
_FORGOTTEN = shutil.ignore_patterns("__pycache__")


class BaselineFails(Exception):
    """The tests fail on the module as it is: nothing can be learnt from mutations."""


def run(
    subject: Subject, mutations: Sequence[Mutation], jobs: int, note: Callable[[Mutation, Verdict], None]
) -> None:
    """Try each mutation, as many at a time as there are jobs. `note` is called with each verdict, by one thread at once.

    Raises BaselineFails.
    """
    waiting: queue.SimpleQueue[Mutation] = queue.SimpleQueue()
    for mutation in mutations:
        waiting.put(mutation)
    lock, faults = threading.Lock(), list[Exception]()

    def work() -> None:
        try:
            with _worker(subject) as judge:
                while (mutation := _next(waiting)) is not None:
                    verdict = judge(mutation)
                    with lock:
                        note(mutation, verdict)
        except Exception as fault:  # raised again below, in the thread that waits
            faults.append(fault)

    threads = [threading.Thread(target=work) for _ in range(min(jobs, len(mutations)))]
    for thread in threads:
        thread.start()
    try:
        for thread in threads:
            thread.join()
    finally:
        # Who interrupts waits for the trials that are under way, and for no other.
        while _next(waiting) is not None:
            pass
    if faults:
        raise faults[0]


def _next(waiting: "queue.SimpleQueue[Mutation]") -> Mutation | None:
    try:
        return waiting.get_nowait()
    except queue.Empty:
        return None


@contextmanager
def _worker(subject: Subject) -> Iterator[Callable[[Mutation], Verdict]]:
    """Gives a function that judges mutations of the module."""
    with tempfile.TemporaryDirectory(prefix="mutations-") as name:
        copy = Path(name)
        for entry in _COPIED:
            if (ROOT / entry).is_dir():
                shutil.copytree(ROOT / entry, copy / entry, ignore=_FORGOTTEN)
            else:
                shutil.copy2(ROOT / entry, copy / entry)
        # Processes that tests start import the package from the copy too.
        environment = os.environ | {"PYTHONPATH": name}
        command = [sys.executable, "-m", "tests.mutations.worker", subject.path, *subject.tests]
        with subprocess.Popen(
            command, cwd=copy, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            baseline = _read(process.stdout.readline(), subject)
            if baseline.outcome != "survived":
                raise BaselineFails(
                    f"{subject.path}: {baseline.by or 'a test'} fails without any mutation ({baseline.outcome})"
                )

            def judge(mutation: Mutation) -> Verdict:
                assert process.stdin is not None
                assert process.stdout is not None
                edit = (mutation.start, mutation.end, mutation.replacement.decode())
                process.stdin.write(json.dumps(edit) + "\n")
                process.stdin.flush()
                return _read(process.stdout.readline(), subject)

            yield judge
            process.stdin.close()


def _read(line: str, subject: Subject) -> Verdict:
    if not line:
        raise BaselineFails(f"{subject.path}: the worker ended without a word; its complaint is above")
    return Verdict(*json.loads(line))
