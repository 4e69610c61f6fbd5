"""What `compare` finds between nginx with the original and the gateway with the translation, for every case.

    python -m tests.migrate.compared [CASE...]

prints one line for each case: how many questions were asked of both, and how many differences have which name. Needs
nginx. A difference that nothing explains is printed in full.
"""

import asyncio
import contextlib
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import uvloop
import yaml

from cors_gateway.config.load import load
from cors_gateway.explain.described_request import parse_target
from cors_gateway.probe.asking import Manner, endpoint
from cors_gateway.probe.comparison import Difference, compare, unasked
from cors_gateway.probe.enquiry import Enquiry, plan_for
from cors_gateway.probe.question import moved
from cors_gateway.snapshot import Snapshot
from tests.migrate.backend import backends
from tests.migrate.case import Case, cases
from tests.migrate.explained import explanation
from tests.migrate.report import imported
from tests.migrate.running import running_nginx, running_translation

_MOST = 500
_TOKEN = "k3x"

Address = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Found:
    """The comparison of one case."""

    asked: int
    """Questions to each of the two."""
    named: tuple[tuple[Difference, str | None], ...] = ()
    """Differences with the name that explains them; None if none does."""

    @property
    def unexplained(self) -> list[str]:
        return [_shown(difference) for difference, name in self.named if name is None]

    @property
    def counts(self) -> Counter[str]:
        return Counter(name or "UNEXPLAINED" for _, name in self.named)


async def compared(case: Case, directory: Path) -> Found:
    """Ask both about every route, under every name that the case asks for. Nothing is asked if there is no translation."""
    report = imported(case)
    text = report["configuration"]
    if text is None:
        return Found(0)
    asked, differences = 0, list[Difference]()
    async with (
        backends(case.backends, directory) as places,
        running_translation(text, places, directory) as new,
    ):
        snapshot = load(directory / "moved.yaml", {}).snapshot
        assert snapshot is not None
        with running_nginx(case, places, directory) as olds:
            for host, port in _names_and_ports(case, text):
                count, found = await _compare(host, olds[port], new, snapshot)
                asked += count
                differences += found
    return Found(asked, tuple((each, explanation(each, case, report)) for each in differences))


async def _compare(host: str, old: Address, new: Address, snapshot: Snapshot) -> tuple[int, list[Difference]]:
    targets = [replace(parse_target(f"http://{name}:{port}/"), host=host) for name, port in (old, new)]
    manner = Manner(pause=0.0, host=host)
    # Once more with credentials, of which the translation need not know that nginx gave them.
    enquiries = [Enquiry(credentials=credentials, most=_MOST) for credentials in (False, True)]
    plans = [plan_for(targets[0], enquiry, snapshot, _TOKEN) for enquiry in enquiries]
    questions = list(dict.fromkeys(question for plan in plans for question in plan.questions))
    async with endpoint(targets[0], manner) as one, endpoint(targets[1], manner) as other:
        ones, others = await one.ask(questions), await other.ask(moved(questions, *targets))
        more = unasked(ones, others)
        ones += await one.ask(more)
        others += await other.ask(moved(more, *targets))
    return len(ones), compare(ones, others)


def _names_and_ports(case: Case, text: str) -> Iterator[tuple[str, str]]:
    """What the probes of the case ask for, on ports that the translation serves; a fragment says nothing of ports."""
    listen = yaml.load(text, yaml.CSafeLoader).get("server", {}).get("listen", ())
    addresses = [each["address"] if isinstance(each, dict) else each for each in listen]
    served = {address.rpartition(":")[2] for address in addresses}
    for host, port in dict.fromkeys((probe.ask["host"], probe.ask["port"]) for probe in case.probes):
        if port in served or not served:
            yield host, port


def _shown(difference: Difference) -> str:
    old, new = difference.one.exchange.answer, difference.other.exchange.answer
    sides = f"nginx: {old and old.status} {difference.one.text}; gateway: {new and new.status} {difference.other.text}"
    return f"{difference.aspect}: {difference.question}: {sides}"


def main(wanted: list[str]) -> int:
    """Print the table. 1 if something is unexplained."""
    failed = 0
    for case in cases():
        if wanted and case.name not in wanted:
            continue
        with (
            tempfile.TemporaryDirectory() as name,
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            found = runner.run(compared(case, Path(name)))
        counts = ", ".join(f"{count} {name}" for name, count in sorted(found.counts.items()))
        print(f"{case.name:36} {found.asked:4}  {counts or 'none'}")
        for text in found.unexplained:
            print(f"    {text}")
            failed = 1
    return failed


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        sys.exit(main(sys.argv[1:]))
