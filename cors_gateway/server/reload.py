"""Reading the configuration again while serving the old one: when, in which order, and what is said about it.

One reload at a time. Triggers within a fifth of a second make one reload. The old configuration stays in service until
everything that can fail about the new one has been done.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum

from cors_gateway.config.load import Loaded
from cors_gateway.config.problems import Problem, summary
from cors_gateway.observe.event import emit
from cors_gateway.server.changes import NO_CHANGES, Changes, compare
from cors_gateway.server.lifecycle import Lifecycle, Phase
from cors_gateway.server.startup_error import StartupError
from cors_gateway.snapshot import Snapshot

DEBOUNCE_SECONDS = 0.2
_CAUSES = {
    "": "the start",
    "watch": "when the files were seen to change",
    "signal": "when SIGHUP came",
    "admin": "when it was asked for",
}

MAX_LOGGED_CHANGES = 50
"""All of them are in the answer to `POST /reload`."""


class Outcome(StrEnum):
    APPLIED = "applied"
    UNCHANGED = "unchanged"
    REJECTED = "rejected"
    """The configuration has errors."""
    FAILED = "failed"
    """The configuration is valid but cannot be served here."""
    REFUSED = "refused"
    """The process is about to end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReloadResult:
    """What came of one reload."""

    outcome: Outcome
    message: str
    generation: int
    """The generation in service afterwards."""
    time: float
    """When it ended, in seconds since the epoch."""
    seconds: float = 0.0
    problems: tuple[Problem, ...] = ()
    changes: Changes = NO_CHANGES

    @property
    def ok(self) -> bool:
        """Whether what is in the files is now in service."""
        return self.outcome in {Outcome.APPLIED, Outcome.UNCHANGED}

    def as_dict(self) -> dict[str, object]:
        """The answer to `POST /reload`."""
        return {
            "ok": self.ok,
            "outcome": self.outcome.value,
            "message": self.message,
            "generation": self.generation,
            "time": self.time,
            "seconds": round(self.seconds, 3),
            "problems": [problem.as_dict() for problem in self.problems],
            "changes": list(self.changes.lines),
        }


@dataclass(slots=True)
class ReloadCounts:
    """Reloads so far. A reload that found nothing new is no success and no failure."""

    succeeded: int = 0
    failed: int = 0
    last: ReloadResult | None = None
    last_good: float = field(default_factory=time.time)
    """When the files were last read without error, in seconds since the epoch."""
    warnings: tuple[Problem, ...] = ()
    """About the configuration in service."""

    def count(self, result: ReloadResult) -> None:
        if result.outcome is Outcome.APPLIED:
            self.succeeded += 1
        elif not result.ok:
            self.failed += 1
        if result.ok:
            self.last_good = result.time
            self.warnings = result.problems
        self.last = result


@dataclass(frozen=True, slots=True)
class Target:
    """What is reloaded: how to read, what is served now, and how to serve something else."""

    load: Callable[[], Awaitable[Loaded]]
    snapshot: Callable[[], Snapshot]
    generation: Callable[[], int]
    activate: Callable[[Snapshot], Awaitable[None]]
    """Raises StartupError, and then nothing has changed."""


class Reloader:
    """Does what SIGHUP, the watcher and `POST /reload` ask for. Works only while `run` does."""

    def __init__(self, target: Target, lifecycle: Lifecycle) -> None:
        self.counts = ReloadCounts()
        self.last_loaded: Loaded | None = None
        """What the last reload read, good or bad; the watcher compares with it."""
        self._target = target
        self._lifecycle = lifecycle
        self._wanted = asyncio.Event()
        self._source = ""
        self._waiting: list[asyncio.Future[ReloadResult]] = []
        self._since = time.time()
        """When what is in force came into force, and what for."""
        self._cause = ""

    def trigger(self, source: str) -> None:
        """Ask for a reload. `source` is the word in the log: `signal`, `watch`, `admin`."""
        self._source = source
        self._wanted.set()

    async def request(self, source: str) -> ReloadResult:
        """Ask for a reload and wait for it."""
        if self._lifecycle.phase not in {Phase.READY, Phase.RELOADING}:
            return self._refusal()
        answer: asyncio.Future[ReloadResult] = asyncio.get_running_loop().create_future()
        self._waiting.append(answer)
        self.trigger(source)
        return await answer

    async def run(self) -> None:
        """Reload whenever asked, until cancelled; who is waiting then is refused."""
        waiting: list[asyncio.Future[ReloadResult]] = []
        try:
            while True:
                await self._wanted.wait()
                await asyncio.sleep(DEBOUNCE_SECONDS)
                self._wanted.clear()
                waiting, self._waiting = self._waiting, []
                result = await self._reload(self._source)
                _answer(waiting, result)
        finally:
            _answer([*waiting, *self._waiting], self._refusal())

    async def _reload(self, source: str) -> ReloadResult:
        began = time.monotonic()
        self._lifecycle.enter(Phase.RELOADING)
        try:
            result = await self._attempt(began, source)
        except Exception as error:
            # A mistake of this program must not end it while it serves well.
            logging.getLogger(__name__).exception("reload failed")
            result = self._result(Outcome.FAILED, _not_replaced(f"internal error: {error!r}"), began)
        finally:
            self._lifecycle.enter(Phase.READY)
        self.counts.count(result)
        _report(result, source)
        return result

    async def _attempt(self, began: float, source: str) -> ReloadResult:
        loaded = self.last_loaded = await self._target.load()
        serving = self._target.snapshot()
        if loaded.snapshot is None:
            message = _not_replaced(summary(loaded.problems))
            return self._result(Outcome.REJECTED, message, began, loaded.problems)
        if loaded.fingerprint == serving.fingerprint:
            return self._result(Outcome.UNCHANGED, self._unchanged(), began, loaded.problems)
        try:
            await self._target.activate(loaded.snapshot)
        except StartupError as error:
            return self._result(Outcome.FAILED, _not_replaced(str(error)), began, loaded.problems)
        self._since, self._cause = time.time(), source
        message = f"the configuration was replaced by generation {self._target.generation()}"
        changes = await asyncio.to_thread(compare, serving, loaded.snapshot)
        return self._result(Outcome.APPLIED, message, began, loaded.problems, changes)

    def _unchanged(self) -> str:
        """Somebody who asks right after the watcher would think that nothing had come of his edit."""
        ago = time.time() - self._since
        moment = datetime.fromtimestamp(self._since, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
        why = _CAUSES.get(self._cause, self._cause)
        return (
            f"nothing has changed: generation {self._target.generation()} is in force since {moment}, "
            f"{round(ago):,} s ago, {why}"
        )

    def _result(
        self,
        outcome: Outcome,
        message: str,
        began: float,
        problems: tuple[Problem, ...] = (),
        changes: Changes = NO_CHANGES,
    ) -> ReloadResult:
        return ReloadResult(
            outcome=outcome,
            message=message,
            generation=self._target.generation(),
            time=time.time(),
            seconds=time.monotonic() - began,
            problems=problems,
            changes=changes,
        )

    def _refusal(self) -> ReloadResult:
        return ReloadResult(
            outcome=Outcome.REFUSED,
            message=f"the process is {self._lifecycle.phase}; nothing is reloaded",
            generation=self._target.generation(),
            time=time.time(),
        )


def report_problems(problems: tuple[Problem, ...]) -> None:
    """One event for each."""
    for problem in problems:
        level = logging.ERROR if problem.is_error else logging.WARNING
        emit("config_problem", level=level, **problem.as_dict())


def _report(result: ReloadResult, source: str) -> None:
    if result.outcome is Outcome.UNCHANGED:
        emit("reload_unchanged", level=logging.DEBUG, source=source)
        return
    report_problems(result.problems)
    emit(
        "reload_ok" if result.ok else "reload_failed",
        level=logging.INFO if result.ok else logging.ERROR,
        source=source,
        message=result.message,
        generation=result.generation,
        seconds=round(result.seconds, 3),
        changes=_first(result.changes.lines) or None,
    )


def _not_replaced(reason: str) -> str:
    return f"the configuration was not replaced: {reason}"


def _first(lines: tuple[str, ...]) -> list[str]:
    more = len(lines) - MAX_LOGGED_CHANGES
    return [*lines[:MAX_LOGGED_CHANGES], *([f"and {more} more"] if more > 0 else [])]


def _answer(waiting: list[asyncio.Future[ReloadResult]], result: ReloadResult) -> None:
    for future in waiting:
        if not future.done():
            future.set_result(result)
