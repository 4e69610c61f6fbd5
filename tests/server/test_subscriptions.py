"""Who watches: readers get what is of interest to them, slow ones lose the oldest, and nothing is asked for nobody."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from cors_gateway.observe.feed import Interest, Seen
from cors_gateway.server.subscriptions import (
    MAX_SUBSCRIPTIONS,
    MAX_WAITING,
    Subscription,
    Subscriptions,
    TooManySubscriptionsError,
)
from tests.admin.stand_in import Traffic

LIMIT = 30.0
A, B = "https://a.example", "https://b.example"


def line(origin: str = A, route: str = "api") -> str:
    return json.dumps({"origin": origin, "route": route})


@asynccontextmanager
async def watching(traffic: Traffic) -> AsyncIterator[Subscriptions]:
    subscriptions = Subscriptions(traffic)
    try:
        yield subscriptions
    finally:
        subscriptions.stop()


async def test_each_reader_gets_what_is_of_interest_to_it() -> None:
    traffic = Traffic()
    async with watching(traffic) as subscriptions:
        everything = await subscriptions.open(Interest())
        of_b = await subscriptions.open(Interest(origin=B))
        traffic.to_show = [line(A), line(B)]

        assert await everything.take(within=LIMIT) == Seen((line(A), line(B)))
        assert await of_b.take(within=LIMIT) == Seen((line(B),))


async def test_the_data_path_is_told_what_is_watched_and_when_nobody_watches_any_more() -> None:
    traffic = Traffic()
    async with watching(traffic) as subscriptions:
        one = await subscriptions.open(Interest(origin=A))
        two = await subscriptions.open(Interest(origin=A))
        three = await subscriptions.open(Interest(route="api"))
        assert list(traffic.interests) == [Interest(origin=A), Interest(route="api")]
        for subscription in (one, two, three):
            await subscriptions.close(subscription)

        assert list(traffic.interests) == []
        traffic.to_show = [line()]
        await asyncio.sleep(0.5)
        assert traffic.to_show == [line()]


async def test_a_slow_reader_loses_the_oldest_and_is_told_how_many() -> None:
    subscription = Subscription(Interest())
    subscription.offer(Seen(tuple(line(route=str(number)) for number in range(MAX_WAITING)), 1))
    subscription.offer(Seen((line(route="new"), line(route="newer"))))
    seen = await subscription.take(within=LIMIT)

    assert (len(seen.lines), seen.lost) == (MAX_WAITING, 3)
    assert (seen.lines[0], seen.lines[-1]) == (line(route="2"), line(route="newer"))


async def test_only_a_few_may_watch() -> None:
    async with watching(Traffic()) as subscriptions:
        for _ in range(MAX_SUBSCRIPTIONS):
            await subscriptions.open(Interest())
        with pytest.raises(TooManySubscriptionsError):
            await subscriptions.open(Interest())


async def test_readers_are_told_when_the_process_ends() -> None:
    async with watching(Traffic()) as subscriptions:
        subscription = await subscriptions.open(Interest())
        waiting = asyncio.ensure_future(subscription.take(within=LIMIT))
        await asyncio.sleep(0)
        subscriptions.stop()

        assert await waiting == Seen()
        assert not subscription.is_open
