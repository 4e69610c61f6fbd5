"""Noticing changes where no events are to be had. The ways with events are in `test_live_reload.py`."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cors_gateway.config.load import Loaded
from cors_gateway.server.lifecycle import Lifecycle, Phase
from cors_gateway.server.reload import Reloader, Target
from cors_gateway.server.stable_load import fingerprint
from cors_gateway.server.watch import Watcher
from cors_gateway.snapshot import Server, Snapshot

DEADLINE = 30.0


class World:
    """A configuration of one file, which may or may not be there, and how often it was read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.reads: asyncio.Queue[str] = asyncio.Queue()
        lifecycle = Lifecycle()
        lifecycle.enter(Phase.READY)
        self.reloader = Reloader(
            Target(self._read, lambda: self._served, lambda: 1, self._activate), lifecycle
        )
        self._served = Snapshot(Server(()), None, {}, ())

    def load(self) -> Loaded:
        files = (str(self.path),)
        return Loaded(None, (), fingerprint(files), files)

    async def _read(self) -> Loaded:
        await self.reads.put(self.path.read_text() if self.path.exists() else "")
        return self.load()

    async def _activate(self, snapshot: Snapshot) -> None:
        pass

    async def wait_for_read(self) -> str:
        async with asyncio.timeout(DEADLINE):
            return await self.reads.get()

    async def __aenter__(self) -> "World":
        watcher = Watcher(self.path, self.reloader, self.load())
        self._tasks = [asyncio.ensure_future(work) for work in (self.reloader.run(), watcher.run())]
        return self

    async def __aexit__(self, *details: object) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.wait(self._tasks)


@pytest.fixture
def _no_events(monkeypatch: pytest.MonkeyPatch) -> None:
    async def refuse(*paths: object, **options: object) -> AsyncIterator[None]:
        raise OSError("inotify limit reached")
        yield

    monkeypatch.setattr("cors_gateway.server.watch.awatch", refuse)
    monkeypatch.setattr("cors_gateway.server.watch.POLL_SECONDS", 0.05)


@pytest.mark.usefixtures("_no_events")
async def test_without_events_the_content_is_looked_at_now_and_then(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text("one")
    async with World(path) as world:
        path.write_text("two")
        assert await world.wait_for_read() == "two"
        path.write_text("three")
        assert await world.wait_for_read() == "three"


@pytest.mark.usefixtures("_no_events")
async def test_a_bad_file_is_read_once_and_not_for_ever(tmp_path: Path) -> None:
    path = tmp_path / "gateway.yaml"
    path.write_text("one")
    async with World(path) as world:
        path.write_text("bad")
        await world.wait_for_read()
        path.write_text("mended")

        assert await world.wait_for_read() == "mended"
        assert world.reads.empty()


@pytest.mark.usefixtures("_no_events")
async def test_a_directory_that_goes_and_comes_back(tmp_path: Path) -> None:
    directory = tmp_path / "config"
    directory.mkdir()
    path = directory / "gateway.yaml"
    path.write_text("one")
    async with World(path) as world:
        path.unlink()
        directory.rmdir()
        assert await world.wait_for_read() == ""
        directory.mkdir()
        path.write_text("two")
        assert await world.wait_for_read() == "two"


def test_the_fingerprint_is_that_of_a_load(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("content")
    name, content = (hashlib.sha256(part).digest() for part in (str(path).encode(), b"content"))

    assert fingerprint((str(path),)) == hashlib.sha256(name + content).hexdigest()


@pytest.mark.parametrize("turns", range(6))
async def test_it_ends_also_when_something_changes_at_that_moment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, turns: int
) -> None:
    changed = asyncio.Event()

    async def events(*paths: object, **options: object) -> AsyncIterator[None]:
        while True:
            await changed.wait()
            changed.clear()
            yield

    monkeypatch.setattr("cors_gateway.server.watch.awatch", events)
    monkeypatch.setattr("cors_gateway.server.watch.FIRST_LOOK_SECONDS", 10 * DEADLINE)
    monkeypatch.setattr("cors_gateway.server.watch.POLL_SECONDS", 10 * DEADLINE)
    world = World(tmp_path / "gateway.yaml")
    task = asyncio.ensure_future(Watcher(world.path, world.reloader, world.load()).run())
    await asyncio.sleep(0.1)  # until it waits
    changed.set()
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task}, timeout=DEADLINE)

    assert task.cancelled()
