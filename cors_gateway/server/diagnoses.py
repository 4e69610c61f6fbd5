"""Diagnosis for single origins: for a limited time their refused preflights are answered as `preflight_failure: diagnose`.

The browser's console then names the method or header that is missing. Everybody else is answered as the policies say.
Here is who is diagnosed and until when; the answers are made in `proxy/diagnosis.py`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass

from cors_gateway.observe.event import emit

MAX_SECONDS = 3600.0
MAX_ORIGINS = 16

Tell = Callable[[Collection[str]], Awaitable[None]]
"""Has the data path diagnose these origins and no others."""


class DiagnosisError(Exception):
    """A diagnosis that cannot begin; the text says why."""


@dataclass(slots=True)
class _Running:
    ends: float
    timer: asyncio.Task[None]


class Diagnoses:
    """The diagnoses of one process. They outlive reloads, not the process. To be used in its loop."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._running: dict[str, _Running] = {}
        self._turn = asyncio.Lock()

    @property
    def ends(self) -> dict[str, float]:
        """By origin when its diagnosis ends, in seconds since the epoch."""
        return {origin: running.ends for origin, running in self._running.items()}

    async def begin(self, origin: str, seconds: float) -> float:
        """Diagnose from now on, for so long; says when that ends, in seconds since the epoch.

        One that runs already gets the new end. Raises DiagnosisError.
        """
        if not 0 < seconds <= MAX_SECONDS:
            raise DiagnosisError(f"a diagnosis takes more than 0 s and at most {MAX_SECONDS:.0f} s")
        if len(self._running) >= MAX_ORIGINS and origin not in self._running:
            raise DiagnosisError(f"{MAX_ORIGINS} origins are diagnosed already")
        self._forget(origin)
        timer = asyncio.get_running_loop().create_task(self._end_after(origin, seconds))
        ends = time.time() + seconds
        self._running[origin] = _Running(ends, timer)
        await self._tell_all()
        emit("diagnosis_began", origin=origin, seconds=round(seconds, 3))
        return ends

    async def end(self, origin: str) -> bool:
        """End one before its time; False if there is none."""
        if not self._forget(origin):
            return False
        await self._tell_all()
        emit("diagnosis_ended", origin=origin)
        return True

    def stop(self) -> None:
        """The process ends: wait for nothing any more."""
        for origin in list(self._running):
            self._forget(origin)

    async def _end_after(self, origin: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        del self._running[origin]
        await self._tell_all()
        emit("diagnosis_ended", origin=origin)

    def _forget(self, origin: str) -> bool:
        running = self._running.pop(origin, None)
        if running is not None:
            running.timer.cancel()
        return running is not None

    async def _tell_all(self) -> None:
        async with self._turn:
            await self._tell(tuple(self._running))
