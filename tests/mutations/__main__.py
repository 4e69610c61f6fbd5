"""`python -m tests.mutations [MODULE…]`: mutate modules, run their tests, list what no test notices and nobody explained.

Ends with 1 if there is something to do: a survivor without an explanation, or an explanation that is outdated.
"""

import argparse
import os
import random
import signal
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from tests.mutations import survivors
from tests.mutations.collected import Verdict
from tests.mutations.edits import Mutation, Name
from tests.mutations.modules import SUBJECTS, Subject
from tests.mutations.report import Report, digest
from tests.mutations.run import ROOT, BaselineFails, run

REPORT = ROOT / "build" / "mutations.jsonl"


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    explained = survivors.explained(survivors.FILE.read_text())
    report = Report(options.report)
    has_faults = False
    for subject in options.modules or SUBJECTS:
        try:
            verdicts = _judge(subject, report, options)
        except BaselineFails as fault:
            print(fault, file=sys.stderr)
            return 2
        has_faults |= _tell(subject, verdicts, explained.get(subject.path, {}))
    return int(has_faults)


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.mutations", description=__doc__)
    parser.add_argument(
        "modules",
        nargs="*",
        metavar="MODULE",
        type=_named,
        help="path of a module of the fast path, or how it ends: proxy/dispatch (all of them)",
    )
    parser.add_argument("--sample", type=_positive, metavar="N", help="try so many mutations of each module")
    parser.add_argument("--seed", type=int, default=0, metavar="S", help="which ones a sample takes (0)")
    parser.add_argument("--jobs", type=_positive, default=1, metavar="N", help="tests run side by side (1)")
    parser.add_argument(
        "--report",
        type=Path,
        default=REPORT,
        metavar="FILE",
        help="where verdicts are kept, to go on after a stop (build/mutations.jsonl)",
    )
    return parser.parse_args(arguments)


def _named(text: str) -> Subject:
    wanted = "/" + text.removesuffix(".py") + ".py"
    found = [subject for subject in SUBJECTS if f"/{subject.path}".endswith(wanted)]
    if len(found) != 1:
        known = ", ".join(subject.path for subject in SUBJECTS)
        raise argparse.ArgumentTypeError(f"{text} names {len(found)} modules of {known}")
    return found[0]


def _positive(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError(f"{text} is not a number above 0")
    return int(text)


def _judge(subject: Subject, report: Report, options: argparse.Namespace) -> dict[Name, Verdict | None]:
    """The verdict on each mutation of a module; None for what is not part of a sample."""
    path = ROOT / subject.path
    found = subject.mutations(path.read_bytes())
    module = digest([path])
    tests = {test: digest([ROOT / test, *_beside(test)]) for test in subject.tests}
    chosen = found
    if options.sample is not None and options.sample < len(found):
        chosen = random.Random(f"{options.seed} {subject.path}").sample(found, options.sample)
    verdicts: dict[Name, Verdict | None] = {mutation.name: None for mutation in found}
    left: dict[tuple[str, ...], list[Mutation]] = {}
    for mutation in chosen:
        verdicts[mutation.name] = report.noticed(module, mutation.name)
        if verdicts[mutation.name] is None:
            left.setdefault(report.untried(module, mutation.name, tests), []).append(mutation)
    for untried, waiting in left.items():
        if not untried:
            verdicts.update(dict.fromkeys([each.name for each in waiting], Verdict("survived", "", 0)))
            continue

        def note(mutation: Mutation, verdict: Verdict, tried: tuple[str, ...] = untried) -> None:
            report.put(module, mutation.name, verdict, [tests[test] for test in tried])
            verdicts[mutation.name] = verdict
            if os.isatty(sys.stderr.fileno()):
                known = sum(verdicts[each.name] is not None for each in chosen)
                print(f"\r{subject.path}: {known} of {len(chosen)}", end="", file=sys.stderr)

        run(Subject(subject.path, untried), waiting, options.jobs, note)
    return verdicts


def _beside(test: str) -> list[Path]:
    """What a file of tests may import, or be given by pytest, from beside it."""
    return sorted(file for file in (ROOT / test).parent.glob("*.py") if not file.name.startswith("test_"))


def _tell(subject: Subject, verdicts: dict[Name, Verdict | None], explained: dict[Name, str]) -> bool:
    """Print what came of a module. Whether there is something to do."""
    outcomes = Counter(verdict.outcome for verdict in verdicts.values() if verdict is not None)
    survived = [name for name, verdict in verdicts.items() if verdict and verdict.outcome == "survived"]
    killed = [name for name, verdict in verdicts.items() if verdict and verdict.outcome != "survived"]
    unexplained = [name for name in survived if name not in explained]
    print(
        f"{subject.path}: {outcomes.total()} of {len(verdicts)} mutations tried,"
        f" {len(killed)} noticed ({outcomes['timeout']} by the time they took),"
        f" {len(survived) - len(unexplained)} explained, {len(unexplained)} not explained"
    )
    if unexplained:
        print(survivors.entries(subject.path, unexplained))
    outdated = survivors.outdated(explained, verdicts, killed)
    for name, reason in outdated.items():
        print(f"outdated in {survivors.FILE.name}: {reason}: {name.scope}: {name.line}: {name.change}")
    return bool(unexplained or outdated)


if __name__ == "__main__":
    # Also who ends it gently leaves no copy behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
