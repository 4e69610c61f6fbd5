"""Who watches requests as they happen: a few subscriptions, each bounded, fed from whatever process carries the traffic.

While there is none the data path is not told to keep anything, and nobody asks it. What is kept is in `observe/feed.py`.
"""

import asyncio
import json
import logging
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from cors_gateway.observe.feed import Interest, Seen

MAX_SUBSCRIPTIONS = 8
MAX_WAITING = 1000
"""Lines that wait for one reader; the oldest make room, and are counted."""
POLL_SECONDS = 0.2


class TooManySubscriptionsError(Exception):
    """As many are watching as may."""


class Source(Protocol):
    """Where requests are seen; `engine.Engine` is one."""

    async def watch(self, interests: Sequence[Interest]) -> None:
        """Keep what is of these interests from now on; nothing if there are none."""

    async def seen(self) -> Seen:
        """What was kept since the last time."""


class Subscription:
    """What one reader has yet to read."""

    def __init__(self, interest: Interest) -> None:
        self.interest = interest
        self.is_open = True
        self._waiting: deque[str] = deque(maxlen=MAX_WAITING)
        self._lost = 0
        self._news = asyncio.Event()

    async def take(self, *, within: float) -> Seen:
        """What is new, as soon as there is something; nothing if there is none within so many seconds, or ever again."""
        try:
            async with asyncio.timeout(within):
                await self._news.wait()
        except TimeoutError:
            return Seen()
        if self.is_open:
            self._news.clear()
        seen = Seen(tuple(self._waiting), self._lost)
        self._waiting.clear()
        self._lost = 0
        return seen

    def offer(self, seen: Seen) -> None:
        """Add what is of interest."""
        wanted = [line for line in seen.lines if self._wants(line)]
        over = len(self._waiting) + len(wanted) - MAX_WAITING
        self._lost += seen.lost + max(0, over)
        self._waiting.extend(wanted)
        if wanted or seen.lost:
            self._news.set()

    def end(self) -> None:
        """Nothing comes any more."""
        self.is_open = False
        self._news.set()

    def _wants(self, line: str) -> bool:
        entry = json.loads(line)
        return self.interest.covers(entry["route"], entry.get("origin", ""))


class Subscriptions:
    """All who watch one process. To be used in its loop."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._open: list[Subscription] = []
        self._turn = asyncio.Lock()
        self._polling: asyncio.Task[None] | None = None

    @property
    def interests(self) -> tuple[Interest, ...]:
        """What is watched, each once."""
        return tuple(dict.fromkeys(one.interest for one in self._open))

    async def open(self, interest: Interest) -> Subscription:
        """Begin to watch. Raises TooManySubscriptionsError."""
        if len(self._open) >= MAX_SUBSCRIPTIONS:
            raise TooManySubscriptionsError(f"{MAX_SUBSCRIPTIONS} are watching already")
        subscription = Subscription(interest)
        self._open.append(subscription)
        await self._tell_source()
        return subscription

    async def close(self, subscription: Subscription) -> None:
        """End one."""
        subscription.end()
        if subscription in self._open:
            self._open.remove(subscription)
            await self._tell_source()

    def stop(self) -> None:
        """The process ends: so does every subscription."""
        for subscription in self._open:
            subscription.end()
        self._open.clear()
        if self._polling is not None:
            self._polling.cancel()
            self._polling = None

    async def _tell_source(self) -> None:
        async with self._turn:
            await self._source.watch(self.interests)
            if self._open and self._polling is None:
                self._polling = asyncio.get_running_loop().create_task(self._poll())
            elif not self._open and self._polling is not None:
                self._polling.cancel()
                self._polling = None

    async def _poll(self) -> None:
        while True:
            await asyncio.sleep(POLL_SECONDS)
            try:
                seen = await self._source.seen()
            except Exception:
                logging.getLogger(__name__).exception("what was seen could not be fetched")
                continue
            for subscription in list(self._open):
                subscription.offer(seen)
