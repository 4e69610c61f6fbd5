"""When a reload happens, in which order, and what is said of it. The files and the data path are stand-ins."""

import asyncio
from pathlib import Path

from cors_gateway.config.load import Loaded
from cors_gateway.config.problems import Problem
from cors_gateway.server.lifecycle import Lifecycle, Phase
from cors_gateway.server.reload import Outcome, Reloader, Target
from cors_gateway.server.stable_load import fingerprint, load_when_stable
from cors_gateway.server.startup_error import StartupError
from cors_gateway.snapshot import Server, Snapshot

PROBLEM = Problem(code="schema.type", message="not a number", file="gateway.yaml", line=3, column=7)


def _loaded(name: str, *problems: Problem) -> Loaded:
    snapshot = Snapshot(Server(()), None, {}, (), fingerprint=name)
    return Loaded(snapshot if not problems else None, problems, name, ())


class World:
    """What is in the files, and what is served."""

    def __init__(self) -> None:
        self.in_files = _loaded("one")
        self.serving = _loaded("one").snapshot
        self.generation = 1
        self.loads = 0
        self.has_loaded = asyncio.Event()
        self.phases: list[Phase] = []
        self.obstacle: Exception | None = None
        self.lifecycle = Lifecycle()
        self.lifecycle.enter(Phase.READY)
        self.reloader = Reloader(
            Target(self._load, lambda: self.serving, lambda: self.generation, self._activate),  # type: ignore[arg-type,return-value]
            self.lifecycle,
        )

    async def _load(self) -> Loaded:
        self.loads += 1
        self.has_loaded.set()
        return self.in_files

    async def _activate(self, snapshot: Snapshot) -> None:
        self.phases.append(self.lifecycle.phase)
        if self.obstacle is not None:
            raise self.obstacle
        self.serving = snapshot
        self.generation += 1

    async def __aenter__(self) -> "World":
        self._task = asyncio.ensure_future(self.reloader.run())
        return self

    async def __aexit__(self, *details: object) -> None:
        self._task.cancel()
        await asyncio.wait({self._task})


async def test_a_new_configuration_is_put_in_service() -> None:
    async with World() as world:
        world.in_files = _loaded("two")
        result = await world.reloader.request("admin")

    assert (result.ok, result.outcome, result.generation) == (True, Outcome.APPLIED, 2)
    assert (world.phases, world.lifecycle.phase) == ([Phase.RELOADING], Phase.READY)
    assert world.reloader.counts.succeeded == 1
    assert world.reloader.counts.last is result


async def test_who_asks_right_after_the_watcher_is_told_since_when_it_is_in_force() -> None:
    async with World() as world:
        before = await world.reloader.request("admin")
        world.in_files = _loaded("two")
        world.reloader.trigger("watch")
        await world.reloader.request("watch")
        after = await world.reloader.request("admin")

    assert before.message.startswith("nothing has changed: generation 1 is in force since ")
    assert before.message.endswith(" s ago, the start")
    assert after.message.startswith("nothing has changed: generation 2 is in force since ")
    assert after.message.endswith(" s ago, when the files were seen to change")


async def test_errors_keep_the_old_configuration() -> None:
    async with World() as world:
        world.in_files = _loaded("two", PROBLEM)
        result = await world.reloader.request("admin")

    assert (result.ok, result.outcome, result.generation) == (False, Outcome.REJECTED, 1)
    assert result.as_dict()["problems"] == [PROBLEM.as_dict()]
    assert result.message == "the configuration was not replaced: 1 error, 0 warnings in 1 file"
    assert (world.reloader.counts.succeeded, world.reloader.counts.failed) == (0, 1)
    assert world.lifecycle.phase is Phase.READY


async def test_what_cannot_be_served_here_keeps_the_old_configuration() -> None:
    async with World() as world:
        world.in_files = _loaded("two")
        world.obstacle = StartupError("cannot listen on :80")
        result = await world.reloader.request("admin")

    assert (result.outcome, result.generation) == (Outcome.FAILED, 1)
    assert result.message == "the configuration was not replaced: cannot listen on :80"


async def test_the_same_content_is_no_reload() -> None:
    async with World() as world:
        result = await world.reloader.request("admin")

    assert (result.ok, result.outcome, world.phases) == (True, Outcome.UNCHANGED, [])
    assert world.reloader.counts.succeeded == 0


async def test_requests_of_one_moment_make_one_reload() -> None:
    async with World() as world:
        world.in_files = _loaded("two")
        world.reloader.trigger("signal")
        results = await asyncio.gather(*(world.reloader.request("admin") for _ in range(5)))

    assert world.loads == 1
    assert {result.generation for result in results} == {2}


async def test_a_request_during_a_reload_makes_another_one() -> None:
    async with World() as world:
        world.in_files = _loaded("two")
        first = asyncio.ensure_future(world.reloader.request("admin"))
        await world.has_loaded.wait()
        world.in_files = _loaded("three")
        second = await world.reloader.request("admin")

    assert (first.result().generation, second.generation) == (2, 3)


async def test_nothing_is_reloaded_while_draining() -> None:
    async with World() as world:
        world.lifecycle.enter(Phase.DRAINING)
        result = await world.reloader.request("admin")

    assert (result.ok, result.outcome, world.loads) == (False, Outcome.REFUSED, 0)
    assert result.message == "the process is draining; nothing is reloaded"


async def test_who_waits_for_a_reload_when_the_end_begins_is_refused() -> None:
    async with World() as world:
        waiting = asyncio.ensure_future(world.reloader.request("admin"))
        await asyncio.sleep(0)

    assert (await waiting).outcome is Outcome.REFUSED


async def test_a_mistake_of_ours_is_a_failed_reload_and_not_the_end() -> None:
    async with World() as world:
        world.in_files = _loaded("two")
        world.obstacle = ZeroDivisionError()
        broken = await world.reloader.request("admin")
        world.obstacle = None
        mended = await world.reloader.request("admin")

    assert (broken.outcome, mended.outcome) == (Outcome.FAILED, Outcome.APPLIED)
    assert broken.message == "the configuration was not replaced: internal error: ZeroDivisionError()"


async def test_a_file_that_is_being_written_is_read_again(tmp_path: Path) -> None:
    """The writer is half done at the first read and done at the second."""
    path = tmp_path / "gateway.yaml"
    path.write_text("version: 1\nrou")
    reads: list[str] = []

    def load() -> Loaded:
        reads.append(path.read_text())
        loaded = Loaded(None, (), fingerprint((str(path),)), (str(path),))
        path.write_text("version: 1\nroutes: []\n")
        return loaded

    await load_when_stable(load)

    assert reads == ["version: 1\nrou", "version: 1\nroutes: []\n"]
