"""Noticing that the configuration has changed, whichever way files get changed.

Directories are watched, not files: an editor renames a new file over the old one, and a ConfigMap swaps a symbolic link
of the directory. Events only wake us up; what decides is the content, because a mount may bring no events and a copy
may keep the time stamps. The wake-up by time-out is therefore the fallback for everything.
"""

import asyncio
import contextlib
import logging
from collections.abc import Iterable
from pathlib import Path

from watchfiles import awatch

from cors_gateway.config.load import Loaded
from cors_gateway.observe.event import emit
from cors_gateway.server.open_files import is_short_of_files
from cors_gateway.server.reload import Reloader
from cors_gateway.server.stable_load import fingerprint

POLL_SECONDS = 10.0
"""Between two looks at the contents when no event comes."""
FIRST_LOOK_SECONDS = 0.5
"""After the watch was asked for: what happened before it was in place brought no event."""
GROUP_MILLISECONDS = 200
YAML_SUFFIXES = {".yaml", ".yml"}

Place = tuple[str, int, int]
"""A directory with the identity it had: one that was replaced must be watched anew."""


class Watcher:
    """Asks for a reload when the content of the files differs from what was last loaded, good or bad."""

    def __init__(self, path: Path, reloader: Reloader, loaded: Loaded) -> None:
        """`loaded` is what the process began with."""
        self._path = path
        self._reloader = reloader
        self._first = loaded
        self._wake = asyncio.Event()
        self._has_events = True
        self._tried = ""
        self._names: frozenset[str] = frozenset()

    async def run(self) -> None:
        """Watch until cancelled."""
        self._names = await asyncio.to_thread(_yaml_names, self._directories())
        places = await self._places()
        emit("watch", directories=sorted(path for path, _, _ in places), poll_seconds=POLL_SECONDS)
        while True:
            async with asyncio.TaskGroup() as tasks:
                events = tasks.create_task(self._wait_for_events(places))
                await self._look_until_moved(places)
                events.cancel()
            places = await self._places()

    @property
    def _latest(self) -> Loaded:
        return self._reloader.last_loaded or self._first

    async def _wait_for_events(self, places: frozenset[Place]) -> None:
        try:
            async for _ in awatch(
                *(path for path, _, _ in places),
                recursive=False,
                watch_filter=None,
                debounce=GROUP_MILLISECONDS,
            ):
                self._wake.set()
        except (OSError, RuntimeError) as error:
            # No inotify to be had, or a directory that went away just now; the clock has to do.
            if self._has_events:
                emit("watch_by_time", level=logging.WARNING, poll_seconds=POLL_SECONDS, message=str(error))
            self._has_events = False

    async def _look_until_moved(self, places: frozenset[Place]) -> None:
        """Look after every event and now and then; returns when other directories are to be watched."""
        patience = FIRST_LOOK_SECONDS
        while places == await self._places():
            # Not `wait_for`: in Python 3.11 it swallows a cancellation that comes together with what it waits for.
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(patience):
                    await self._wake.wait()
            self._wake.clear()
            await self._look()
            patience = POLL_SECONDS

    async def _look(self) -> None:
        latest = self._latest
        content = await asyncio.to_thread(fingerprint, latest.files)
        names = await asyncio.to_thread(_yaml_names, self._directories())
        if content in {latest.fingerprint, self._tried} and names == self._names:
            return
        if is_short_of_files():
            return  # what could not be read did not change; the next look tells
        self._tried = content
        self._names = names
        await self._reloader.request("watch")

    async def _places(self) -> frozenset[Place]:
        return await asyncio.to_thread(_identify, self._directories())

    def _directories(self) -> frozenset[Path]:
        """Where the files of the configuration are, and where more of them may appear."""
        root = self._path.absolute()
        found = {Path(name).parent for name in self._latest.files} | {root.parent}
        if root.is_dir():
            found |= {root, *_subdirectories(root)}
            found.discard(root.parent)
        return frozenset(found)


def _subdirectories(root: Path) -> Iterable[Path]:
    """Those right below; names with a dot belong to ConfigMaps and version control."""
    try:
        return [entry for entry in root.iterdir() if entry.is_dir() and not entry.name.startswith(".")]
    except OSError:
        return []


def _identify(directories: frozenset[Path]) -> frozenset[Place]:
    places = set()
    for directory in directories:
        with contextlib.suppress(OSError):
            status = directory.stat()
            places.add((str(directory), status.st_dev, status.st_ino))
    return frozenset(places)


def _yaml_names(directories: frozenset[Path]) -> frozenset[str]:
    """A new file can match an `include` pattern without any known file having changed."""
    names = set()
    for directory in directories:
        with contextlib.suppress(OSError):
            names |= {str(entry) for entry in directory.iterdir() if entry.suffix in YAML_SUFFIXES}
    return frozenset(names)
