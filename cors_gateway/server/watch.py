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
from cors_gateway.server.events import emit
from cors_gateway.server.reload import Reloader
from cors_gateway.server.stable_load import fingerprint

POLL_SECONDS = 10.0
"""Between two looks at the contents when no event comes."""
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
        self._stop = asyncio.Event()
        self._tried = ""
        self._names: frozenset[str] = frozenset()

    async def run(self) -> None:
        """Watch until cancelled."""
        self._names = await asyncio.to_thread(_yaml_names, self._directories(self._latest))
        is_watching = None
        try:
            while True:
                places = await asyncio.to_thread(_places, self._directories(self._latest))
                try:
                    is_watching = _report(places, is_watching)
                    await self._watch(places)
                except (OSError, RuntimeError) as error:
                    # No inotify to be had, or a directory that went away just now: look at the clock instead.
                    if is_watching is not False:
                        emit("watch_by_time", level=logging.WARNING, seconds=POLL_SECONDS, message=str(error))
                    is_watching = False
                    await asyncio.sleep(POLL_SECONDS)
                    await self._look()
        finally:
            self._stop.set()

    @property
    def _latest(self) -> Loaded:
        return self._reloader.last_loaded or self._first

    async def _watch(self, places: frozenset[Place]) -> None:
        """Look whenever something happens, until other directories must be watched."""
        if not places:
            raise FileNotFoundError("no directory to watch")
        wake_ups = awatch(
            *(path for path, _, _ in places),
            recursive=False,
            watch_filter=None,
            rust_timeout=int(POLL_SECONDS * 1000),
            yield_on_timeout=True,
            debounce=GROUP_MILLISECONDS,
            stop_event=self._stop,
        )
        async with contextlib.aclosing(wake_ups):
            # What happened before the watch began brought no event.
            await self._look()
            async for _ in wake_ups:
                await self._look()
                if places != await asyncio.to_thread(_places, self._directories(self._latest)):
                    return

    async def _look(self) -> None:
        latest = self._latest
        content = await asyncio.to_thread(fingerprint, latest.files)
        names = await asyncio.to_thread(_yaml_names, self._directories(latest))
        if content in {latest.fingerprint, self._tried} and names == self._names:
            return
        self._tried = content
        self._names = names
        await self._reloader.request("watch")

    def _directories(self, loaded: Loaded) -> frozenset[Path]:
        """Where the files of a configuration are, and where more of them may appear."""
        root = self._path.absolute()
        found = {Path(name).parent for name in loaded.files} | {root.parent}
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


def _places(directories: frozenset[Path]) -> frozenset[Place]:
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


def _report(places: frozenset[Place], was_watching: bool | None) -> bool:
    if was_watching is None:
        emit("watch", directories=sorted(path for path, _, _ in places), poll_seconds=POLL_SECONDS)
    return True
