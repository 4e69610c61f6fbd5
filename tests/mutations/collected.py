"""Tests that pytest has collected and that run when they are asked to: some of them, in an order, until one fails."""

import importlib
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest
from hypothesis import Phase, settings

from tests.mutations.reach import lines_run

EXAMPLES = 25
"""Of a property. The same ones each time, so that what passes on the module as it is passes always."""

_PLUGINS = {
    "aiohttp": "pytest_aiohttp.plugin",
    "asyncio": "pytest_asyncio.plugin",
    "hypothesispytest": "_hypothesis_pytestplugin",
    "timeout": "pytest_timeout",
}
"""Of pytest, by the names that it knows them by."""


class Verdict(NamedTuple):
    """What the tests said of a mutation."""

    outcome: str
    """`killed`, `survived`, or `timeout`: a test failed, and took long."""
    by: str
    """The test that failed; empty if none did, or if nothing could be imported."""
    seconds: float


class Ran(NamedTuple):
    """How a test went on the module as it is."""

    test: str
    seconds: float
    lines: list[int]
    """Of the module."""


class Collected:
    """A plugin of pytest that does something else with the tests it collected than to run them all."""

    def __init__(self, use: Callable[["Collected"], None]) -> None:
        self._use = use
        self._items: dict[str, pytest.Item] = {}
        self.failed = ""
        """What failed first, of what was collected and run."""

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._note(report)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._note(report)

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        self._items = {item.nodeid: item for item in session.items}
        self._use(self)
        return True

    def run(self, limits: Mapping[str, float], limit_of_others: float | None = None) -> Verdict:
        """Run tests, each within its seconds, until one fails.

        With a limit for others, those that were not there before run too: a changed constant names them otherwise.
        """
        begun, is_late = time.monotonic(), False
        wanted = {test: limit for test, limit in limits.items() if test in self._items}
        if limit_of_others is not None:
            wanted |= {test: limit_of_others for test in self._items if test not in limits}
        for test, limit in wanted.items():
            if self.failed:
                break
            item = self._items[test]
            item.add_marker(pytest.mark.timeout(limit), append=False)
            begun_last = time.monotonic()
            self._run(item)
            is_late = 2 * (time.monotonic() - begun_last) > limit
        seconds = round(time.monotonic() - begun, 2)
        if not self.failed:
            return Verdict("survived", "", seconds)
        return Verdict("timeout" if is_late else "killed", self.failed, seconds)

    def watch(self, module: Path) -> tuple[str, list[Ran]]:
        """Run all tests, to see which lines of a module they run. Ends with the first one that fails, and its name."""
        ran = []
        for test, item in self._items.items():
            begun = time.monotonic()
            with lines_run(module) as lines:
                self._run(item)
            if self.failed:
                break
            ran.append(Ran(test, round(time.monotonic() - begun, 4), sorted(lines)))
        return self.failed, ran

    def _run(self, item: pytest.Item) -> None:
        """By itself: what tests share is made for each, so that the order changes nothing."""
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)

    def _note(self, report: pytest.CollectReport | pytest.TestReport) -> None:
        if report.failed and not self.failed:
            self.failed = report.nodeid


def collect(tests: Sequence[str], use: Callable[[Collected], None]) -> None:
    """Have pytest collect files of tests, and use them; that does not happen if there are none."""
    options = ["-q", "--tb=line", "-p", "no:cacheprovider", "--hypothesis-profile=mutations"]
    # By name, because looking through all that is installed takes longer than many a test.
    options += [option for name in _PLUGINS for option in ("-p", name)]
    # The plugins are imported before pytest could rewrite their assertions, which is all that this warning says.
    options += ["-W", "ignore::pytest.PytestAssertRewriteWarning"]
    pytest.main([*options, *tests], plugins=[Collected(use)])


def prepare() -> None:
    """Import what pytest imports itself, and say how properties are tested."""
    for name in _PLUGINS.values():
        importlib.import_module(name)
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    settings.register_profile(
        "mutations",
        deadline=None,
        max_examples=EXAMPLES,
        derandomize=True,
        database=None,
        phases=[Phase.explicit, Phase.generate],
    )
